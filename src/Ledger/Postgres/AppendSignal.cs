using Microsoft.Extensions.Logging;
using Npgsql;

namespace PresenceLedger.Ledger.Postgres;

/// <summary>
/// Wakes those who follow the log. Within a node at once; other nodes by one NOTIFY for all that was appended meanwhile, outside
/// of the appending transactions: a NOTIFY inside would make their commits queue behind each other.
/// </summary>
internal sealed class AppendSignal(NpgsqlDataSource database, TimeProvider clock, ILogger logger) : IDisposable
{
    internal const string Channel = "presence_ledger";
    private readonly Wake _appended = new();
    private readonly SemaphoreSlim _toTell = new(0, 1);

    public void Appended()
    {
        _appended.Give();
        try
        {
            if (_toTell.CurrentCount == 0)
                _toTell.Release();
        }
        catch (SemaphoreFullException)
        {
            // Two appends at once; one word is enough.
        }
    }

    public Task Next => _appended.Next;

    public void Dispose() => _toTell.Dispose();

    public Task RunAsync(CancellationToken stopping) => Task.WhenAll(ListenAsync(stopping), TellAsync(stopping));

    private Task ListenAsync(CancellationToken stopping) =>
        ForeverAsync(
            async () =>
            {
                await using var connection = await database.OpenConnectionAsync(stopping);
                connection.Notification += (_, _) => _appended.Give();
                await using (var listen = new NpgsqlCommand($"listen {Channel}", connection))
                    await listen.ExecuteNonQueryAsync(stopping);
                while (true)
                    await connection.WaitAsync(stopping);
            },
            stopping
        );

    private Task TellAsync(CancellationToken stopping) =>
        ForeverAsync(
            async () =>
            {
                await using var connection = await database.OpenConnectionAsync(stopping);
                // A lost notification costs a poll, never an event: no need to wait for the disk.
                await using (var relax = new NpgsqlCommand("set synchronous_commit = off", connection))
                    await relax.ExecuteNonQueryAsync(stopping);
                await using var notify = new NpgsqlCommand($"notify {Channel}", connection);
                while (true)
                {
                    await _toTell.WaitAsync(stopping);
                    await notify.ExecuteNonQueryAsync(stopping);
                    await Task.Delay(TimeSpan.FromMilliseconds(10), clock, stopping);
                }
            },
            stopping
        );

    private async Task ForeverAsync(Func<Task> work, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await work();
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                logger.LogDebug(e, "The connection for notifications broke; polling until it is back");
                await Task.Delay(TimeSpan.FromMilliseconds(500), clock, CancellationToken.None);
            }
        }
    }
}
