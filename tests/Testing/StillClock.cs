namespace PresenceLedger.Testing;

/// <summary>A clock that stands until it is set: for a past that is written to the millisecond. Timers run as they always do.</summary>
public sealed class StillClock : TimeProvider
{
    private long _ticks;

    /// <summary>What it shows.</summary>
    public DateTimeOffset Now
    {
        get => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);
        set => Interlocked.Exchange(ref _ticks, value.UtcTicks);
    }

    public override DateTimeOffset GetUtcNow() => Now;
}
