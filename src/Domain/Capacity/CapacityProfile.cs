namespace PresenceLedger.Domain.Capacity;

/// <summary>When a profile gives back what it counted (CAP-7).</summary>
public enum ProfileReset
{
    /// <summary>As soon as a conversation ends or waits.</summary>
    Immediate,

    /// <summary>At the end of the day only, also for conversations still open then.</summary>
    EndOfDay,
}

/// <summary>A named limit on work items.</summary>
/// <param name="Id">Identifier.</param>
/// <param name="Name">The administrator's name for it.</param>
/// <param name="Limit">Work items an agent may have at once (or a day); an agent may have a custom limit.</param>
/// <param name="Blocking">A full blocking profile alone makes its agent exhausted (CAP-4).</param>
/// <param name="Reset">When it gives back.</param>
public sealed record CapacityProfile(string Id, string Name, int Limit, bool Blocking, ProfileReset Reset);
