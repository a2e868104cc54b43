using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace PresenceLedger.Ledger;

/// <summary>
/// The log: the one truth. Append to streams at expected versions; read a stream either way; read all, and follow all, in an
/// order that never changes and never skips. Implementations: PostgreSQL, EventStoreDB, and in memory for scenarios and tests.
/// </summary>
public interface ILog
{
    /// <summary>What keeps it; a position of one store means nothing in another.</summary>
    string Store { get; }

    /// <summary>
    /// Which ledger this is for whoever keeps something beside it: the store, and the name of the database or the prefix of the streams.
    /// From what was configured, not from what is stored: whoever can write to the store cannot change it.
    /// </summary>
    string Name => Store;

    /// <summary>
    /// Whether positions are the numbers of events, from 1 on without gaps: the n-th event in global order has the position n, unless
    /// somebody deleted one.
    /// </summary>
    bool IsNumbered => false;

    /// <summary>Whether a commit may have several streams. Where not, each of them is a commit of its own.</summary>
    bool SpansStreams { get; }

    /// <summary>
    /// Appends, durably, all of a commit or nothing of it: every stream must stand at its expected version. Safe to repeat
    /// with the same event ids after an unknown outcome.
    /// </summary>
    /// <exception cref="LedgerUnavailableException">The log could not be reached in time, or does not take the commit.</exception>
    /// <exception cref="ArgumentException">It has several streams, and this log does not span streams.</exception>
    Task<AppendResult> AppendAsync(Commit commit);

    /// <summary>Up to <paramref name="count"/> events of a stream from a version on, upwards; empty where it has none.</summary>
    Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct);

    /// <summary>Up to <paramref name="count"/> events of a stream from a version on, downwards.</summary>
    Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(string stream, long fromVersion, int count, CancellationToken ct);

    /// <summary>
    /// Up to <paramref name="count"/> events after a position, in global order. What is not returned by a page that is not
    /// full was not committed when the page was read, and will come after everything in it.
    /// </summary>
    Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct);

    /// <summary>
    /// Follows the log from a position on, in global order, without loss or duplicate, over anything that may happen to the
    /// connection; ends only when it is cancelled. Where nothing happens, an empty page comes now and then.
    /// </summary>
    /// <exception cref="LogEndsBeforeException">The log ends before the position.</exception>
    /// <exception cref="InvalidDataException">An event cannot be read.</exception>
    IAsyncEnumerable<LogPage> SubscribeAsync(LogPosition after, int pageSize, CancellationToken ct);

    /// <summary>
    /// Why nothing is to be recorded, though the log can be reached: it ends before what was read of it, as after a restore; null where all is
    /// well.
    /// </summary>
    string? Trouble => null;

    /// <summary>Says that the log was read up to a position, be it by another process: where it ends before that, nothing is recorded.</summary>
    void MustReach(LogPosition position) { }

    /// <summary>How many events come after a position, counted up to a number; null for a log where counting is as much as reading.</summary>
    Task<long?> CountAfterAsync(LogPosition after, int atMost, CancellationToken ct) => Task.FromResult<long?>(null);

    /// <summary>The names of the streams that begin like this, in their order; null for a log that keeps no list of them.</summary>
    Task<IReadOnlyList<string>?> StreamsAsync(string prefix, CancellationToken ct) => Task.FromResult<IReadOnlyList<string>?>(null);

    /// <summary>
    /// Completes at the next append, on any node, as far as this node hears of it. Take it before reading, so that nothing falls
    /// between; and poll now and then, for a word may be lost.
    /// </summary>
    Task NextAppend { get; }

    /// <summary>The answer recorded under an idempotency key in the last 24 hours; null where there is none.</summary>
    Task<RecordedAnswer?> FindAnswerAsync(string key, CancellationToken ct);
}

/// <summary>What a subscription brings.</summary>
/// <param name="Events">The next events, in order; may be empty.</param>
/// <param name="Position">Up to here there is nothing else; what follows goes on from here.</param>
/// <param name="AsOf">Everything recorded up to this instant is in this page or before it; null where that is not known.</param>
/// <param name="CaughtUp">Whether the end of the log was reached; false while it is behind.</param>
public sealed record LogPage(IReadOnlyList<StoredEvent> Events, LogPosition Position, DateTimeOffset? AsOf, bool CaughtUp);

/// <summary>Events for one or more streams (a transfer has two), all or nothing, with the answer to remember.</summary>
/// <param name="Streams">May be empty where only the answer is to be remembered.</param>
/// <param name="Answer">Idempotency record; null where the caller gave no key.</param>
public sealed record Commit(IReadOnlyList<StreamAppend> Streams, RecordedAnswer? Answer = null)
{
    /// <summary>All events of the streams in the order that they are to have among all; stream by stream where left out.</summary>
    public IReadOnlyList<EventRecord>? Order { get; init; }

