using System.Diagnostics.Metrics;
using Npgsql;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Api.Audit;

/// <summary>Seals the ledger at intervals, on one node at a time, by an advisory lock of its connection.</summary>
internal sealed class SealWorker : BackgroundService
{
    private const string Lock = "seals";
    private static readonly TimeSpan Takeover = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Soonest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Glance = TimeSpan.FromMinutes(1);

    private readonly Sealer _sealer;
    private readonly NpgsqlDataSource _database;
    private readonly TimeSpan _interval;
    private readonly TimeProvider _clock;
    private readonly ILogger<SealWorker> _logger;
    private readonly Meter _meter = new(Telemetry.Name);
    private readonly TimeSpan _late;
    private volatile string? _stopped;
    private long _goodAt;
    private volatile string? _mismatch;

    public SealWorker(
        Sealer sealer,
        SealBook book,
        NpgsqlDataSource database,
        SealSettings settings,
        TimeProvider clock,
        ILogger<SealWorker> logger
    )
    {
        (_sealer, _database, _interval, _clock, _logger) = (sealer, database, settings.Interval, clock, logger);
        _late = 3 * _interval > Soonest ? 3 * _interval : Soonest;
        _goodAt = clock.GetTimestamp();
        Book = book;
        _meter.CreateObservableGauge(
            "presence_ledger.seals.events",
            () => book.Current.Sealed,
            description: "Events that seals cover, as far as this node knows"
        );
        _meter.CreateObservableGauge(
            "presence_ledger.seals.stopped",
            () => _stopped is null ? 0 : 1,
            description: "1 where this node cannot seal the ledger; why is in /health/ready"
        );
        _meter.CreateObservableGauge(
            "presence_ledger.seals.mismatch",
            () => _mismatch is null ? 0 : 1,
            description: "1 where the ledger is not the one that this node has noted its newest seal of"
        );
    }

    /// <summary>The seals, as far as this node knows.</summary>
    public SealBook Book { get; }

    /// <summary>Why this node cannot seal; null where it can, or another does.</summary>
    public string? Stopped => _stopped;

    /// <summary>What is to be said where something should have been sealed long since, by whichever node; null where nothing is overdue.</summary>
    public string? Overdue =>
        _interval > TimeSpan.Zero && _clock.GetElapsedTime(Interlocked.Read(ref _goodAt)) > _late && !IsFresh(Book.Current.Last)
            ? "The ledger was not sealed for longer than it should be"
                + (Book.Current.Last is { } last ? $", since {Instant.Format(last.SealedAt)}." : ".")
                + (_stopped is { } problem ? " " + problem : "")
            : null;

    /// <summary>Why the ledger is not the one that this node has noted the newest seal of; null where it is.</summary>
    public string? Mismatch => _mismatch;

    /// <inheritdoc />
    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var seals = _interval > TimeSpan.Zero;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                // Who has no key must not keep from it who has.
                if (await _sealer.ProblemAsync(stoppingToken) is not { } problem || !seals)
                    await LeadAsync(stoppingToken);
                else
                    Stop(problem);
                if (seals)
                    await LookAsync(stoppingToken);
                await Task.Delay(seals ? Takeover : Glance, _clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (SealNoteException e)
            {
                Stop(e.Message, isMismatch: true);
                await Task.WhenAny(Task.Delay(Takeover, _clock, stoppingToken));
            }
            catch (Exception e) when (e is SealingKeyException or InvalidDataException)
            {
                Stop(e.Message);
                await Task.WhenAny(Task.Delay(Takeover, _clock, stoppingToken));
            }
            catch (Exception e)
            {
                _logger.LogWarning("The ledger is not sealed for now: {Error}", e.Message);
                await Task.WhenAny(Task.Delay(Takeover, _clock, stoppingToken));
            }
        }
    }

    private async Task LeadAsync(CancellationToken ct)
    {
        if (_interval == TimeSpan.Zero)
        {
            Go();
            return;
        }
        await using var connection = await _database.OpenConnectionAsync(ct);
        if (!await Locks.TryAsync(connection, Lock, ct))
        {
            Go();
            return;
        }
        try
        {
            while (true)
            {
                var made = await _sealer.SealAsync(Actor.Ledger, gently: true, ct);
                Interlocked.Exchange(ref _goodAt, _clock.GetTimestamp());
                Go();
                if (made.Seals > 1)
                    _logger.LogInformation("{Seals} seals were made; {Events} events are sealed", made.Seals, made.Last!.EndOrdinal());
                await Task.Delay(_interval, _clock, ct);
                // With the connection the lock would be gone.
                await using var alive = new NpgsqlCommand("select 1", connection);
                await alive.ExecuteNonQueryAsync(ct);
            }
        }
        finally
        {
            await Locks.ReleaseAsync(connection, Lock);
        }
    }

    /// <summary>Whether another node seals, where this one does not.</summary>
    private async Task LookAsync(CancellationToken ct)
    {
        var last = (await Book.RefreshAsync(ct)).Last;
        if (IsFresh(last) || !(await _sealer.UnsealedSinceAsync(ct) is { } since && _clock.GetUtcNow() - since > _late))
            Interlocked.Exchange(ref _goodAt, _clock.GetTimestamp());
    }

    private bool IsFresh(LedgerSealed? last) => last is not null && _clock.GetUtcNow() - last.SealedAt < _late;

    private void Go() => (_stopped, _mismatch) = (null, null);

    private void Stop(string problem, bool isMismatch = false)
    {
        if (_stopped != problem)
            _logger.LogError("The ledger is not sealed by this node: {Problem}", problem);
        (_stopped, _mismatch) = (problem, isMismatch ? problem : null);
    }
}
