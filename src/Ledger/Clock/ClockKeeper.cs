using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

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
    public static async Task MendAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            with held as (
                select agent_id, connection_id from ledger.lease
                where greatest(last_seen_at, closing_at) > clock_timestamp() + $1 or claimed_until > clock_timestamp() + $2
                order by agent_id, connection_id for update
            ), leases as (
                update ledger.lease l
                    set last_seen_at = least(l.last_seen_at, n.now), closing_at = case when l.closing_at > n.now then n.now else l.closing_at end,
                        claimed_until = default
                    from held h, (select date_trunc('milliseconds', clock_timestamp()) as now) n
                    where l.agent_id = h.agent_id and l.connection_id = h.connection_id
            ), due as (
                update ledger.due set claimed_until = default where claimed_until > clock_timestamp() + $2
            ), outages as (
                update ledger.outage o set from_at = least(o.from_at, n.now), until_at = n.now
                    from (select date_trunc('milliseconds', clock_timestamp()) as now) n where o.until_at > clock_timestamp() + $1
            )
            update ledger.node set heard_until = least(heard_until, n.now), seen_at = least(seen_at, n.now)
                from (select date_trunc('milliseconds', clock_timestamp()) as now) n
                where greatest(heard_until, seen_at) > clock_timestamp() + $1
            """
        );
        command.Parameters.Add(new() { Value = LedgerClock.Step });
        command.Parameters.Add(new() { Value = 10 * Claim.Lasts });
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task<bool> TryAsync(CancellationToken ct)
    {
        try
        {
            await clock.MeasureAsync(ct);
            // It may have been set back while no node was there.
            if (!_isMended)
                await MendAsync(database, ct);
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
