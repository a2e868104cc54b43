using System.Collections.Immutable;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Reporting;

/// <summary>An edge of a fact: when it took effect, since when the ledger knows, and the event in the agent's stream.</summary>
/// <param name="At">When it took effect, to the millisecond.</param>
/// <param name="KnownAt">When it was recorded; never before that of an earlier event of the agent.</param>
/// <param name="Version">Version of the event in the agent's stream.</param>
public readonly record struct Mark(DateTimeOffset At, DateTimeOffset KnownAt, long Version);

/// <summary>A stretch of one status; a change of origin alone does not end it.</summary>
/// <param name="StatusId">The status.</param>
/// <param name="Base">Its base.</param>
/// <param name="Origin">Why it came to stand.</param>
/// <param name="Rule">The rule that made it; null before the first change.</param>
/// <param name="Actor">Who made it.</param>
/// <param name="SignedIn">Whether the agent was signed in as it began.</param>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended; null while it stands.</param>
public sealed record StatusInterval(
    string StatusId,
    BaseStatus Base,
    Origin Origin,
    string? Rule,
    Actor? Actor,
    bool SignedIn,
    Mark Start,
    Mark? End
);

/// <summary>How a stretch of being signed in ended.</summary>
public enum LoginEnd
{
    SignOut,
    Loss,
}

/// <summary>A stretch of being signed in, over however many connections.</summary>
public sealed record LoginInterval(Mark Start, Mark? End, LoginEnd? Ended);

/// <summary>What became of an assignment (WHO-2).</summary>
public enum SessionOutcome
{
    Accepted,
    Rejected,
    Missed,

    /// <summary>Closed by the customer while it rang.</summary>
    Abandoned,

    /// <summary>It could not be delivered to the agent's device (NOT-6).</summary>
    Undelivered,
}

/// <summary>How a session ended that was not rejected, missed or undelivered.</summary>
public enum SessionEnd
{
    Closed,
    Released,
    Transferred,
    ForceReleased,
}

/// <summary>A stretch in which an accepted conversation waited.</summary>
public sealed record Waiting(Mark Start, Mark? End);

/// <summary>One assignment of a conversation to the agent: one attempt.</summary>
public sealed record Session
{
    public required string ConversationId { get; init; }
    public string? Channel { get; init; }
    public string? Queue { get; init; }
    public string? Workstream { get; init; }

    /// <summary>Capacity units it takes.</summary>
    public int Units { get; init; }

    /// <summary>Capacity profiles it takes an item of.</summary>
    public ImmutableArray<string> Profiles { get; init; } = [];

    /// <summary>When the customer began to wait, where routing told.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>An outbound attempt (CAP-10).</summary>
    public bool Outbound { get; init; }

    /// <summary>Whether it was offered to the agent, as far as is known: an outbound attempt was not, nor was what could not be delivered.</summary>
    public bool WasPresented => !Outbound && Outcome is not SessionOutcome.Undelivered;

    /// <summary>
    /// Since when the customer had waited as it was accepted; null where nobody told, or told an instant after that, which is no wait.
    /// Clocks may differ a little: what is ahead by no more than <see cref="ClockTolerance"/> is a wait of no length.
    /// </summary>
    public DateTimeOffset? WaitedSince =>
        (CreatedAt, Accepted) switch
        {
            ({ } created, { } accepted) when created <= accepted.At => created,
            ({ } created, { } accepted) when created - accepted.At <= ClockTolerance => accepted.At,
            _ => null,
        };

    /// <summary>By how much <see cref="CreatedAt"/> may be ahead.</summary>
    public static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(5);

    /// <summary>Assigned: it rings.</summary>
    public required Mark Assigned { get; init; }

    /// <summary>Accepted, by the agent or for the agent.</summary>
    public Mark? Accepted { get; init; }

    /// <summary>Wrap-up began.</summary>
    public Mark? WrapUp { get; init; }

    /// <summary>A custom wrap-up block ended (WRP-3).</summary>
    public Mark? BlockEnded { get; init; }

    /// <summary>No longer the agent's; null while it is open.</summary>
    public Mark? Ended { get; init; }

    /// <summary>Null while it rings, and where it was released or transferred before anybody accepted.</summary>
    public SessionOutcome? Outcome { get; init; }

    /// <summary>How it ended; null while it is open, and where the outcome says it.</summary>
    public SessionEnd? EndedBy { get; init; }

    /// <summary>When it waited.</summary>
    public ImmutableArray<Waiting> Waits { get; init; } = [];
}

/// <summary>A consult or monitor of somebody else's conversation (CNS-1).</summary>
public sealed record Participation(string ConversationId, ConsultMode Mode, Mark Joined, Mark? Left);

/// <summary>One profile of an agent: what was in use of it, and its limit for the agent as the stretch began.</summary>
public sealed record ProfileUse(string ProfileId, int Used, int Limit);

/// <summary>A stretch of unchanged capacity.</summary>
/// <param name="UnitsTotal">Total units; null where none are configured.</param>
/// <param name="UnitsUsed">Units that counting conversations take.</param>
/// <param name="Profiles">The agent's profiles.</param>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended; null while it stands.</param>
public sealed record CapacityInterval(int? UnitsTotal, int UnitsUsed, ImmutableArray<ProfileUse> Profiles, Mark Start, Mark? End)
{
    /// <summary>Whether anything but the time is as in another.</summary>
    public bool Continues(CapacityInterval other) =>
        UnitsTotal == other.UnitsTotal && UnitsUsed == other.UnitsUsed && Profiles.SequenceEqual(other.Profiles);
}

/// <summary>A stretch in which the agent worked in the same queues.</summary>
public sealed record QueueInterval(ImmutableArray<string> Queues, Mark Start, Mark? End);

/// <summary>A supervisor's word on the past: this is the status that it should have been.</summary>
/// <param name="From">From when on.</param>
/// <param name="To">Until when.</param>
/// <param name="StatusId">The status.</param>
/// <param name="Base">Its base; signed in counts as whether that is other than offline.</param>
/// <param name="Actor">Who corrected.</param>
/// <param name="Recorded">When that was recorded, and by which event.</param>
public sealed record Correction(DateTimeOffset From, DateTimeOffset To, string StatusId, BaseStatus Base, Actor? Actor, Mark Recorded);

/// <summary>What is known of an agent within a window, or of all time: each list in the order of its starts.</summary>
public sealed record AgentFacts
{
    public required string AgentId { get; init; }

    /// <summary>From here on statuses partition time (TIM-2); null where nobody registered the agent.</summary>
    public Mark? Registered { get; init; }

    public IReadOnlyList<StatusInterval> Statuses { get; init; } = [];
    public IReadOnlyList<LoginInterval> Logins { get; init; } = [];
    public IReadOnlyList<Session> Sessions { get; init; } = [];
    public IReadOnlyList<Participation> Participations { get; init; } = [];
    public IReadOnlyList<CapacityInterval> Capacity { get; init; } = [];
    public IReadOnlyList<QueueInterval> Queues { get; init; } = [];

    /// <summary>In the order in which they were recorded: a later one stands over an earlier one.</summary>
    public IReadOnlyList<Correction> Corrections { get; init; } = [];
}
