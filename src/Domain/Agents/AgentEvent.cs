using System.Collections.Immutable;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Agents;

/// <summary>A fact of one agent's stream.</summary>
public abstract record AgentEvent : LedgerEvent;

/// <summary>The agent is known from now on, offline until the first sign-in (TIM-2).</summary>
public sealed record AgentRegistered(AgentSettings Settings) : AgentEvent;

/// <summary>The settings changed; the event holds all of them.</summary>
public sealed record AgentConfigured(AgentSettings Settings) : AgentEvent;

/// <summary>The first connection opened.</summary>
/// <param name="ConnectionId">The connection.</param>
/// <param name="Client">What the client calls itself.</param>
/// <param name="Returned">Within the restore window (CON-4).</param>
public sealed record AgentSignedIn(string ConnectionId, string? Client, bool Returned) : AgentEvent;

/// <summary>A further connection opened (SGN-3), or one that was closing came back (CON-6).</summary>
public sealed record ConnectionOpened(string ConnectionId, string? Client) : AgentEvent;

/// <summary>The client said that it closes; it is lost after the refresh grace unless it comes back (CON-1).</summary>
public sealed record ConnectionClosing(string ConnectionId) : AgentEvent;

/// <summary>Why a connection counts as lost.</summary>
public enum LossCause
{
    /// <summary>No sign of life for the heartbeat timeout.</summary>
    Heartbeat,

    /// <summary>It said that it closes and did not come back within the refresh grace.</summary>
    Closed,
}

/// <summary>A connection was lost, effective at its deadline (CON-2, CON-3).</summary>
/// <param name="ConnectionId">The connection.</param>
/// <param name="Cause">Why.</param>
/// <param name="LastSeenAt">Its last sign of life.</param>
/// <param name="Deadline">When it counted as lost.</param>
/// <param name="DetectedAt">When somebody noticed.</param>
/// <param name="Last">It was the last one: a heartbeat loss (CON-3).</param>
public sealed record ConnectionLost(
    string ConnectionId,
    LossCause Cause,
    DateTimeOffset LastSeenAt,
    DateTimeOffset Deadline,
    DateTimeOffset DetectedAt,
    bool Last
) : AgentEvent;

/// <summary>The agent signed out: all connections closed, the status captured (SGN-4).</summary>
public sealed record AgentSignedOut : AgentEvent;

/// <summary>The status or its origin changed.</summary>
/// <param name="From">What stood before.</param>
/// <param name="To">What stands now.</param>
/// <param name="Follows">Version, in this stream, of the event it follows from; null where a command asked for it.</param>
/// <param name="Capacity">What capacity looked at, where it decided.</param>
public sealed record PresenceChanged(StandingStatus From, StandingStatus To, long? Follows, CapacityInputs? Capacity) : AgentEvent;

/// <summary>What a decision by capacity looked at.</summary>
public sealed record CapacityInputs(
    int? UnitsTotal,
    int UnitsUsed,
    ImmutableArray<ProfileInputs> Profiles,
    int OpenSessions,
    int MaxOpenSessions
);

/// <summary>One profile in such a decision.</summary>
public sealed record ProfileInputs(string ProfileId, int Used, int Limit, bool Blocking);

/// <summary>A fact about one conversation of the agent.</summary>
public abstract record ConversationEvent(string ConversationId) : AgentEvent;

/// <summary>The conversation was assigned and awaits acceptance; capacity is taken (CAP-7).</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Work">What it is and takes.</param>
/// <param name="DayProfiles">End-of-day profiles that counted it.</param>
/// <param name="FromAgentId">Who transferred it here, where one did (TRF-1).</param>
public sealed record ConversationAssigned(string ConversationId, Work Work, ImmutableArray<string> DayProfiles, string? FromAgentId)
    : ConversationEvent(ConversationId);

