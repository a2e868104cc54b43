namespace PresenceLedger.Client.Connections;

/// <summary>Watches whether the application still works, for as long as the process lives says little.</summary>
/// <param name="stillWorking">Ends as soon as it works; null where nobody says.</param>
/// <param name="clock">The clock.</param>
internal sealed class Watch(Func<CancellationToken, Task>? stillWorking, TimeProvider clock)
{
    private Task _answer = Task.CompletedTask;
    private long _askedAt;

    /// <summary>Whether it works, or has not been asked in vain for longer than this.</summary>
    public bool IsWorking(TimeSpan timeout, CancellationToken ct)
    {
        if (stillWorking is null)
            return true;
        if (_answer.IsCompletedSuccessfully)
            _askedAt = clock.GetTimestamp();
        // On a thread of its own: a callback that blocks must not hold up the heartbeats of the time until it is not believed any more.
        if (_answer.IsCompleted)
            _answer = Task.Run(() => stillWorking(ct), ct);
        return clock.GetElapsedTime(_askedAt) <= timeout;
    }
}
