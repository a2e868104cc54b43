namespace PresenceLedger.Domain.Access;

/// <summary>What somebody may do follows from their persona (DIA-1); <see cref="System"/> is the ledger itself.</summary>
public enum Persona
{
    Agent,
    Supervisor,
    Administrator,
    Auditor,
    Service,
    System,
}

/// <summary>Who did it (WHO-1): a persona and an opaque id.</summary>
public sealed record Actor(Persona Kind, string Id)
{
    /// <summary>The ledger itself: what becomes due by time.</summary>
    public static Actor Ledger { get; } = new(Persona.System, "presence-ledger");

    /// <inheritdoc />
    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()}:{Id}";
}
