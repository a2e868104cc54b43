using System.Data.Common;
using Microsoft.Extensions.Logging;

namespace PresenceLedger.Ledger.Clock;

/// <summary>
/// The clock of the ledger (TIM-1): that of the database server, by this node's own measure of how far away it is. Between two measures
/// the node's monotonic clock counts, so that whatever is done to its wall clock, and a database that is away for a while, do no harm.
/// It never goes back on a node, unless the database's own clock was set back.
/// </summary>
public sealed class LedgerClock : TimeProvider, IDisposable
{
    /// <summary>How often it is measured.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Who knows the time less exactly than this does not know it.</summary>
    public static readonly TimeSpan LeastExact = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// A database whose clock goes back by less than this is waited for, at half the pace of time; one that goes back further was set, and
    /// is followed at once.
    /// </summary>
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    /// <summary>By at most one part in so many do two clocks drift apart.</summary>
    private const int Drift = 5_000;

    private const int FirstSamples = 8;
    private const int Samples = 3;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

    private readonly ITimeSource _source;
    private readonly TimeProvider _own;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _disposed = new();
    private volatile Line? _line;
    private volatile Measure? _measure;
    private Task? _measuring;

    /// <summary>A clock that is not measured yet: until it is, it shows what the node's own does.</summary>
    /// <param name="source">Whom to ask; it is disposed with the clock.</param>
    /// <param name="own">The node's own clocks.</param>
    /// <param name="logger">The log of the service.</param>
    public LedgerClock(ITimeSource source, TimeProvider own, ILogger<LedgerClock> logger) =>
        (_source, _own, _logger) = (source, own, logger);

    /// <inheritdoc />
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <inheritdoc />
    public override long TimestampFrequency => _own.TimestampFrequency;

    /// <summary>Whether it is known what time it is, to <see cref="LeastExact"/>.</summary>
    public bool IsKnown => Inexactness is { } by && by <= LeastExact;

    /// <summary>By how much it may be wrong now, at most; null where it was never measured.</summary>
    public TimeSpan? Inexactness => _measure is { } measure ? new TimeSpan(measure.Bound(Since(measure.Best.At))) : null;

    /// <summary>How far the node's own clock is ahead; negative where it is behind, null where that is not known.</summary>
    public TimeSpan? OwnAhead => _line is null ? null : _own.GetUtcNow() - GetUtcNow();

    /// <summary>How long ago it was measured last; null where it never was.</summary>
    public TimeSpan? Age => _measure is { } measure ? _own.GetElapsedTime(measure.TakenAt) : null;

    /// <inheritdoc />
    public override long GetTimestamp() => _own.GetTimestamp();

    /// <inheritdoc />
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        _own.CreateTimer(callback, state, dueTime, period);

    /// <inheritdoc />
    public override DateTimeOffset GetUtcNow() =>
        _line is { } line ? new DateTimeOffset(line.Show(Since(line.At)), TimeSpan.Zero) : _own.GetUtcNow();

    /// <summary>Completes once it is known what time it is: at once, but for a node that has just started, slept or lost its database long ago.</summary>
    /// <exception cref="LedgerUnavailableException">That cannot be found out.</exception>
    public ValueTask KnownAsync(CancellationToken ct)
    {
        return IsKnown && !HasJumped() ? ValueTask.CompletedTask : new ValueTask(AskedAsync());

        async Task AskedAsync()
        {
            try
            {
                await MeasureAsync(ct);
            }
            catch (Exception e) when (IsAway(e) && !ct.IsCancellationRequested)
            {
                throw new LedgerUnavailableException("The database does not tell the time, and without it this node records nothing.", e);
            }
            if (!IsKnown)
                throw new LedgerUnavailableException("The database tells the time too late for this node to know it.", null);
        }
    }

    /// <summary>Measures how far away the database's clock is; those who ask meanwhile get the same measure.</summary>
    public Task MeasureAsync(CancellationToken ct)
    {
        lock (_lock)
            if (_measuring is not { IsCompleted: false })
                _measuring = MeasuredAsync();
        return _measuring.WaitAsync(ct);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        if (_disposed.IsCancellationRequested)
            return;
        _disposed.Cancel();
        _disposed.Dispose();
        _source.Dispose();
    }

    /// <summary>Whether an exception says that the database could not be asked.</summary>
    internal static bool IsAway(Exception e) => e is DbException or TimeoutException or IOException or OperationCanceledException;

