using System.Collections.Immutable;
using Microsoft.AspNetCore.Mvc;
using NodaTime;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Reports.RealTime;

/// <summary>What is asked of the real-time agents report, as it came.</summary>
internal sealed record RealTimeParameters
{
    [FromQuery(Name = "range")]
    public string? Range { get; init; }

    [FromQuery(Name = "timeRange")]
    public string? TimeRange { get; init; }

    [FromQuery(Name = "timeZone")]
    public string? TimeZone { get; init; }

    [FromQuery(Name = "tab")]
    public string? Tab { get; init; }

    [FromQuery(Name = "base")]
    public string? Base { get; init; }

    [FromQuery(Name = "status")]
    public string? Status { get; init; }

    [FromQuery(Name = "queue")]
    public string? Queue { get; init; }

    [FromQuery(Name = "skill")]
    public string? Skill { get; init; }

    [FromQuery(Name = "signedIn")]
    public string? SignedIn { get; init; }

    [FromQuery(Name = "text")]
    public string? Text { get; init; }

    [FromQuery(Name = "agents"), QueryList]
    public string? Agents { get; init; }

    [FromQuery(Name = "stuck")]
    public string? Stuck { get; init; }
}

/// <summary>An agent as it stands, with what is flagged of its conversations.</summary>
/// <param name="Open">The agent, and the facts that go on.</param>
/// <param name="Flagged">Conversations without activity for too long (STK-1).</param>
/// <param name="Conflicts">Conversations that are open with others at the same time (STK-3).</param>
internal sealed record Standing(
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
internal sealed record RealTimeQuery
{
    public const string Today = "today";
    public const string Last24Hours = "last24h";
    public const string OpenBeyond24Hours = "openBeyond24h";
    private const int MostAgents = 1_000;

    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(3);
    private static readonly string[] Tabs = ["online", "offline", "with-sessions"];

    public string Range { get; private init; } = Today;
    public DateTimeZone Zone { get; private init; } = DateTimeZone.Utc;

    /// <summary>Part of the names or ids that are wanted; null for any.</summary>
    public string? Text { get; private init; }

    private string? Tab { get; init; }
    private BaseStatus? Base { get; init; }
    private string? Status { get; init; }
    private string? Queue { get; init; }
    private string? Skill { get; init; }
    private bool? SignedIn { get; init; }
    private IReadOnlySet<string>? Agents { get; init; }
    private bool? Stuck { get; init; }

    /// <summary>Reads it; the problem where it makes no sense.</summary>
    public static IResult? Read(HttpContext http, RealTimeParameters asked, out RealTimeQuery query)
    {
        query = new RealTimeQuery();
        var range = asked.Range ?? asked.TimeRange ?? Today;
        if (range is not (Today or Last24Hours or OpenBeyond24Hours))
            return Problems.Validation("range", $"must be {Today}, {Last24Hours} or {OpenBeyond24Hours}");
        if (ZoneQuery.Read(asked.TimeZone, out var zone) is { } badZone)
            return badZone;
        if (asked.Tab is not null && !Tabs.Contains(asked.Tab))
            return Problems.Validation("tab", "must be online, offline or with-sessions");
        BaseStatus? @base = null;
        if (asked.Base is not null)
        {
            if (BuiltInStatuses.All.FirstOrDefault(s => s.Id == asked.Base && s.Id != BuiltInStatuses.Inactive.Id) is not { } status)
                return Problems.Validation("base", "must be available, busy, do-not-disturb, away or offline");
            @base = status.Base;
        }
        foreach (var (field, id) in new[] { ("status", asked.Status), ("queue", asked.Queue), ("skill", asked.Skill) })
            if (id is not null && !Identifiers.IsValid(id))
                return Problems.Validation(field, Identifiers.Error);
        if (BodyChecks.Text(asked.Text) is { } badText)
            return Problems.Validation("text", badText);
        if (Flag(asked.SignedIn, "signedIn", out var signedIn) is { } badSignedIn)
            return badSignedIn;
        if (Flag(asked.Stuck, "stuck", out var stuck) is { } badStuck)
            return badStuck;
        if (QueryLists.Identifiers(http, "agents", out var agents, MostAgents) is { } badAgents)
            return badAgents;
        query = new RealTimeQuery
        {
            Range = range,
            Zone = zone,
            Tab = asked.Tab,
            Base = @base,
            Status = asked.Status,
            Queue = asked.Queue,
            Skill = asked.Skill,
            SignedIn = signedIn,
            Text = string.IsNullOrEmpty(asked.Text) ? null : asked.Text,
            Agents = agents,
            Stuck = stuck,
        };
        return null;
    }

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

    private static IResult? Flag(string? text, string field, out bool? flag)
    {
        flag = null;
        if (text is null)
            return null;
        if (!bool.TryParse(text, out var parsed))
            return Problems.Validation(field, "must be true or false");
        flag = parsed;
        return null;
    }
}
