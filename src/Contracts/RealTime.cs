using System.Text.Json.Serialization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>The real-time agents report, a page of it.</summary>
public sealed record RealTimeAnswer
{
    /// <summary>Up to where it is complete, and where open intervals end.</summary>
    public required DateTimeOffset AsOf { get; init; }
    public required DateTimeOffset From { get; init; }

    /// <summary>The same as <see cref="AsOf"/>.</summary>
    public required DateTimeOffset To { get; init; }
    public required string TimeZone { get; init; }
    public required string TimeZoneVersion { get; init; }
    public required string Range { get; init; }
    public string Definitions { get; } = "/api/v1/reports/metrics";

    /// <summary>REP-4, for each of the rows.</summary>
    public required bool Conserved { get; init; }

    /// <summary>Of all agents that match the filters, whatever the tab and the page.</summary>
    public required RealTimeSummary Summary { get; init; }

    /// <summary>In the order of their ids.</summary>
    public required IReadOnlyList<AgentRow> Items { get; init; }

    /// <summary>The cursor of the page after; left out of the last one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Next { get; init; }

    /// <summary>Whether further parts follow; in the stream.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? More { get; init; }
}

/// <summary>How it stands; each agent counts once.</summary>
public sealed record RealTimeSummary
{
    public required int Registered { get; init; }

    /// <summary>Base status other than offline.</summary>
    public required int Online { get; init; }
    public required int Offline { get; init; }
    public required int SignedIn { get; init; }
    public required IReadOnlyDictionary<string, int> ByBase { get; init; }

    /// <summary>Every status of the catalogue that is not retired, and those that stand.</summary>
    public required IReadOnlyDictionary<string, int> ByStatus { get; init; }

    /// <summary>Agents with an open conversation.</summary>
    public required int WithSessions { get; init; }

    /// <summary>Agents who are signed in and whose capacity is exhausted (CAP-4).</summary>
    public required int AtCapacity { get; init; }

    /// <summary>STK-1, offers included.</summary>
    public required int StuckConversations { get; init; }

    /// <summary>Those of them that await acceptance for longer than <c>offerAfterSeconds</c>.</summary>
    public required int OverdueOffers { get; init; }

    /// <summary>Conversations that are open with several agents at the same time (STK-3), each counted once.</summary>
    public required int Conflicts { get; init; }

    /// <summary>Conversations as of <c>openBeyond24h</c> of the rows; for that range.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? OpenBeyond24h { get; init; }

    /// <summary>Signed in, base available or busy, capacity not exhausted; in whichever queue, or in none.</summary>
    public required int Routable { get; init; }

    /// <summary>The same by queue: an agent of several queues counts in each.</summary>
    public required IReadOnlyDictionary<string, int> RoutableByQueue { get; init; }
}

/// <summary>Who made the status stand, and why.</summary>
public sealed record SetByAnswer(Actor Actor, string? Rule, ReasonAnswer? Reason, DateTimeOffset At);

/// <summary>A profile of an agent.</summary>
public sealed record ProfileUseAnswer(string ProfileId, int Used, int Limit);

/// <summary>Open conversations by state.</summary>
public sealed record ConversationCounts(int Ringing, int Active, int Waiting, int WrapUp);

/// <summary>An open conversation that was assigned before the last 24 hours.</summary>
public sealed record OldConversation(
    string ConversationId,
    DateTimeOffset AssignedAt,
    string? Channel,
    string? Queue,
    ConversationState State
);

/// <summary>An agent: how it stands, and the numbers of the range.</summary>
public sealed record AgentRow
{
    public required string AgentId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DisplayName { get; init; }
    public required string StatusId { get; init; }
    public required string StatusText { get; init; }
    public required BaseStatus Base { get; init; }
    public required Origin Origin { get; init; }

    /// <summary>Null before the first change.</summary>
    public required SetByAnswer? SetBy { get; init; }
    public required DateTimeOffset Since { get; init; }

    /// <summary>Until when it stands, where it was set by hand with an end (MAN-6).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Until { get; init; }

