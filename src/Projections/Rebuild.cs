using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections;

/// <summary>What a rebuild is at.</summary>
public enum RebuildStage
{
    /// <summary>A new set of tables is begun.</summary>
    Begins,

    /// <summary>It goes on with one that was begun earlier.</summary>
    Resumes,

    /// <summary>There were no tables that are read; those are filled, none beside them.</summary>
    BeginsLive,

    /// <summary>Events are applied.</summary>
    Fills,

    /// <summary>Indexes are made.</summary>
    Indexes,

    /// <summary>The new tables are read from now on.</summary>
    Swapped,

    /// <summary>The tables before them are dropped.</summary>
    Dropped,

    /// <summary>They are still read by a query that does not end; the next rebuild drops them.</summary>
    Kept,
}

/// <summary>How far a rebuild is.</summary>
/// <param name="Stage">What it is at.</param>
/// <param name="Events">Events applied by this run.</param>
/// <param name="Part">How much of the log is applied, 0 to 1, by the positions in it; null where the end is not known.</param>
public sealed record RebuildProgress(RebuildStage Stage, long Events, double? Part);

/// <summary>A rebuild cannot be; the message says why.</summary>
public sealed class RebuildRefusedException(string message) : Exception(message);

/// <summary>
/// Builds a new set of tables of a read model beside the one that is read, and puts it in its place by renaming schemas. Queries go on
/// all the time. What is built goes exactly as far as what is read, and never further: the loop goes on from there.
/// </summary>
public sealed partial class Rebuild(IReadModel model, ILog log, NpgsqlDataSource database, TimeProvider clock)
{
    private const int Tries = 60;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ReadModelTables _live = new(model, live: true);
    private readonly ReadModelTables _next = new(model, live: false);
    private readonly string _old = model.Schema + "_old";

    /// <summary>Rebuilds; one that is broken off goes on when it is run again.</summary>
    /// <param name="restart">Begins anew, whatever an earlier one has built.</param>
    /// <param name="progress">Is told how it goes.</param>
    /// <param name="ct">Breaks it off.</param>
    /// <exception cref="RebuildRefusedException">Another one is under way.</exception>
    /// <exception cref="InvalidDataException">An event cannot be applied.</exception>
    /// <exception cref="LogEndsBeforeException">The log ends before what is read.</exception>
    public async Task RunAsync(bool restart, IProgress<RebuildProgress> progress, CancellationToken ct)
    {
        await ReadModelTables.CreateTableAsync(database, ct);
        await _live.RefuseNewerAsync(database, ct);
        await using var connection = await database.OpenConnectionAsync(ct);
        if (!await Locks.TryAsync(connection, _next.Schema, ct))
            throw new RebuildRefusedException($"Another rebuild of the read model '{model.Name}' is under way.");
        try
        {
            if (await _live.FindAsync(connection, ct) is { } live && live.Store == log.Store)
                await BesideAsync(connection, live, restart, progress, ct);
            else
                await FirstAsync(connection, progress, ct);
        }
        finally
        {
            await Locks.ReleaseAsync(connection, _next.Schema);
        }
    }

    private async Task BesideAsync(
        NpgsqlConnection connection,
        Checkpoint live,
        bool restart,
        IProgress<RebuildProgress> progress,
        CancellationToken ct
    )
    {
        // A log that ends before what is read gives another thing than what is read: it says so here.
        await foreach (var _ in log.SubscribeAsync(live.Position, 1, ct))
            break;
        if (!await DropOldAsync(connection, ct))
            throw new RebuildRefusedException($"A query still reads {_old}, which an earlier rebuild left. Try again once it has ended.");

        var next = restart ? null : await _next.FindAsync(connection, ct);
        if (next is not null && next.Store == log.Store && next.Position <= live.Position)
        {
            progress.Report(new RebuildProgress(RebuildStage.Resumes, 0, PartOf(next, live)));
            await _next.DropIndexesAsync(connection, ct);
        }
        else
        {
            progress.Report(new RebuildProgress(RebuildStage.Begins, 0, 0));
            await _next.CreateAsync(connection, log.Store, ct);
        }

        var events = 0L;
        await FillAsync();
        progress.Report(new RebuildProgress(RebuildStage.Indexes, events, 1));
        await _next.IndexAsync(connection, ct);
        do
        {
            await FillAsync();
        } while (!await SwapAsync(connection, ct));
        progress.Report(new RebuildProgress(RebuildStage.Swapped, events, 1));

        for (var n = 0; n < Tries; n++, await Task.Delay(Pause, ct))
            if (await DropOldAsync(connection, ct))
            {
                progress.Report(new RebuildProgress(RebuildStage.Dropped, events, 1));
                return;
            }
        progress.Report(new RebuildProgress(RebuildStage.Kept, events, 1));

        async Task FillAsync()
        {
            var from = await _next.FindAsync(connection, ct) ?? throw new CheckpointMovedException(_next.Schema);
            var to = await _live.FindAsync(connection, ct) ?? throw new CheckpointMovedException(_live.Schema);
            if (from.Position >= to.Position)
                return;
            await new CatchUp(_next, log, database, connection, clock, CatchUp.LargestWrite).RunAsync(
                from,
                to.Position,
                filled =>
                {
                    events += filled.Events;
                    progress.Report(new RebuildProgress(RebuildStage.Fills, events, PartOf(filled.At, to)));
                    return Task.CompletedTask;
                },
                ct
            );
        }
    }

