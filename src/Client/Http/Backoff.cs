namespace PresenceLedger.Client.Http;

/// <summary>How long to wait before the next try: twice as long each time, and never all clients at once.</summary>
internal sealed class Backoff
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private TimeSpan _next = First;

    /// <summary>The next wait, half of it by chance; no shorter than the service asks for.</summary>
    public TimeSpan Next(TimeSpan? atLeast = null)
    {
#pragma warning disable CA5394 // Nobody gains by guessing it.
        var wait = _next * (0.5 + Random.Shared.NextDouble() / 2);
#pragma warning restore CA5394
        _next = _next * 2 < Longest ? _next * 2 : Longest;
        return wait + (atLeast ?? TimeSpan.Zero);
    }

    /// <summary>It went well.</summary>
    public void Reset() => _next = First;
}
