using PresenceLedger.Dashboard.Agents;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Console;

/// <summary>The agent's own presence, as the browser client and the API tell it.</summary>
/// <param name="Version">Version of the agent's last event.</param>
/// <param name="StatusId">The status.</param>
/// <param name="StatusText">What it is called.</param>
/// <param name="Base">Its base.</param>
/// <param name="Origin">What set it: manual, default, capacity, notification, connection.</param>
/// <param name="Rule">The rule of the last change; null before the first.</param>
/// <param name="Since">Since when it stands.</param>
/// <param name="Until">Until when it stands, where it was set by hand with an end.</param>
/// <param name="SignedIn">Whether the agent is signed in anywhere.</param>
/// <param name="Connections">How many connections live.</param>
/// <param name="Capacity">What the conversations take.</param>
/// <param name="Conversations">Open conversations, the first assigned first.</param>
/// <param name="Consults">Consults and monitors that are on.</param>
public sealed record OwnPresence(
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
    IReadOnlyList<OwnConversation> Conversations,
    IReadOnlyList<OwnConsult> Consults
)
{
    // Of inactive, which is a base for the eye alone: to routing it is away.
    private const string Inactive = "inactive";

    /// <summary>The colour to show it in.</summary>
    public string Mark => StatusId == Inactive ? Inactive : Base;

    /// <summary>A missed, rejected or undelivered notification set the status, and it stands until it is reset (NOT-4).</summary>
    public bool StandsByNotification => Origin == "notification";

    /// <summary>Which notification that was, as the words call it.</summary>
    public string Notification =>
        Rule == Rules.Not6 ? "Undelivered"
        : StatusId == Inactive ? "Missed"
        : "Rejected";
}

/// <summary>An open conversation.</summary>
/// <param name="ConversationId">Its id.</param>
/// <param name="State">assigned (it rings), active, waiting or wrap-up.</param>
/// <param name="Channel">Its channel.</param>
/// <param name="Queue">Where it came in.</param>
/// <param name="Units">What it takes.</param>
/// <param name="Since">Since when it is in this state.</param>
/// <param name="Direction">inbound or outbound.</param>
public sealed record OwnConversation(
    string ConversationId,
    string State,
    string? Channel,
    string? Queue,
    int Units,
    DateTimeOffset Since,
    string? Direction = null
)
{
    /// <summary>The agent began it.</summary>
    public bool IsOutbound => Direction == "outbound";

    /// <summary>The conversation waits for an answer.</summary>
    public bool Rings => State == "assigned";
}

/// <summary>A consult or a monitor.</summary>
/// <param name="ConversationId">Whose conversation it is about.</param>
/// <param name="Mode">consult or monitor.</param>
/// <param name="Since">Since when.</param>
public sealed record OwnConsult(string ConversationId, string Mode, DateTimeOffset Since);

/// <summary>What the browser client tells of the tab.</summary>
/// <param name="State">connecting, online, offline or signed-out.</param>
/// <param name="ConnectionId">The connection of the tab.</param>
/// <param name="Presence">What it knows; null before the first answer.</param>
/// <param name="Problem">Why it is offline, where the service said so.</param>
public sealed record TabState(string State, string? ConnectionId, OwnPresence? Presence, Problem? Problem);

/// <summary>An entry of the agent's own timeline.</summary>
/// <param name="Version">Version of the event.</param>
/// <param name="OccurredAt">When it took effect.</param>
/// <param name="Actor">Who did it.</param>
/// <param name="To">The status that it set; null where it set none.</param>
/// <param name="Rule">The rule.</param>
/// <param name="Explanation">The sentence.</param>
public sealed record OwnEntry(long Version, DateTimeOffset OccurredAt, Actor Actor, EntryStatus? To, string? Rule, string Explanation);

/// <summary>A status that was set.</summary>
public sealed record EntryStatus(string StatusId, string Base);
