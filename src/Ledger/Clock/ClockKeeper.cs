using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Clock;

/// <summary>
/// Has the clock of the ledger measured, from the start of the service on. Where the database's clock was set back, it takes out of the
/// tables what would wait for a time that has not come; what was recorded stands (TIM-1).
/// </summary>
public sealed class ClockKeeper(LedgerClock clock, NpgsqlDataSource database, ILogger<ClockKeeper> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private const int Tries = 10;

    private bool _isAway;
    private bool _isMended;

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        for (var n = 0; n < Tries && !await TryAsync(cancellationToken); n++)
            await Task.Delay(Pause, clock, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(LedgerClock.Interval, clock, stoppingToken));
            if (!stoppingToken.IsCancellationRequested)
                await TryAsync(stoppingToken);
        }
    }

    /// <summary>
    /// Leases, claims, outages and what nodes have told, of a time to come: the database's clock was ahead when they were written. Left
    /// as they are, nobody would be lost and nothing claimed again until that time.
    /// </summary>
    /// <param name="database">The database.</param>
    /// <param name="now">The time by the ledger's clock: what was measured decides, not what the connection that mends sees by itself.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task MendAsync(NpgsqlDataSource database, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            with held as (
                select agent_id, connection_id from ledger.lease
                where greatest(last_seen_at, closing_at) > $3 + $1 or claimed_until > $3 + $2
                order by agent_id, connection_id for update
            ), leases as (
                update ledger.lease l
                    set last_seen_at = least(l.last_seen_at, $3), closing_at = case when l.closing_at > $3 then $3 else l.closing_at end,
                        claimed_until = default
                    from held h where l.agent_id = h.agent_id and l.connection_id = h.connection_id
            ), due as (
                update ledger.due set claimed_until = default where claimed_until > $3 + $2
            ), outages as (
                update ledger.outage set from_at = least(from_at, $3), until_at = $3 where until_at > $3 + $1
            )
            update ledger.node set heard_until = least(heard_until, $3), seen_at = least(seen_at, $3)
                where greatest(heard_until, seen_at) > $3 + $1
            """
        );
        command.Parameters.AddValues(LedgerClock.Step, 10 * Claim.Lasts, now);
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task<bool> TryAsync(CancellationToken ct)
    {
        try
        {
            await clock.MeasureAsync(ct);
            // It may have been set back while no node was there.
            if (!_isMended)
                await MendAsync(database, clock.Now(), ct);
            _isMended = true;
            if (_isAway)
                logger.LogInformation("The database tells the time again");
            _isAway = false;
            return true;
        }
        catch (Exception e) when (LedgerClock.IsAway(e) && !ct.IsCancellationRequested)
        {
            if (!_isAway)
                logger.LogWarning("The database does not tell the time, which is counted on from when it last did: {Error}", e.Message);
            _isAway = true;
            return false;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
