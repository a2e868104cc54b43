using Microsoft.Extensions.Logging;

namespace PresenceLedger.Ledger;

/// <summary>Answers that nobody is given any more go, now and then.</summary>
internal static class OldAnswers
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    public static async Task ForgetAsync(
        Func<CancellationToken, Task> forget,
        TimeProvider clock,
        ILogger logger,
        CancellationToken stopping
    )
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, clock, stopping);
                await forget(stopping);
            }
            catch (Exception e) when (e is Npgsql.NpgsqlException or TimeoutException or IOException or OperationCanceledException)
            {
                logger.LogDebug("Old answers stay until next time: {Error}", e.Message);
            }
        }
    }
}