    /// <summary>All events, in their order.</summary>
    internal IEnumerable<EventRecord> Events => Order ?? Streams.SelectMany(s => s.Events);
}

/// <summary>New events of one stream.</summary>
/// <param name="Stream">Its name.</param>
/// <param name="ExpectedVersion">Version of its last event; -1 where it has none.</param>
/// <param name="Events">With versions from <paramref name="ExpectedVersion"/> + 1 on.</param>
public sealed record StreamAppend(string Stream, long ExpectedVersion, IReadOnlyList<EventRecord> Events);

/// <summary>An answer to remember for an idempotency key.</summary>
/// <param name="Key">The key, scoped to its actor.</param>
/// <param name="Fingerprint">SHA-256 over what was asked.</param>
/// <param name="Answer">What was answered: JSON.</param>
/// <param name="RecordedAt">When.</param>
public sealed record RecordedAnswer(string Key, byte[] Fingerprint, string Answer, DateTimeOffset RecordedAt)
{
    /// <summary>How long an answer is remembered.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(24);
}

/// <summary>What is the same for every log.</summary>
public static class LogExtensions
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Under load pages are read this far apart: what comes in meanwhile is read, folded and written together. What comes after a pause is read at
    /// once.
    /// </summary>
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(20);

    /// <summary>The page after a position.</summary>
    internal static async Task<LogPage> ReadPageAsync(this ILog log, LogPosition after, int count, TimeProvider clock, CancellationToken ct)
    {
        var asOf = clock.Now();
        var events = await log.ReadAllAsync(after, count, ct);
        var caughtUp = events.Count < count;
        return new LogPage(events, events.Count > 0 ? events[^1].Position : after, caughtUp ? asOf : null, caughtUp);
    }

    /// <summary>A subscription by reading pages, for a log that tells of appends to whoever asks.</summary>
    /// <param name="log">The log.</param>
    /// <param name="after">Where to begin.</param>
    /// <param name="read">Reads the page after a position.</param>
    /// <param name="clock">The time.</param>
    /// <param name="ct">Cancellation.</param>
    internal static async IAsyncEnumerable<LogPage> FollowAsync(
        this ILog log,
        LogPosition after,
        Func<LogPosition, Task<LogPage>> read,
        TimeProvider clock,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        while (true)
        {
            var next = log.NextAppend;
            var began = Stopwatch.GetTimestamp();
            var page = await read(after);
            after = page.Position;
            yield return page;
            if (page.Events.Count == 0)
                await Task.WhenAny(next, Task.Delay(Poll, clock, ct));
            else if (page.CaughtUp && Round - Stopwatch.GetElapsedTime(began) is { Ticks: > 0 } rest)
                // By the machine's time: nothing is dated by it.
                await Task.Delay(rest, ct);
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// Whether a position can be one of this log. It cannot where it was handed out before the events of this log were numbered.
    /// </summary>
    public static bool CanHave(this ILog log, LogPosition position) => !log.IsNumbered || position.Prepare == 0;

    /// <summary>What an idempotency key that is taken means: the answer of the first time, or that it is used for something else.</summary>
    public static async Task<CommandOutcome> RepeatedAsync(this ILog log, RecordedAnswer asked, CancellationToken ct)
    {
        var first =
            await log.FindAnswerAsync(asked.Key, ct)
            ?? throw new LedgerUnavailableException("The answer under this idempotency key expired this moment; try again.", null);
        return first.Fingerprint.AsSpan().SequenceEqual(asked.Fingerprint)
            ? new CommandOutcome.Repeated(first)
            : new CommandOutcome.KeyReused();
    }
}

/// <summary>What became of a commit.</summary>
public enum AppendVerdict
{
    /// <summary>It is in the log, now or by an earlier try with the same event ids.</summary>
    Appended,

    /// <summary>A stream does not stand at its expected version; nothing was written.</summary>
    Conflict,

    /// <summary>The idempotency key has an answer; nothing was written.</summary>
    KeyTaken,
}

/// <summary>
/// A verdict, and a place in global order by which the commit is there: its end, or that of what was written together with
/// it. Of no meaning where no events were appended.
/// </summary>
public sealed record AppendResult(AppendVerdict Verdict, LogPosition Position);

/// <summary>The log ends before a position that was read up to: it was restored to an older state, or is another one.</summary>
public sealed class LogEndsBeforeException(string message) : Exception(message);

/// <summary>The log could not be reached in time, or does not take what it is given.</summary>
public sealed class LedgerUnavailableException : Exception
{
    public LedgerUnavailableException(string message, Exception? inner, bool outcomeUnknown = false)
        : base(message, inner) => OutcomeUnknown = outcomeUnknown;

    /// <summary>
    /// The connection broke while a commit was under way and the log did not come back in time to ask: it may or may not be
    /// recorded. The same command with the same idempotency key finds out.
    /// </summary>
    public bool OutcomeUnknown { get; }
}
