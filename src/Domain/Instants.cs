namespace PresenceLedger.Domain;

/// <summary>Instants as the ledger tells them apart: UTC (TIM-4), to the millisecond (TIM-1).</summary>
public static class Instants
{
    /// <summary>
    /// The millisecond that an instant is in. Finer instants would not survive storage, and a state rebuilt from the ledger
    /// would differ from the one that was decided on.
    /// </summary>
    public static DateTimeOffset ToMillisecond(this DateTimeOffset instant) =>
        new(instant.UtcTicks - instant.UtcTicks % TimeSpan.TicksPerMillisecond, TimeSpan.Zero);
}
