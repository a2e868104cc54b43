using System.Text.Json;

namespace PresenceLedger.Dashboard.Agents;

// What the API answers, as far as these pages show it (docs/timeline.md, docs/as-of.md, docs/privacy.md).

/// <summary>A page of a list.</summary>
/// <param name="Items">What is on it.</param>
/// <param name="Next">The cursor of the page after; null on the last one.</param>
/// <param name="AsOf">Up to which instant it is complete, where a read model serves it.</param>
public sealed record Listed<T>(IReadOnlyList<T> Items, string? Next, DateTimeOffset? AsOf);

/// <summary>Who did something.</summary>
public sealed record Who(string Kind, string Id)
{
    /// <inheritdoc />
    public override string ToString() => $"{Kind}:{Id}";
}

/// <summary>Why somebody did something, in their own words.</summary>
/// <param name="Code">A code.</param>
/// <param name="Text">A text.</param>
/// <param name="Erased">There was a text, and it was erased with the person.</param>
/// <param name="Missing">There was a text, and it is gone though nobody erased it.</param>
/// <param name="Changed">There is a text, and it is not the one that was given.</param>
public sealed record Reason(string? Code, string? Text, bool Erased, bool Missing = false, bool Changed = false);

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
    Who Actor,
    string CorrelationId,
    string? Client,
    string? ConnectionId,
    long PolicyVersion,
    Reason? Reason,
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
public sealed record CommandOfEntry(Who Actor, string? Client, string? ConnectionId, Reason? Reason);

/// <summary>Whether an entry is disputed: open, accepted, or rejected.</summary>
public sealed record DisputeMark(string State);

/// <summary>A dispute of an entry.</summary>
public sealed record DisputeOfEntry(
    long Version,
    string Type,
    DateTimeOffset OccurredAt,
    string State,
    Who By,
    DateTimeOffset At,
    Reason? Reason,
    AnswerToDispute? Answer
);

/// <summary>How a dispute was answered.</summary>
public sealed record AnswerToDispute(bool Accepted, Who By, DateTimeOffset At, Reason? Reason);

/// <summary>Somebody read the audit of an agent.</summary>
public sealed record Reader(Who By, DateTimeOffset At, string What, DateTimeOffset? From, DateTimeOffset? To, string? Purpose);

/// <summary>The state as of an instant.</summary>
public sealed record StateAsOf(DateTimeOffset At, Presence Presence, CorrectionOfState? Correction, WholeState State, string Hash);

/// <summary>What a supervisor said later of the instant.</summary>
public sealed record CorrectionOfState(long Version, string StatusId, DateTimeOffset From, DateTimeOffset To, Who Actor);

/// <summary>Of the whole state, what the presence does not show.</summary>
public sealed record WholeState(long Version, IReadOnlyDictionary<string, OpenConnection> Connections);

/// <summary>A connection that lives.</summary>
public sealed record OpenConnection(string? Client, DateTimeOffset OpenedAt);

/// <summary>Why the agent was what it was.</summary>
public sealed record WhyOfInstant(DateTimeOffset At, string Paragraph, IReadOnlyList<RuleInWords> Rules);

/// <summary>A rule, and what it says.</summary>
public sealed record RuleInWords(string Id, string Title);

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

/// <summary>A status of the catalogue.</summary>
public sealed record CatalogueStatus(string StatusId, string Text, string Base);
