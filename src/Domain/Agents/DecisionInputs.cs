using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Agents;

/// <summary>What a change of presence was decided with, beside the event it follows from.</summary>
/// <param name="Capacity">What capacity looked at, where it decided.</param>
/// <param name="DefaultStatusId">The agent's default presence, where a sign-in asked for it (SGN-1, SGN-2).</param>
/// <param name="Captured">What is kept at a loss or sign-out, or was kept at a sign-in (CON-4).</param>
public sealed record DecisionInputs(CapacityInputs? Capacity, string? DefaultStatusId, KeptStatus? Captured)
{
    /// <summary>Whether they cannot be told without the agent's state before the event that the change follows from.</summary>
    public static bool NeedState(AgentEvent? followed) => followed is AgentSignedIn;

    /// <summary>What a change was decided with.</summary>
    /// <param name="e">The change.</param>
    /// <param name="followed">The event it follows from.</param>
    /// <param name="before">The agent before that event; may be left out where it is not needed.</param>
    /// <param name="configuration">The configuration that decided.</param>
    public static DecisionInputs Of(PresenceChanged e, AgentEvent? followed, Agent? before, Configuration configuration)
    {
        if (followed is AgentSignedIn && before is not null)
        {
            var asked = e.Rule is Rules.Sgn1 or Rules.Sgn2;
            return new(
                e.Capacity,
                asked ? before.Settings.DefaultStatusId ?? BuiltInStatuses.Available.Id : null,
                before.Captured is { } captured ? Kept(captured.Status, captured.At, captured.CapacityMoved, configuration) : null
            );
        }
        if (followed is null || !Cause.IsDeparture(followed))
            return new(e.Capacity, null, null);
        var kept = followed is AgentSignedOut ? e.From with { Until = null } : e.From;
        return new(e.Capacity, null, Kept(kept, e.OccurredAt, capacityMoved: false, configuration));
    }

    private static KeptStatus Kept(StandingStatus status, DateTimeOffset at, bool capacityMoved, Configuration configuration) =>
        new(status, at, configuration.RestoreUntil(at), capacityMoved);
}

/// <summary>A status that is kept for a return in time (CON-4).</summary>
/// <param name="Status">What stood.</param>
/// <param name="At">Since when it is kept.</param>
/// <param name="Until">The last instant of the restore window.</param>
/// <param name="CapacityMoved">A conversation, what it takes, or the capacity settings changed meanwhile.</param>
public sealed record KeptStatus(StandingStatus Status, DateTimeOffset At, DateTimeOffset Until, bool CapacityMoved);