    /// <summary>From <see cref="Since"/> to the report's <c>asOf</c>.</summary>
    public required double InStatusSeconds { get; init; }
    public required bool SignedIn { get; init; }

    /// <summary>Null where none are configured.</summary>
    public required UnitsAnswer? Units { get; init; }
    public required IReadOnlyList<ProfileUseAnswer> Profiles { get; init; }

    /// <summary>Signed in, and the capacity is exhausted (CAP-4).</summary>
    public required bool AtCapacity { get; init; }

    /// <summary>Signed in, base available or busy, capacity not exhausted.</summary>
    public required bool Routable { get; init; }
    public required ConversationCounts Conversations { get; init; }
    public required long PresentedSessions { get; init; }
    public required long EngagedSessions { get; init; }
    public required long RejectedSessions { get; init; }
    public required long MissedSessions { get; init; }
    public required long OutboundSessions { get; init; }
    public required long UndeliveredSessions { get; init; }
    public required double? AverageHandleSeconds { get; init; }
    public required double AverageHandleSecondsNumerator { get; init; }
    public required double AverageHandleSecondsDenominator { get; init; }
    public required double LoginSeconds { get; init; }
    public required double OnContactSeconds { get; init; }
    public required double? Occupancy { get; init; }

    /// <summary>The last sign of life of a connection; null where none lives.</summary>
    public required DateTimeOffset? LastSeenAt { get; init; }

    /// <summary>What somebody should look at in the conversations, each flag once.</summary>
    public required IReadOnlyList<ConversationFlag> Flags { get; init; }

    /// <summary>STK-1: some conversation, offers included.</summary>
    public required bool Stuck { get; init; }
    public required IReadOnlyList<string> StuckConversations { get; init; }

    /// <summary>Those of them that await acceptance for longer than <c>offerAfterSeconds</c>.</summary>
    public required IReadOnlyList<string> OverdueOffers { get; init; }

    /// <summary>STK-3, with all agents who have the conversation.</summary>
    public required IReadOnlyList<ConflictAnswer> Conflicts { get; init; }
    public required IReadOnlyList<string> Queues { get; init; }
    public required IReadOnlyList<SkillBody> Skills { get; init; }

    /// <summary>When the oldest open conversation was assigned.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? OpenSince { get; init; }

    /// <summary>For that range.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<OldConversation>? OpenBeyond24h { get; init; }
}

/// <summary>An agent in detail.</summary>
public sealed record RealTimeAgentAnswer
{
    public required string AgentId { get; init; }
    public required DateTimeOffset AsOf { get; init; }
    public required DateTimeOffset From { get; init; }

    /// <summary>The same as <see cref="AsOf"/>.</summary>
    public required DateTimeOffset To { get; init; }
    public required string TimeZone { get; init; }
    public required string TimeZoneVersion { get; init; }
    public required string Range { get; init; }
    public string Definitions { get; } = "/api/v1/reports/metrics";

    /// <summary>REP-4.</summary>
    public required bool Conserved { get; init; }

    /// <summary>The row of the report.</summary>
    public required AgentRow Agent { get; init; }

    /// <summary>Open conversations, the first assigned first.</summary>
    public required IReadOnlyList<SessionAnswer> Conversations { get; init; }

    /// <summary>Sessions that were within the range and have ended, in the order of their assignment.</summary>
    public required IReadOnlyList<SessionAnswer> EndedSessions { get; init; }
    public required CapacityAnswer Capacity { get; init; }
    public required IReadOnlyList<SkillBody> Skills { get; init; }

    /// <summary>The statuses of the range, corrections applied, in their order.</summary>
    public required IReadOnlyList<StatusStretch> History { get; init; }
    public required IReadOnlyList<string> StuckConversations { get; init; }
}

