using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Domain.Agents;

/// <summary>An event as it is recorded, with where it came from (WHO-1).</summary>
/// <param name="Version">In the agent's stream.</param>
/// <param name="Event">The event.</param>
/// <param name="RecordedAt">When it was stored.</param>
/// <param name="Actor">Who did it.</param>
/// <param name="Client">The client the command came from.</param>
/// <param name="ConnectionId">The connection it came over.</param>
/// <param name="ReasonCode">Code of the reason that was given.</param>
/// <param name="ReasonText">Its text.</param>
public sealed record Recorded(
    long Version,
    AgentEvent Event,
    DateTimeOffset RecordedAt,
    Actor Actor,
    string? Client,
    string? ConnectionId,
    string? ReasonCode,
    string? ReasonText
);

/// <summary>A change of presence with what it comes from.</summary>
/// <param name="Change">The change.</param>
/// <param name="Causes">What it follows from, nearest first, back to what a command asked for or time brought about.</param>
public sealed record CausedChange(Recorded Change, IReadOnlyList<Recorded> Causes)
{
    /// <summary>The event of the change.</summary>
    public PresenceChanged Event => (PresenceChanged)Change.Event;

    /// <summary>The event it follows from.</summary>
    public AgentEvent? Followed => Causes.Count == 0 ? null : Causes[0].Event;

    /// <summary>The event that began it.</summary>
    public Recorded Beginning => Causes.Count == 0 ? Change : Causes[^1];
}

/// <summary>What is recorded that bears on which status stood at an instant.</summary>
/// <param name="At">The instant.</param>
/// <param name="Agent">The agent then.</param>
/// <param name="Configuration">Statuses, profiles and policy then.</param>
/// <param name="Registration">The agent's first event.</param>
public sealed record Evidence(DateTimeOffset At, Agent Agent, Configuration Configuration, Recorded Registration)
{
    /// <summary>The change by which the status stands, with its origin; null where there was none yet.</summary>
    public CausedChange? Standing { get; init; }

    /// <summary>What that was decided with.</summary>
    public DecisionInputs? Inputs { get; init; }

    /// <summary>The configuration that it was decided with.</summary>
    public Configuration DecidedWith { get; init; } = Configuration.Initial;

    /// <summary>The change by which the status became the status, where it is another: only the origin changed since.</summary>
    public CausedChange? Became { get; init; }

    /// <summary>The loss or sign-out before the sign-in that the change follows from.</summary>
    public Recorded? Departure { get; init; }

    /// <summary>The change that had set what a return restored.</summary>
    public CausedChange? Restored { get; init; }

    /// <summary>What happened since the change, up to the instant.</summary>
    public IReadOnlyList<Recorded> Meanwhile { get; init; } = [];

    /// <summary>The change by which the status ended; null where it still stands.</summary>
    public Recorded? Ended { get; init; }

    /// <summary>Corrections of the record that cover the instant, in their order; a later one counts over an earlier one.</summary>
    public IReadOnlyList<Recorded> Corrections { get; init; } = [];
}
