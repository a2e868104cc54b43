using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>The state as of an instant.</summary>
/// <param name="At">The instant that it is as of.</param>
/// <param name="KnownAt">Only what was recorded by then counts; left out where everything does.</param>
/// <param name="Presence">The presence it shows.</param>
/// <param name="Correction">What a supervisor said later that the status should have been at that instant; left out where nobody did.</param>
/// <param name="State">All of the state.</param>
/// <param name="Hash">The hash of the event it ends with.</param>
public sealed record StateAnswer(
    DateTimeOffset At,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? KnownAt,
    PresenceAnswer Presence,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CorrectionAnswer? Correction,
    Agent State,
    string Hash
);

/// <summary>A supervisor's word on the past.</summary>
/// <param name="Version">Version of the event.</param>
/// <param name="StatusId">What the status should have been.</param>
/// <param name="Base">The base of that status.</param>
/// <param name="From">From when.</param>
/// <param name="To">Until when.</param>
/// <param name="RecordedAt">When it was recorded.</param>
/// <param name="Actor">Who said so.</param>
public sealed record CorrectionAnswer(
    long Version,
    string StatusId,
    BaseStatus Base,
    DateTimeOffset From,
    DateTimeOffset To,
    DateTimeOffset RecordedAt,
    Actor Actor
);

/// <summary>What is other.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="From">The earlier instant.</param>
/// <param name="To">The later one.</param>
/// <param name="KnownAt">Only what was recorded by then counts; left out where everything does.</param>
/// <param name="Versions">The versions of both states; -1 before registration.</param>
/// <param name="Events">How many events are between them.</param>
/// <param name="Presence">The presence of both.</param>
/// <param name="Changes">What is other, in the order of the paths.</param>
public sealed record DiffAnswer(
    string AgentId,
    DateTimeOffset From,
    DateTimeOffset To,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? KnownAt,
    IReadOnlyList<long> Versions,
    long Events,
    PresencesAnswer Presence,
    IReadOnlyList<ChangeAnswer> Changes
);

/// <summary>The presence at two instants; null before registration.</summary>
public sealed record PresencesAnswer(PresenceAnswer? From, PresenceAnswer? To);

/// <summary>A member of the state that is other.</summary>
/// <param name="Path">Where, as in <c>conversations.c1.state</c>.</param>
/// <param name="From">What it was; null where it was not there.</param>
/// <param name="To">What it is.</param>
public sealed record ChangeAnswer(string Path, JsonNode? From, JsonNode? To);
