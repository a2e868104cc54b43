namespace PresenceLedger.Scenarios;

/// <summary>The clock of a scenario: it stands until it is moved.</summary>
internal sealed class VirtualClock(DateTimeOffset start) : TimeProvider
{
    private DateTimeOffset _now = start;

    public override DateTimeOffset GetUtcNow() => _now;

    public void MoveTo(DateTimeOffset instant) => _now = instant > _now ? instant : _now;
}
