using System.Text.Json;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Agents;

// What the API answers, as far as these pages show it (docs/timeline.md, docs/as-of.md, docs/privacy.md).

/// <summary>An agent's presence.</summary>
public sealed record Presence(
    string AgentId,
    long Version,
    string StatusId,
    string StatusText,
    string Base,
    string Origin,
    string? Rule,
    DateTimeOffset Since,
    DateTimeOffset? Until,
    bool SignedIn,
    int Connections,
    CapacityInUse Capacity,
    IReadOnlyList<OpenConversation> Conversations,
    IReadOnlyList<OpenConsult> Consults,
    string? DisplayName,
    IReadOnlyList<string>? Queues
);

/// <summary>Capacity that is in use; units are null where none are configured.</summary>
public sealed record CapacityInUse(UnitsInUse? Units, IReadOnlyList<ProfileInUse> Profiles);

/// <summary>Units.</summary>
public sealed record UnitsInUse(int Total, int Used);

/// <summary>A capacity profile of the agent.</summary>
public sealed record ProfileInUse(string ProfileId, int Limit, int Used);

/// <summary>An open conversation.</summary>
public sealed record OpenConversation(
    string ConversationId,
    string State,
    string? Channel,
    string? Queue,
    int Units,
    bool HoldsCapacity,
    DateTimeOffset Since,
    DateTimeOffset AssignedAt,
    string? Direction = null
);

/// <summary>A consult or monitor that is on.</summary>
public sealed record OpenConsult(string ConversationId, string Mode, DateTimeOffset Since);

/// <summary>An entry of the timeline.</summary>
public sealed record Entry(
    long Version,
    string Type,
    DateTimeOffset OccurredAt,
    DateTimeOffset RecordedAt,
    Actor Actor,
    string CorrelationId,
    string? Client,
    string? ConnectionId,
    long PolicyVersion,
    ReasonAnswer? Reason,
    StandingStatus? From,
    StandingStatus? To,
    string? Rule,
    string Explanation,
    CausesOfEntry Causes,
    JsonElement Data,
    string Hash,
    DisputeMark? Dispute
);

/// <summary>A status as it stood.</summary>
public sealed record StandingStatus(string StatusId, string Base, string Origin);

/// <summary>What an entry comes from.</summary>
/// <param name="Versions">The entries between it and what began it, nearest first.</param>
/// <param name="Command">The command that began it; null where its time had come.</param>
public sealed record CausesOfEntry(IReadOnlyList<long> Versions, CommandOfEntry? Command);

/// <summary>Who asked for it, and how it came in.</summary>
public sealed record CommandOfEntry(Actor Actor, string? Client, string? ConnectionId, ReasonAnswer? Reason);

/// <summary>Whether an entry is disputed: open, accepted, or rejected.</summary>
public sealed record DisputeMark(string State);

/// <summary>A dispute of an entry.</summary>
public sealed record DisputeOfEntry(
    long Version,
    string Type,
    DateTimeOffset OccurredAt,
    string State,
    Actor By,
    DateTimeOffset At,
    ReasonAnswer? Reason,
    AnswerToDispute? Answer
);

/// <summary>How a dispute was answered.</summary>
public sealed record AnswerToDispute(bool Accepted, Actor By, DateTimeOffset At, ReasonAnswer? Reason);

/// <summary>Somebody read the audit of an agent.</summary>
public sealed record Reader(Actor By, DateTimeOffset At, string What, DateTimeOffset? From, DateTimeOffset? To, string? Purpose);

/// <summary>The state as of an instant.</summary>
public sealed record StateAsOf(DateTimeOffset At, Presence Presence, CorrectionOfState? Correction, WholeState State, string Hash);

/// <summary>What a supervisor said later of the instant.</summary>
public sealed record CorrectionOfState(long Version, string StatusId, DateTimeOffset From, DateTimeOffset To, Actor Actor);

/// <summary>Of the whole state, what the presence does not show.</summary>
public sealed record WholeState(long Version, IReadOnlyDictionary<string, OpenConnection> Connections);

/// <summary>A connection that lives.</summary>
public sealed record OpenConnection(string? Client, DateTimeOffset OpenedAt);

/// <summary>Why the agent was what it was.</summary>
public sealed record WhyOfInstant(DateTimeOffset At, string Paragraph, IReadOnlyList<RuleAnswer> Rules);

/// <summary>What is other at one instant than at another.</summary>
public sealed record DifferenceOfStates(DateTimeOffset From, DateTimeOffset To, long Events, IReadOnlyList<ChangedMember> Changes);

/// <summary>A member of the state that is other.</summary>
public sealed record ChangedMember(string Path, JsonElement? From, JsonElement? To);

/// <summary>Whether the record of the agent holds together.</summary>
public sealed record Verification(
    bool Holds,
    long Events,
    long Version,
    long? Seal,
    long? SealedVersion,
    IReadOnlyList<FoundWrong> Findings
);

/// <summary>What is wrong with the record.</summary>
public sealed record FoundWrong(string Kind, string Text);
