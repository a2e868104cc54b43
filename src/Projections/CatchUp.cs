using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;

namespace PresenceLedger.Projections;

/// <summary>What was written: how far the tables are, with how many more events, and whether there are no others yet.</summary>
internal sealed record CatchUpProgress(Checkpoint At, int Events, bool CaughtUp);

/// <summary>
/// Fills the tables of a read model from the log: while a page is written, the next one is folded and the one after it read. A page
/// and its checkpoint are one transaction.
/// </summary>
/// <param name="tables">The tables.</param>
/// <param name="log">The log.</param>
/// <param name="database">Where rows that are not in memory are read.</param>
/// <param name="connection">Writes; it has the lock of the tables.</param>
/// <param name="clock">The time.</param>
/// <param name="largest">The most events of a write.</param>
internal sealed class CatchUp(
    ReadModelTables tables,
    ILog log,
    NpgsqlDataSource database,
    NpgsqlConnection connection,
    TimeProvider clock,
    int largest
)
{
    /// <summary>The most events of a page while it is live: each is seen soon, and the transaction is short.</summary>
    public const int SmallPage = 500;

    /// <summary>The most events of a write while it is behind: an agent that changed often in it is written once.</summary>
    public const int LargeWrite = 20_000;

    /// <summary>
    /// The same where nothing but the filling goes on in this process. Not more, for what follows the log waits for the transaction.
    /// </summary>
    public const int LargestWrite = 200_000;

    /// <summary>The most events of a page while it is behind; pages are put together for a write.</summary>
    private const int LargePage = 4_000;

    private static readonly TimeSpan Breath = TimeSpan.FromSeconds(1);

    private long _writtenAt = Stopwatch.GetTimestamp();

    /// <summary>The clocks of two nodes are not further apart than this.</summary>
    private static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(500);

    /// <summary>Fills them, up to a place in the log or without an end.</summary>
    /// <exception cref="InvalidDataException">An event cannot be applied; all before it are.</exception>
    public async Task RunAsync(Checkpoint from, LogPosition? until, Func<CatchUpProgress, Task> filled, CancellationToken ct)
    {
        try
        {
            await PipeAsync(from, until, filled, ct);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            await StepAsync(until, filled, ct);
        }
    }

    /// <summary>An event cannot be read, or the database does not take what it gives: trying again does not help.</summary>
    public static bool IsRefusal(Exception? e) =>
        e switch
        {
            null => false,
            InvalidDataException or PostgresException { SqlState: ['2', '2' or '3', ..] } => true,
            _ => IsRefusal(e.InnerException),
        };

    private async Task PipeAsync(Checkpoint from, LogPosition? until, Func<CatchUpProgress, Task> filled, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var pages = Channel.CreateBounded<LogPage>(new BoundedChannelOptions(1) { SingleReader = true, SingleWriter = true });
        var reading = ReadAsync(pages.Writer, from.Position, until, stop.Token);
        var at = from;
        Task<CatchUpProgress>? writing = null;
        PendingPage? pending = null;
        try
        {
            var projector = tables.Open(from);
            await foreach (var page in pages.Reader.ReadAllAsync(ct))
            {
                var changes = page.Events.Count == 0 ? null : await projector.FoldAsync(database, page.Events, ct);
                pending = pending is null ? PendingPage.Of(page, changes) : pending.With(page, changes);
                // A page that is not full is the end of what there is for now.
                if (page.Events.Count >= LargePage && page.Position != until && pending.Events < largest)
                    continue;
                await WrittenAsync();
                writing = WriteAsync(at, pending, until, ct);
                pending = null;
                if (page.CaughtUp)
                    await WrittenAsync();
            }
            await WrittenAsync();
        }
        finally
        {
            await stop.CancelAsync();
            await reading;
            // The connection is free only then. What became of it the checkpoint tells.
            if (writing is not null)
                await Task.WhenAny(writing);
        }

        async Task WrittenAsync()
        {
            if (writing is null)
                return;
            var written = await writing;
            writing = null;
            at = written.At;
            await filled(written);
        }
    }

    private async Task ReadAsync(ChannelWriter<LogPage> to, LogPosition from, LogPosition? until, CancellationToken ct)
    {
        try
        {
            await foreach (var page in PagesAsync(from, until, ct))
                await to.WriteAsync(page, ct);
            to.Complete();
        }
        catch (Exception e)
        {
            // Told to who reads the pages, after the ones before it.
            to.Complete(e);
        }
    }

    /// <summary>Pages of the log; large ones as long as there is much to read.</summary>
    private async IAsyncEnumerable<LogPage> PagesAsync(
        LogPosition position,
        LogPosition? until,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        for (var size = SmallPage; ; )
        {
            await foreach (var next in log.SubscribeAsync(position, size, ct))
            {
                var page = until is { } end ? UpTo(next, end) : next;
                yield return page;
                if (page.Position == until)
                    yield break;
                position = page.Position;
                var fitting =
                    page.CaughtUp ? SmallPage
                    : page.Events.Count == size ? LargePage
                    : size;
                if (fitting == size)
                    continue;
                size = fitting;
                break;
            }
        }
    }

    private static LogPage UpTo(LogPage page, LogPosition end) =>
        page.Position >= end || page.CaughtUp
            ? new LogPage([.. page.Events.TakeWhile(e => e.Position <= end)], end, AsOf: null, CaughtUp: true)
            : page;

    private async Task<CatchUpProgress> WriteAsync(Checkpoint before, PendingPage pending, LogPosition? until, CancellationToken ct)
    {
        var asOf = pending.AsOf > before.AsOf ? pending.AsOf.Value : before.AsOf;
        // What another node recorded a moment ago may be a moment away by this node's clock; what is further away was recorded while the
        // clock was ahead, and says nothing of up to when all is here (TIM-1).
        if (asOf - clock.Now() is { Ticks: > 0 } away && away <= Apart)
            await Task.Delay(away, clock, ct);
        asOf = clock.NotAfterNow(asOf);
        // On a server that is shared there may be millions of others' events between two of the ledger's: who goes on begins where this was.
        var moved = pending.Position > before.Position && Stopwatch.GetElapsedTime(_writtenAt) > Breath;
        if (pending.Changes is null && (asOf - before.AsOf).Duration() <= Breath && pending.Position != until && !moved)
            return new CatchUpProgress(before, 0, pending.CaughtUp);

        var after = before with
        {
            Position = pending.Position,
            AsOf = asOf,
            Newest = pending.Newest > before.Newest ? pending.Newest : before.Newest,
            State = pending.Changes is { } changes ? changes.State : before.State,
        };
        await using var transaction = await connection.BeginTransactionAsync(ct);
        after = await tables.AdvanceCheckpointAsync(connection, before, after, ct);
        if (pending.Changes is not null)
            await pending.Changes.WriteAsync(connection, ct);
        await transaction.CommitAsync(ct);
        _writtenAt = Stopwatch.GetTimestamp();
        return new CatchUpProgress(after, pending.Events, pending.CaughtUp);
    }

    /// <summary>Applies what comes before an event that cannot be applied, by halves, so that the checkpoint stands right before it.</summary>
    private async Task StepAsync(LogPosition? until, Func<CatchUpProgress, Task> filled, CancellationToken ct)
    {
        var at = await tables.FindAsync(connection, ct) ?? throw new CheckpointMovedException(tables.Schema);
        while (await log.ReadAllAsync(at.Position, SmallPage, ct) is { Count: > 0 } read)
        {
            StoredEvent[] events = [.. read.Where(e => until is null || e.Position <= until)];
            var (projector, size) = (tables.Open(at), events.Length);
            for (var done = 0; done < events.Length; )
            {
                var part = events[done..Math.Min(done + size, events.Length)];
                try
                {
                    var changes = await projector.FoldAsync(database, part, ct);
                    var written = await WriteAsync(
                        at,
                        PendingPage.Of(new LogPage(part, part[^1].Position, AsOf: null, CaughtUp: false), changes),
                        until,
                        ct
                    );
                    at = written.At;
                    done += part.Length;
                    await filled(written);
                }
                catch (Exception e) when (part.Length > 1 && IsRefusal(e))
                {
                    size = part.Length / 2;
                    projector = tables.Open(at);
                }
                catch (Exception e) when (IsRefusal(e))
                {
                    var name = $"{part[0].Record.Stream}@{part[0].Record.Version}";
                    throw new InvalidDataException(
                        e.Message.StartsWith(name, StringComparison.Ordinal) ? e.Message : $"{name}: {e.Message}",
                        e
                    );
                }
            }
            if (events.Length < read.Count)
                return;
        }
    }

    /// <summary>What was folded and is not written yet: one page, or several put together.</summary>
    /// <param name="Changes">Null where there were no events.</param>
    /// <param name="Position">The end of the last page.</param>
    /// <param name="AsOf">
    /// What was complete up to an instant stays so; and what a page has, even if it was recorded while the page was read, is in it.
    /// </param>
    /// <param name="Newest">When the newest event was recorded.</param>
    /// <param name="Events">How many events.</param>
    /// <param name="CaughtUp">Whether there were no others.</param>
    private sealed record PendingPage(
        IPageChanges? Changes,
        LogPosition Position,
        DateTimeOffset? AsOf,
        DateTimeOffset Newest,
        int Events,
        bool CaughtUp
    )
    {
        public static PendingPage Of(LogPage page, IPageChanges? changes)
        {
            var newest = DateTimeOffset.MinValue;
            foreach (var e in page.Events)
                newest = newest > e.Record.RecordedAt ? newest : e.Record.RecordedAt;
            var asOf = page.Events.Count == 0 || page.AsOf > newest ? page.AsOf : newest;
            return new PendingPage(changes, page.Position, asOf, newest, page.Events.Count, page.CaughtUp);
        }

        public PendingPage With(LogPage page, IPageChanges? changes)
        {
            var next = Of(page, changes);
            return next with
            {
                Changes = Changes is null || changes is null ? changes ?? Changes : Changes.With(changes),
                AsOf = AsOf > next.AsOf || next.AsOf is null ? AsOf : next.AsOf,
                Newest = Newest > next.Newest ? Newest : next.Newest,
                Events = Events + next.Events,
            };
        }
    }
}
