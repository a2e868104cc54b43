using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections;

/// <summary>
/// Reads the log in order and keeps a read model: a page of events, a fold, the rows with the checkpoint in one transaction. One node
/// at a time does it, by an advisory lock of its connection; the checkpoint is compare-and-set, so that a node that lost the lock
/// without knowing changes nothing. An event that cannot be applied stops this read model, with the reason in health; nothing is
/// skipped.
/// </summary>
public sealed class ProjectionLoop(
    IReadModel model,
    ILog log,
    NpgsqlDataSource database,
    TimeProvider clock,
    ILogger<ProjectionLoop> logger
) : BackgroundService
{
    private static readonly TimeSpan Takeover = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(5);

    /// <summary>Longer than a takeover: an older version that nobody takes over meanwhile has no node any more.</summary>
    private static readonly TimeSpan BetweenLooks = 3 * Takeover;

    private readonly ReadModelTables _tables = new(model, live: true);
    private readonly Wake _projected = new();
    private readonly Trouble _standing = new(logger, clock, LogLevel.Error);
    private readonly Trouble _waiting = new(logger, clock);
    private volatile string? _stopped;
    private bool _indexed;
    private HashSet<string> _abandoned = [];
    private long? _lookedAt;

    /// <summary>What it keeps.</summary>
    public IReadModel Model => model;

    internal ILog Log => log;

    /// <summary>Completes when this node has projected more; take it before looking.</summary>
    public Task Projected => _projected.Next;

    /// <summary>Why the loop stands still; null while it does not.</summary>
    public string? Stopped => _stopped;

    /// <summary>Whether it has reached the end of the log; null where another node projects.</summary>
    public bool? CaughtUp { get; private set; }

    /// <summary>Makes ready for the start.</summary>
    /// <exception cref="Ledger.Postgres.NewerLedgerException">A newer version of the read model is there.</exception>
    public async Task PrepareAsync(CancellationToken ct)
    {
        await ReadModelTables.CreateTableAsync(database, ct);
        await _tables.RefuseNewerAsync(database, ct);
    }

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await PrepareAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(stoppingToken);
                if (await Locks.TryAsync(connection, _tables.Schema, stoppingToken))
                    await ProjectAndUnlockAsync(connection, stoppingToken);
                // Another node is at it, and says itself how it goes.
                _stopped = null;
                CaughtUp = null;
                await Task.Delay(Takeover, clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (LogEndsBeforeException e)
            {
                // Going on would lose what was recorded up to the old position.
                await StandStillAsync(
                    e.Message + " Check the log; to go on with it as it is, have the read side rebuilt (docs/operations.md).",
                    stoppingToken
                );
            }
            catch (Exception e) when (CatchUp.IsRefusal(e))
            {
                await StandStillAsync(e.Message, stoppingToken);
            }
            catch (Exception e)
            {
                _waiting.Is($"The read model {model.Name} waits: {e.Message}");
                await Task.WhenAny(Task.Delay(Takeover, clock, stoppingToken));
            }
        }
    }

    private async Task StandStillAsync(string reason, CancellationToken ct)
    {
        _stopped = reason;
        CaughtUp = false;
        _standing.Is($"The read model {model.Name} stands still: {reason}");
        await Task.WhenAny(Task.Delay(Again, clock, ct));
    }

    private async Task ProjectAndUnlockAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        try
        {
            var at = await _tables.FindAsync(connection, ct);
            if (at is not null && at.Store != log.Store)
                // A position of another store says nothing: what was read is read again from this one.
                logger.LogWarning("The read model {Model} is rebuilt: the ledger is kept in {Store} now", model.Name, log.Store);
            if (at?.Store != log.Store)
                at = await _tables.CreateAsync(connection, log.Store, ct);
            await new CatchUp(_tables, log, database, connection, clock, CatchUp.LargeWrite).RunAsync(
                at,
                until: null,
                written => TellAsync(connection, written, ct),
                ct
            );
        }
        finally
        {
            await Locks.ReleaseAsync(connection, _tables.Schema);
        }
    }

    private async Task TellAsync(NpgsqlConnection connection, CatchUpProgress filled, CancellationToken ct)
    {
        if (filled.CaughtUp && !_indexed)
        {
            await _tables.IndexAsync(connection, ct);
            _indexed = true;
        }
        if (filled.Events > 0 || filled.CaughtUp)
        {
            _stopped = null;
            _standing.IsOver($"The read model {model.Name} goes on");
            _waiting.IsOver($"The read model {model.Name} goes on");
        }
        CaughtUp = filled.CaughtUp;
        _projected.Give();
        if (filled.CaughtUp && !(_lookedAt is { } at && clock.GetElapsedTime(at) < BetweenLooks))
        {
            _lookedAt = clock.GetTimestamp();
            await DropOlderAsync(connection, ct);
        }
    }

    /// <summary>Drops the versions before this one, now that it has caught up, unless a node goes on with them.</summary>
    private async Task DropOlderAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var abandoned = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, version) in await _tables.OlderAsync(connection, ct))
        {
            var schema = $"{name}_v{version}";
            await using var transaction = await connection.BeginTransactionAsync(ct);
            if (
                !await Locks.TryInTransactionAsync(connection, schema, ct)
                || !await Locks.TryInTransactionAsync(connection, schema + "_next", ct)
            )
                continue;
            // Another node may be about to take it over: only who has gone for two looks is gone.
            abandoned.Add(schema);
            if (
                !_abandoned.Contains(schema)
                || !await ReadModelTables.TryDropAsync(connection, [schema, schema + "_next", schema + "_old"], ct)
            )
                continue;
            await ReadModelTables.ForgetAsync(connection, name, version, ct);
            await transaction.CommitAsync(ct);
            logger.LogInformation("Version {Version} of the read model {Model} was dropped: no node uses it any more", version, name);
        }
        _abandoned = abandoned;
    }
}