/// <summary>Accepted: by the agent, or at its assignment by the channel or as an outbound attempt (CAP-10).</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Automatic">Not by the agent.</param>
/// <param name="Direction">Outbound where it is such an attempt; else null.</param>
public sealed record ConversationAccepted(string ConversationId, bool Automatic, Direction? Direction = null)
    : ConversationEvent(ConversationId);

/// <summary>Put to waiting; capacity is given back.</summary>
public sealed record ConversationWaiting(string ConversationId) : ConversationEvent(ConversationId);

/// <summary>Active again; capacity is taken again.</summary>
public sealed record ConversationResumed(string ConversationId) : ConversationEvent(ConversationId);

/// <summary>Wrap-up began (WRP-1).</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="HoldsCapacity">It still takes capacity.</param>
/// <param name="BlockEndsAt">When a custom block ends.</param>
public sealed record WrapUpStarted(string ConversationId, bool HoldsCapacity, DateTimeOffset? BlockEndsAt)
    : ConversationEvent(ConversationId);

/// <summary>A custom wrap-up block ended, effective when it was due (WRP-3).</summary>
public sealed record WrapUpBlockEnded(string ConversationId, DateTimeOffset DueAt, DateTimeOffset DetectedAt) : AgentEvent;

/// <summary>A sign of life of a conversation, recorded at most once a minute (STK-1).</summary>
public sealed record ConversationActivity(string ConversationId) : ConversationEvent(ConversationId);

/// <summary>The conversation is no longer the agent's; which of the ways it ended is the event's type (WHO-2).</summary>
public abstract record ConversationEnded(string ConversationId) : ConversationEvent(ConversationId);

/// <summary>Closed after it was accepted.</summary>
public sealed record ConversationClosed(string ConversationId) : ConversationEnded(ConversationId);

/// <summary>Closed by the customer before it was accepted.</summary>
public sealed record ConversationAbandoned(string ConversationId) : ConversationEnded(ConversationId);

/// <summary>Its notification timed out (NOT-1).</summary>
public sealed record ConversationMissed(string ConversationId) : ConversationEnded(ConversationId);

/// <summary>Its offer could not be delivered to the agent's device (NOT-6).</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="InARow">How many offers in a row could not be delivered, with this one.</param>
public sealed record ConversationUndelivered(string ConversationId, int InARow) : ConversationEnded(ConversationId);

/// <summary>The agent rejected its notification (NOT-2).</summary>
public sealed record ConversationRejected(string ConversationId) : ConversationEnded(ConversationId);

/// <summary>Given back to routing.</summary>
public sealed record ConversationReleased(string ConversationId) : ConversationEnded(ConversationId);

/// <summary>Transferred away: to an agent (TRF-1), or to a queue or an external number (TRF-2).</summary>
public sealed record ConversationTransferred(string ConversationId, string? ToAgentId, string? ToQueue, string? External)
    : ConversationEnded(ConversationId);

/// <summary>Released by a supervisor because it was stuck (STK-2).</summary>
public sealed record ConversationForceReleased(string ConversationId) : ConversationEnded(ConversationId);

/// <summary>The agent joined a consult or monitors (CNS-1).</summary>
public sealed record ConsultJoined(string ConversationId, ConsultMode Mode) : AgentEvent;

/// <summary>The agent left it.</summary>
public sealed record ConsultLeft(string ConversationId) : AgentEvent;

/// <summary>Ended by the system, because the agent did not come back; it counts as ended at <paramref name="EndedAt"/> (CNS-2).</summary>
public sealed record ConsultEnded(string ConversationId, DateTimeOffset EndedAt) : AgentEvent;

/// <summary>An end-of-day profile gave back what it had counted (CAP-7).</summary>
public sealed record CapacityReset(string ProfileId, int GivenBack) : AgentEvent;

/// <summary>
/// A supervisor's word on the past: from <paramref name="From"/> until <paramref name="To"/> the status should have been this one.
/// It changes nothing of what stands or was recorded; reports apply it.
/// </summary>
public sealed record PresenceCorrected(DateTimeOffset From, DateTimeOffset To, string StatusId, BaseStatus Base) : AgentEvent;
