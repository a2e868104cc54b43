using Microsoft.Extensions.Logging.Abstractions;
using PresenceLedger.Domain;
using PresenceLedger.Ledger.Clock;

namespace PresenceLedger.Ledger.Tests.Clock;

/// <summary>The clock of the ledger beside a node's own clocks and a database's, all of which go as a test says.</summary>
[Trait("Rule", Rules.Tim1)]
public sealed class LedgerClockTests : IDisposable
{
    private readonly Machine _node = new();
    private readonly Server _server;
    private readonly LedgerClock _clock;

    public LedgerClockTests()
    {
        _server = new Server(_node);
        _clock = new LedgerClock(_server, _node, NullLogger<LedgerClock>.Instance);
    }

    public void Dispose() => _clock.Dispose();

    [Theory]
    [InlineData(-70)]
    [InlineData(600)]
    [InlineData(86_400)]
    public async Task It_shows_what_the_database_does_whatever_the_node_shows(double seconds)
    {
        _node.Wall += TimeSpan.FromSeconds(seconds);
        await _clock.MeasureAsync(default);
        Off(TimeSpan.Zero, within: 2);
        Assert.Equal(seconds, _clock.OwnAhead!.Value.TotalSeconds, 0.01);
        _node.Pass(TimeSpan.FromMinutes(3));
        Off(TimeSpan.Zero, within: 2);
    }

    [Fact]
    public async Task A_node_whose_clock_is_set_meanwhile_shows_the_same_and_asks_again()
    {
        await _clock.MeasureAsync(default);
        var asked = _server.Asked;
        _node.Wall += TimeSpan.FromHours(5);
        Off(TimeSpan.Zero, within: 2);
        await _clock.KnownAsync(default);
        Assert.True(_server.Asked > asked, "it was not asked again");
        Off(TimeSpan.Zero, within: 2);
    }

    [Fact]
    public async Task A_machine_that_slept_asks_before_it_takes_anything()
    {
        await _clock.MeasureAsync(default);
        // The monotonic clock stands still meanwhile.
        _node.Wall += TimeSpan.FromHours(1);
        _server.Time += TimeSpan.FromHours(1);
        await _clock.KnownAsync(default);
        Off(TimeSpan.Zero, within: 2);
    }

    [Fact]
    public async Task The_quickest_answer_counts()
    {
        _server.Delays.AddRange([400, 3, 250, 1, 90, 90, 90, 90]);
        await _clock.MeasureAsync(default);
        Assert.InRange(_clock.Inexactness!.Value.TotalMilliseconds, 0, 1);
        _node.Pass(LedgerClock.Interval);
        // An answer that took longer is asked no better than the one before tells.
        _server.Delays.AddRange([300, 300, 300]);
        await _clock.MeasureAsync(default);
        Assert.InRange(_clock.Inexactness!.Value.TotalMilliseconds, 0, 2);
    }

    [Fact]
    public async Task A_node_that_cannot_ask_takes_nothing_and_one_that_could_goes_on_for_a_while()
    {
        _server.IsAway = true;
        await Assert.ThrowsAsync<LedgerUnavailableException>(async () => await _clock.KnownAsync(default));
        _server.IsAway = false;
        await _clock.KnownAsync(default);
        _server.IsAway = true;
        _node.Pass(TimeSpan.FromMinutes(5));
        await _clock.KnownAsync(default);
        _node.Pass(TimeSpan.FromDays(1));
        Assert.False(_clock.IsKnown);
        await Assert.ThrowsAsync<LedgerUnavailableException>(async () => await _clock.KnownAsync(default));
        _server.IsAway = false;
        await _clock.KnownAsync(default);
        Off(TimeSpan.Zero, within: 2);
    }

    [Fact]
    public async Task An_answer_that_comes_late_is_not_believed()
    {
        _server.Delays.AddRange(Enumerable.Repeat(1_200, 100));
        await Assert.ThrowsAsync<LedgerUnavailableException>(async () => await _clock.KnownAsync(default));
    }