    /// <summary>Nothing is read yet, so there is nothing to be beside: what a service does at its start, up to the end of the log.</summary>
    private async Task FirstAsync(NpgsqlConnection connection, IProgress<RebuildProgress> progress, CancellationToken ct)
    {
        if (!await Locks.TryAsync(connection, _live.Schema, ct))
            throw new RebuildRefusedException($"A service begins to fill the read model '{model.Name}' at this moment.");
        try
        {
            progress.Report(new RebuildProgress(RebuildStage.BeginsLive, 0, null));
            var at = await _live.CreateAsync(connection, log.Store, ct);
            var events = 0L;
            using var done = CancellationTokenSource.CreateLinkedTokenSource(ct);
            try
            {
                await new CatchUp(_live, log, database, connection, clock, CatchUp.LargestWrite).RunAsync(
                    at,
                    until: null,
                    TellAsync,
                    done.Token
                );
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                // The end of the log was reached.
            }
            progress.Report(new RebuildProgress(RebuildStage.Indexes, events, 1));
            await _live.IndexAsync(connection, ct);
            progress.Report(new RebuildProgress(RebuildStage.Swapped, events, 1));

            async Task TellAsync(CatchUpProgress filled)
            {
                events += filled.Events;
                progress.Report(new RebuildProgress(RebuildStage.Fills, events, null));
                if (filled.CaughtUp)
                    await done.CancelAsync();
            }
        }
        finally
        {
            await Locks.ReleaseAsync(connection, _live.Schema);
        }
    }

    /// <summary>Puts the new tables in the place of the old ones; false where they are too far behind by now.</summary>
    private async Task<bool> SwapAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await Locks.WaitInTransactionAsync(connection, Locks.Schemas, ct);
        // The loop waits from here on, and finds its checkpoint gone afterwards.
        var live = await _live.FindAsync(connection, ct, forUpdate: true) ?? throw new CheckpointMovedException(_live.Schema);
        var next = await _next.FindAsync(connection, ct, forUpdate: true) ?? throw new CheckpointMovedException(_next.Schema);
        var state = next.State;
        if (next.Position < live.Position)
        {
            var read = await log.ReadAllAsync(next.Position, CatchUp.LargeWrite, ct);
            if (read.Count == CatchUp.LargeWrite && read[^1].Position < live.Position)
                return false;
            StoredEvent[] missing = [.. read.TakeWhile(e => e.Position <= live.Position)];
            if (missing.Length > 0)
            {
                var changes = await _next.Open(next).FoldAsync(database, missing, ct);
                await changes.WriteAsync(connection, ct);
                state = changes.State;
            }
        }
        await ReadModelTables.ExecuteAsync(
            connection,
            $"alter schema {_live.Schema} rename to {_old}; alter schema {_next.Schema} rename to {_live.Schema}",
            ct
        );
        await _next.ReplaceAsync(connection, live with { State = state }, ct);
        await transaction.CommitAsync(ct);
        return true;
    }

    private async Task<bool> DropOldAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (!await ReadModelTables.TryDropAsync(connection, [_old], ct))
            return false;
        await transaction.CommitAsync(ct);
        return true;
    }

    private static double PartOf(Checkpoint next, Checkpoint live) =>
        live.Position.Number == 0 ? 1 : Math.Clamp((double)next.Position.Number / live.Position.Number, 0, 1);
}
