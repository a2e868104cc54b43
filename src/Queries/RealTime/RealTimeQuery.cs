using System.Collections.Immutable;
using NodaTime;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.RealTime;

/// <summary>An agent as it stands, with what is flagged of its conversations.</summary>
/// <param name="Open">The agent, and the facts that go on.</param>
/// <param name="Flagged">Conversations without activity for too long (STK-1).</param>
/// <param name="Conflicts">Conversations that are open with others at the same time (STK-3).</param>
public sealed record Standing(
    OpenFacts Open,
    IReadOnlyList<(string ConversationId, ConversationFlag Flag)> Flagged,
    ImmutableArray<Conflict> Conflicts
)
{
    public string AgentId => Open.Agent.AgentId;

    /// <summary>Which flags there are.</summary>
    public IReadOnlyList<ConversationFlag> Flags =>
        [
            .. Flagged.Select(f => f.Flag).Distinct().Order(),
            .. Conflicts.IsEmpty ? Array.Empty<ConversationFlag>() : [ConversationFlag.Conflict],
        ];

    /// <summary>The conversations with a flag of STK-1.</summary>
    public IEnumerable<string> With(ConversationFlag flag) => Flagged.Where(f => f.Flag == flag).Select(f => f.ConversationId);
}

/// <summary>What is asked of the real-time agents report.</summary>
public sealed record RealTimeQuery
{
    public const string Today = "today";
    public const string Last24Hours = "last24h";
    public const string OpenBeyond24Hours = "openBeyond24h";

    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(3);

    /// <summary>The ranges that there are.</summary>
    public static readonly string[] Ranges = [Today, Last24Hours, OpenBeyond24Hours];

    /// <summary>The tabs that there are.</summary>
    public static readonly string[] Tabs = ["online", "offline", "with-sessions"];

    public string Range { get; init; } = Today;
    public DateTimeZone Zone { get; init; } = DateTimeZone.Utc;

    /// <summary>Part of the names or ids that are wanted; null for any.</summary>
    public string? Text { get; init; }

    public string? Tab { get; init; }
    public BaseStatus? Base { get; init; }
    public string? Status { get; init; }
    public string? Queue { get; init; }
    public string? Skill { get; init; }
    public bool? SignedIn { get; init; }
    public IReadOnlySet<string>? Agents { get; init; }
    public bool? Stuck { get; init; }

    /// <summary>Where the range begins; it ends at <paramref name="asOf"/>.</summary>
    public DateTimeOffset From(DateTimeOffset asOf) =>
        Range is Today ? Zones.StartOf(Instant.FromDateTimeOffset(asOf).InZone(Zone).Date, Zone).ToDateTimeOffset() : asOf - Day;

    /// <summary>Whether an open conversation was assigned before the last 24 hours, and within three days.</summary>
    public static bool IsBeyond24Hours(DateTimeOffset assignedAt, DateTimeOffset asOf) =>
        assignedAt < asOf - Day && assignedAt >= asOf - Longest;

    /// <summary>Whether an agent is wanted, whatever the tab.</summary>
    public bool Has(Standing agent, string? displayName)
    {
        var now = agent.Open.Agent;
        return (Agents is null || Agents.Contains(now.AgentId))
            && (Base is null || now.Status.Base == Base)
            && (Status is null || now.Status.StatusId == Status)
            && (SignedIn is null || now.SignedIn == SignedIn)
            && (Queue is null || now.Settings.Queues.Contains(Queue, StringComparer.Ordinal))
            && (Skill is null || now.Settings.Skills.Any(s => s.Name == Skill))
            && (Stuck is null || agent.Flagged.Count > 0 == Stuck)
            && (Text is null || Contains(now.AgentId) || Contains(displayName));

        bool Contains(string? text) => text?.Contains(Text, StringComparison.OrdinalIgnoreCase) == true;
    }

    /// <summary>Whether an agent is in the tab that is looked at.</summary>
    public bool IsInTab(Standing agent) =>
        Tab switch
        {
            "online" => IsOnline(agent),
            "offline" => !IsOnline(agent),
            "with-sessions" => !agent.Open.Agent.Conversations.IsEmpty,
            _ => true,
        };

    private static bool IsOnline(Standing agent) => agent.Open.Agent.Status.Base is not BaseStatus.Offline;
}