    [Fact]
    public async Task A_database_whose_clock_goes_back_a_little_is_waited_for()
    {
        await _clock.MeasureAsync(default);
        _node.Pass(LedgerClock.Interval);
        var before = _clock.GetUtcNow();
        _server.Time -= TimeSpan.FromMilliseconds(600);
        await _clock.MeasureAsync(default);
        Assert.True(_clock.GetUtcNow() >= before);
        for (var n = 0; n < 20; n++)
        {
            _node.Pass(TimeSpan.FromMilliseconds(100));
            var now = _clock.GetUtcNow();
            Assert.True(now > before, $"{now:O} after {before:O}");
            before = now;
        }
        Off(TimeSpan.Zero, within: 3);
    }

    [Theory]
    [InlineData(-86_400)]
    [InlineData(86_400)]
    [InlineData(5)]
    public async Task A_database_whose_clock_is_set_is_followed_at_once(double seconds)
    {
        await _clock.MeasureAsync(default);
        _node.Pass(LedgerClock.Interval);
        _server.Time += TimeSpan.FromSeconds(seconds);
        await _clock.MeasureAsync(default);
        Off(TimeSpan.Zero, within: 2);
        Assert.True(_clock.IsKnown);
    }

    [Fact]
    public void What_is_complete_up_to_an_instant_is_not_told_to_be_complete_after_now()
    {
        _node.Wall = DateTimeOffset.UnixEpoch.AddYears(60);
        Assert.Equal(_clock.Now(), _clock.NotAfterNow(_clock.Now().AddDays(1)));
        Assert.Equal(_clock.Now().AddDays(-1), _clock.NotAfterNow(_clock.Now().AddDays(-1)));
    }

    /// <summary>How far the clock is from the database's.</summary>
    private void Off(TimeSpan by, double within) =>
        Assert.Equal(by.TotalMilliseconds, (_clock.GetUtcNow() - _server.Time).TotalMilliseconds, within);

    /// <summary>A node's two clocks: nothing passes unless it is said.</summary>
    private sealed class Machine : TimeProvider
    {
        private long _ticks = 12_345;

        public Action<TimeSpan>? Passed { get; set; }

        public DateTimeOffset Wall { get; set; } = new(2026, 1, 5, 8, 0, 0, TimeSpan.Zero);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public override DateTimeOffset GetUtcNow() => Wall;

        public void Pass(TimeSpan time)
        {
            _ticks += time.Ticks;
            Wall += time;
            Passed?.Invoke(time);
        }
    }

    /// <summary>A database server, with a clock of its own.</summary>
    private sealed class Server : ITimeSource
    {
        private readonly Machine _node;

        public Server(Machine node)
        {
            _node = node;
            Time = node.Wall;
            node.Passed += time => Time += time;
        }

        public DateTimeOffset Time { get; set; }

        public bool IsAway { get; set; }

        public int Asked { get; private set; }

        /// <summary>Milliseconds of the next round trips; two where nothing is said.</summary>
        public List<int> Delays { get; } = [];

        public Task<IReadOnlyList<TimeAnswer>> AskAsync(TimeProvider own, int times, CancellationToken ct)
        {
            Asked++;
            if (IsAway)
                throw new IOException("The database is away.");
            var answers = new List<TimeAnswer>();
            for (var n = 0; n < times; n++)
            {
                var trip = TimeSpan.FromMilliseconds(Delays.Count > 0 ? Delays[0] : 2);
                Delays.RemoveRange(0, Math.Min(1, Delays.Count));
                var asked = own.GetTimestamp();
                _node.Pass(trip / 2);
                var time = Time;
                _node.Pass(trip / 2);
                answers.Add(new TimeAnswer(asked, own.GetTimestamp(), time));
            }
            return Task.FromResult<IReadOnlyList<TimeAnswer>>(answers);
        }

        public void Dispose() { }
    }
}