/// <summary>A status that stood.</summary>
/// <param name="StatusId">The status.</param>
/// <param name="StatusText">What it is called now.</param>
/// <param name="Base">Its base.</param>
/// <param name="Start">When it began, also where that is before the range.</param>
/// <param name="End">When it ended; null while it stands.</param>
/// <param name="DurationSeconds">How long it stood within the range.</param>
/// <param name="Origin">Why it came to stand.</param>
/// <param name="Rule">By which rule.</param>
/// <param name="Actor">Who made it.</param>
public sealed record StatusStretch(
    string StatusId,
    string StatusText,
    BaseStatus Base,
    DateTimeOffset Start,
    DateTimeOffset? End,
    double DurationSeconds,
    Origin Origin,
    string? Rule,
    Actor? Actor
);

/// <summary>A stretch in which a conversation waited.</summary>
public sealed record WaitAnswer(DateTimeOffset Start, DateTimeOffset? End);

/// <summary>An assignment of a conversation, with its instants.</summary>
public sealed record SessionAnswer
{
    public required string ConversationId { get; init; }

    /// <summary>Null where it has ended.</summary>
    public ConversationState? State { get; init; }
    public required string? Channel { get; init; }
    public required string? Queue { get; init; }
    public required string? Workstream { get; init; }
    public required int Units { get; init; }
    public required IReadOnlyList<string> Profiles { get; init; }
    public required Direction Direction { get; init; }
    public required DateTimeOffset? CreatedAt { get; init; }
    public required DateTimeOffset AssignedAt { get; init; }
    public required DateTimeOffset? AcceptedAt { get; init; }
    public required IReadOnlyList<WaitAnswer> Waits { get; init; }
    public required DateTimeOffset? WrapUpAt { get; init; }

    /// <summary>When a custom wrap-up block ends or ended (WRP-1).</summary>
    public required DateTimeOffset? WrapUpBlockEndsAt { get; init; }
    public required DateTimeOffset? EndedAt { get; init; }

    /// <summary>Null while it rings, and where it ended before anybody accepted.</summary>
    public SessionOutcome? Outcome { get; init; }
    public required SessionEnd? EndedBy { get; init; }

    /// <summary>Since when it is in its state.</summary>
    public required DateTimeOffset? Since { get; init; }
    public required DateTimeOffset? LastActivityAt { get; init; }
    public required bool HoldsCapacity { get; init; }

    /// <summary>What somebody should look at.</summary>
    public required IReadOnlyList<ConversationFlag> Flags { get; init; }

    /// <summary>STK-1.</summary>
    public required bool Stuck { get; init; }

    /// <summary>An assignment as it stands.</summary>
    public static SessionAnswer Of(Session session, Conversation? open, IReadOnlyList<ConversationFlag> flags) =>
        new()
        {
            ConversationId = session.ConversationId,
            State = open?.State,
            Channel = session.Channel,
            Queue = session.Queue,
            Workstream = session.Workstream,
            Units = session.Units,
            Profiles = session.Profiles,
            Direction = session.Outbound ? Direction.Outbound : Direction.Inbound,
            CreatedAt = session.CreatedAt,
            AssignedAt = session.Assigned.At,
            AcceptedAt = session.Accepted?.At,
            Waits = [.. session.Waits.Select(w => new WaitAnswer(w.Start.At, w.End?.At))],
            WrapUpAt = session.WrapUp?.At,
            WrapUpBlockEndsAt = open?.BlockEndsAt ?? session.BlockEnded?.At,
            EndedAt = session.Ended?.At,
            Outcome = session.Outcome,
            EndedBy = session.EndedBy,
            Since = open?.Since,
            LastActivityAt = open?.LastActivityAt,
            HoldsCapacity = open?.HoldsCapacity == true,
            Flags = flags,
            Stuck = flags.Any(f => f is not ConversationFlag.Conflict),
        };
}

/// <summary>Rows that changed, and agents who are no longer listed; in the stream.</summary>
public sealed record RowsChanged(DateTimeOffset AsOf, IReadOnlyList<AgentRow> Items, IReadOnlyList<string> Gone);

/// <summary>The summary as it is now; in the stream.</summary>
public sealed record SummaryChanged(DateTimeOffset AsOf, RealTimeSummary Summary);

/// <summary>A sign of life of the stream, with how far all has been told.</summary>
public sealed record Heartbeat(DateTimeOffset AsOf);
