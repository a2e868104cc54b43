using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.EventStoreDb;

/// <summary>A server that others use, too; one that elects for long; one that was restored to an older state.</summary>
public sealed class SharedServerTests : IAsyncLifetime
{
    private const int Many = 9_000_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Lines _lines = new();
    private FakeEventStore _store = null!;
    private EventStoreDbLog _log = null!;

    public async Task InitializeAsync()
    {
        _store = await FakeEventStore.StartAsync();
        _log = await OpenAsync("&defaultDeadline=1000");
    }

    public async Task DisposeAsync()
    {
        await CloseAsync(_log);
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task What_stands_behind_millions_of_others_events_is_read_however_long_that_takes()
    {
        // Longer than any call waits, and nothing found meanwhile.
        _store.LooksAtPerSecond = Many / 9;
        _store.AddForeign(Many);
        await _log.AppendAsync(Some.Commit("a", -1, count: 3));

        var read = await _log.ReadAllAsync(LogPosition.Start, 10, default).WaitAsync(Patience);

        Assert.Equal([0L, 1, 2], read.Select(e => e.Record.Version));
    }

    [Fact]
    public async Task What_was_passed_over_once_is_not_passed_over_again()
    {
        await _log.AppendAsync(Some.Commit("a", -1));
        _store.AddForeign(Many);
        var end = (await _log.ReadAllAsync(LogPosition.Start, 10, default).WaitAsync(Patience))[^1].Position;
        var looked = _store.LookedAt;

        Assert.Empty(await _log.ReadAllAsync(end, 10, default));
        await _log.AppendAsync(Some.Commit("b", -1));
        var next = await _log.ReadAllAsync(end, 10, default);

        Assert.Equal(Some.Stream("b"), Assert.Single(next).Record.Stream);
        Assert.True(_store.LookedAt - looked < Many / 10, $"{_store.LookedAt - looked} events were looked at again");
    }

    [Fact]
    public async Task A_read_that_breaks_among_others_events_goes_on_where_it_was()
    {
        _store.LooksAtPerSecond = Many / 3;
        _store.AddForeign(Many);
        await _log.AppendAsync(Some.Commit("a", -1));
        var looked = _store.LookedAt;
        var reading = _log.ReadAllAsync(LogPosition.Start, 10, default);
        while (_store.LookedAt - looked < Many / 2)
            await Task.Delay(5);

        await _store.RestartAsync(0);

        Assert.Single(await reading.WaitAsync(Patience));
        Assert.True(_store.LookedAt - looked < Many + Many / 2, $"{_store.LookedAt - looked} events were looked at");
    }

    [Fact]
    public async Task Who_follows_hears_of_the_way_over_others_events_and_begins_no_other_subscription()
    {
        _store.LooksAtPerSecond = Many / 3;
        _store.AddForeign(Many);
        await _log.AppendAsync(Some.Commit("a", -1));
        using var patience = new CancellationTokenSource(Patience);
        var positions = new List<LogPosition>();

        await foreach (var page in _log.SubscribeAsync(LogPosition.Start, 100, patience.Token))
        {
            if (page.Events.Count > 0)
                break;
            Assert.False(page.CaughtUp);
            positions.Add(page.Position);
        }

        Assert.True(positions.Distinct().Count() > 20, $"{positions.Count} pages on the way");
        Assert.Equal(positions.Order(), positions);
        Assert.Equal(1, _store.Subscriptions);
    }

    [Fact]
    public async Task A_server_whose_subscriptions_do_not_say_when_they_have_caught_up_is_read_all_the_same()
    {
        await CloseAsync(_log);
        _store.Version = "22.10.1";
        _log = await OpenAsync("&defaultDeadline=1000");
        _store.AddForeign(5000);
        await _log.AppendAsync(Some.Commit("a", -1, count: 3));
        _store.AddForeign(5000);

        var all = await _log.ReadAllAsync(LogPosition.Start, 2, default);
        var rest = await _log.ReadAllAsync(all[^1].Position, 2, default);

        Assert.Equal([0L, 1, 2], all.Concat(rest).Select(e => e.Record.Version));
        Assert.Empty(await _log.ReadAllAsync(rest[^1].Position, 2, default));
    }

    [Fact]
    public async Task An_append_that_is_never_answered_is_given_up_when_patience_is_over_and_not_later()
    {
        await CloseAsync(_log);
        _log = await OpenAsync("&defaultDeadline=60000");
        _store.Faults.Next("append", Fault.TimeOut, times: 10);
        var began = Stopwatch.GetTimestamp();

        var e = await Assert.ThrowsAsync<LedgerUnavailableException>(() => _log.AppendAsync(Some.Commit("a", -1)));

        Assert.True(e.OutcomeUnknown);
        // One try of it would take a minute.
        Assert.InRange(Stopwatch.GetElapsedTime(began), EventStoreDbLog.Patience - TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(45));
    }

    [Fact]
    public async Task What_happens_again_and_again_while_nobody_leads_is_said_once()
    {
        await _log.AppendAsync(Some.Commit("a", -1));
        _lines.Clear();
        _store.Faults.Next("append", Fault.NotLeader, times: 5);
        _store.Faults.Next("append", Fault.NoLeaderInfo, times: 5);

        await _log.AppendAsync(Some.Commit("a", 0)).WaitAsync(Patience);

        Assert.Equal(_lines.All.Distinct(StringComparer.Ordinal), _lines.All);
        Assert.InRange(_lines.All.Count(l => l.Contains("is made anew", StringComparison.Ordinal)), 1, 4);
    }

    [Fact]
    public async Task To_a_log_that_was_restored_to_an_older_state_nothing_is_appended()
    {
        await _log.AppendAsync(Some.Commit("a", -1, count: 20));
        _store.Truncate(5);
        await _store.RestartAsync(0);

        var e = await Assert.ThrowsAsync<LedgerUnavailableException>(() => _log.AppendAsync(Some.Commit("b", -1)));

        Assert.False(e.OutcomeUnknown);
        Assert.Contains("restored to an older state", e.Message, StringComparison.Ordinal);
        Assert.Equal(e.Message, _log.Trouble);
        Assert.Equal(5, _store.Count);
        Assert.Equal(5, (await _log.ReadStreamAsync(Some.Stream("a"), 0, 100, default)).Count);
    }

    [Fact]
    public async Task What_another_process_has_read_counts_as_well()
    {
        await _log.AppendAsync(Some.Commit("a", -1, count: 20));
        var read = (await _log.ReadAllAsync(LogPosition.Start, 100, default))[^1].Position;
        _store.Truncate(5);
        await _store.RestartAsync(0);
        await CloseAsync(_log);
        _log = await OpenAsync("");

        _log.MustReach(read);

        await Assert.ThrowsAsync<LedgerUnavailableException>(() => _log.AppendAsync(Some.Commit("b", -1)));
    }

    private async Task<EventStoreDbLog> OpenAsync(string options)
    {
        var choice = new EventStoreDbChoice(EventStoreDbSettings.Parse(_store.ConnectionString + options));
        var log = new EventStoreDbLog(choice, answers: null, TimeProvider.System, _lines);
        await log.StartAsync(default);
        return log;
    }

    private static async Task CloseAsync(EventStoreDbLog log)
    {
        await log.StopAsync(default);
        log.Dispose();
    }

    /// <summary>What an operator would see in the log of the service.</summary>
    private sealed class Lines : ILogger<EventStoreDbLog>
    {
        private readonly ConcurrentQueue<string> _all = new();

        public IReadOnlyCollection<string> All => _all;

        public void Clear() => _all.Clear();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (logLevel >= LogLevel.Information)
                _all.Enqueue(formatter(state, exception));
        }
    }
}
