using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Stores;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Hosting;

/// <summary>Lets the service start on the store with the ledger alone, and has the database remember which one that is.</summary>
internal sealed class StoreGuard(
    StoreMemory memory,
    ILog log,
    NpgsqlDataSource database,
    IConfiguration configuration,
    ILogger<StoreGuard> logger
) : BackgroundService
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(10);

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await memory.RememberAsync(configuration["Ledger:MovedFrom"], cancellationToken);
        // What this process has not seen, others may have before it: a log that was restored meanwhile ends before that.
        if (await ReadPosition.FurthestAsync(database, log.Store, cancellationToken) is { } read)
            log.MustReach(read);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>A new ledger has nothing yet by which it would be known again.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
            try
            {
                if (await memory.MarkAsync(stoppingToken))
                    return;
                await Task.Delay(Again, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or LedgerUnavailableException or TimeoutException)
            {
                logger.LogDebug("The store cannot be noted yet: {Error}", e.Message);
                await Task.WhenAny(Task.Delay(Again, stoppingToken));
            }
    }
}
