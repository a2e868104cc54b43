namespace PresenceLedger.Ledger;

/// <summary>Turns at what one does at a time.</summary>
internal static class Turns
{
    /// <summary>Waits for a turn; dispose to end it.</summary>
    public static async ValueTask<Turn> EnterAsync(this SemaphoreSlim semaphore, CancellationToken ct)
    {
        await semaphore.WaitAsync(ct);
        return new Turn(semaphore);
    }

    public readonly struct Turn(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
