namespace PresenceLedger.Testing;

/// <summary>The real clock, some time ahead: for what takes hours, without waiting for it. Timers run as they always do.</summary>
public sealed class ShiftedClock : TimeProvider
{
    private long _ahead;

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ahead, by.Ticks);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _ahead));
}
