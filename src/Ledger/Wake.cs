namespace PresenceLedger.Ledger;

/// <summary>A word to all who wait for something to happen. Take <see cref="Next"/> before looking, so that nothing falls between.</summary>
public sealed class Wake
{
    private volatile TaskCompletionSource _next = New();

    /// <summary>Completes at the next word.</summary>
    public Task Next => _next.Task;

    /// <summary>Gives the word.</summary>
    public void Give() => Interlocked.Exchange(ref _next, New()).TrySetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