    private async Task MeasuredAsync()
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(_disposed.Token);
        soon.CancelAfter(Longest);
        var samples = await _source.AskAsync(_own, _measure is null ? FirstSamples : Samples, soon.Token);
        Take(samples.Select(s => Sample.Of(s, _own)).MinBy(s => s.Error)!);
    }

    private void Take(Sample fresh)
    {
        var (taken, wall) = (_own.GetTimestamp(), _own.GetUtcNow());
        if (_measure is not { } before || _line is not { } line)
        {
            _line = new Line(fresh.At, fresh.Ticks, fresh.Ticks, new Highest());
            _measure = new Measure(fresh, taken, wall);
            var ahead = OwnAhead!.Value;
            if (ahead.Duration() >= Step)
                _logger.LogWarning(
                    "This node's clock is {Seconds:0.0} s ahead of the database's, by which events are dated",
                    ahead.TotalSeconds
                );
            return;
        }

        // What came with the quickest answer is the most exact; what contradicts it is newer, and so the other one does not hold any more.
        var between = Elapsed(before.Best.At, fresh.At);
        var bound = before.Bound(between);
        if (Math.Abs(before.Best.Ticks + between - fresh.Ticks) <= bound + fresh.Error && bound <= fresh.Error)
        {
            _measure = before with { TakenAt = taken, Wall = wall };
            return;
        }
        var (target, shown) = (fresh.Ticks + Since(fresh.At), line.Show(Since(line.At)));
        var by = TimeSpan.FromTicks(target - shown);
        if (by <= -Step)
        {
            _line = new Line(taken, target, target, new Highest());
            _logger.LogWarning("The database's clock went back by {Seconds:0.0} s, and the ledger's with it", -by.TotalSeconds);
        }
        else
        {
            _line = new Line(taken, target, shown, line.Highest);
            if (by >= Step)
                _logger.LogWarning("The database's clock went forward by {Seconds:0.0} s, and the ledger's with it", by.TotalSeconds);
        }
        _measure = new Measure(fresh, taken, wall);
    }

    /// <summary>
    /// Whether the node's wall clock and its monotonic one have gone apart since the last measure: one was set, or the machine slept, in
    /// which the monotonic one stands still.
    /// </summary>
    private bool HasJumped() =>
        _measure is { } measure && (_own.GetUtcNow() - measure.Wall - _own.GetElapsedTime(measure.TakenAt)).Duration() > Step;

    private long Since(long timestamp) => Elapsed(timestamp, _own.GetTimestamp());

    private long Elapsed(long from, long to) => _own.GetElapsedTime(from, to).Ticks;

    /// <summary>What one answer tells.</summary>
    /// <param name="At">The middle of the round trip, by the node's monotonic clock.</param>
    /// <param name="Ticks">The database's time then.</param>
    /// <param name="Error">By how much that may be wrong: half the round trip.</param>
    private sealed record Sample(long At, long Ticks, long Error)
    {
        public static Sample Of(TimeAnswer answer, TimeProvider own) =>
            new(
                answer.AskedAt + (answer.AnsweredAt - answer.AskedAt) / 2,
                answer.Time.UtcTicks,
                own.GetElapsedTime(answer.AskedAt, answer.AnsweredAt).Ticks / 2
            );
    }

    /// <summary>The answer that is counted from, and when the database was asked last.</summary>
    private sealed record Measure(Sample Best, long TakenAt, DateTimeOffset Wall)
    {
        public long Bound(long elapsed) => Best.Error + Math.Abs(elapsed) / Drift;
    }

    /// <summary>
    /// What the clock shows, counted from a timestamp: the target, which goes with time, or what was shown already, which goes at half its
    /// pace until the target has come there.
    /// </summary>
    private sealed record Line(long At, long Target, long Shown, Highest Highest)
    {
        public long Show(long elapsed) => Highest.Raise(Math.Max(Target + elapsed, Shown + elapsed / 2));
    }

    /// <summary>The latest that was shown to anybody.</summary>
    private sealed class Highest
    {
        private long _ticks;

        public long Raise(long ticks)
        {
            var highest = Volatile.Read(ref _ticks);
            while (ticks > highest)
            {
                var seen = Interlocked.CompareExchange(ref _ticks, ticks, highest);
                if (seen == highest)
                    return ticks;
                highest = seen;
            }
            return highest;
        }
    }
}

/// <summary>Tells the time of the database server.</summary>
public interface ITimeSource : IDisposable
{
    /// <summary>Asks some times in a row.</summary>
    /// <param name="own">The node's clock, which counts how long each answer took.</param>
    /// <param name="times">How often.</param>
    /// <param name="ct">Cancellation.</param>
    Task<IReadOnlyList<TimeAnswer>> AskAsync(TimeProvider own, int times, CancellationToken ct);
}

/// <summary>An answer to the question what time it is.</summary>
/// <param name="AskedAt">Timestamp of the question.</param>
/// <param name="AnsweredAt">Timestamp of the answer.</param>
/// <param name="Time">The time, at some instant between these.</param>
public readonly record struct TimeAnswer(long AskedAt, long AnsweredAt, DateTimeOffset Time);

/// <summary>What the rest of the service asks of whatever clock it has.</summary>
public static class Clocks
{
    /// <summary>Completes once it is known what time it is.</summary>
    /// <exception cref="LedgerUnavailableException">That cannot be found out.</exception>
    public static ValueTask KnownAsync(this TimeProvider clock, CancellationToken ct) =>
        clock is LedgerClock measured ? measured.KnownAsync(ct) : ValueTask.CompletedTask;

    /// <summary>An instant up to which something is complete, as it may be told: never later than now (TIM-1).</summary>
    public static DateTimeOffset NotAfterNow(this TimeProvider clock, DateTimeOffset at) => clock.Now() is var now && at > now ? now : at;
}
