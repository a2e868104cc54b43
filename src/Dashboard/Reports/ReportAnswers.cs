using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>A page of the report by agent and bucket.</summary>
public sealed record AgentsReport(
    DateTimeOffset AsOf,
    string Bucket,
    bool Conserved,
    string TimeZoneVersion,
    IReadOnlyList<string> Notes,
    IReadOnlyList<ReportItem> Items,
    string? Next
);

/// <summary>What all agents did together.</summary>
public sealed record TotalsReport(
    DateTimeOffset AsOf,
    string Bucket,
    bool Conserved,
    int Agents,
    ReportItem Total,
    IReadOnlyList<ReportItem> Items
);

/// <summary>The numbers of an agent, or of all, in a bucket.</summary>
public sealed record ReportItem(
    string? AgentId,
    DateTimeOffset BucketStart,
    DateTimeOffset BucketEnd,
    IReadOnlyDictionary<string, StatusSecondsAnswer> StatusSeconds
)
{
    /// <summary>In front of the id of a status, where it is one of the columns.</summary>
    public const string OfStatus = "statusSeconds.";

    /// <summary>Every metric by its name.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement> Metrics { get; init; } = [];

    /// <summary>A number by the name of its metric; null where it is undefined.</summary>
    public double? this[string metric] =>
        metric.StartsWith(OfStatus, StringComparison.Ordinal)
            ? StatusSeconds.TryGetValue(metric[OfStatus.Length..], out var status)
                ? status.Seconds
                : 0
            : Metrics.TryGetValue(metric, out var number) && number.ValueKind is JsonValueKind.Number
                ? number.GetDouble()
                : null;
}

/// <summary>Each status of an agent, a page of it.</summary>
public sealed record StatusHistory(DateTimeOffset AsOf, IReadOnlyList<StatusStretch> Items, string? Next);

/// <summary>A stretch of one status.</summary>
public sealed record StatusStretch(
    string StatusId,
    string Base,
    DateTimeOffset Start,
    DateTimeOffset? End,
    double DurationSeconds,
    string Origin,
    string? Rule,
    Actor? Actor
);

/// <summary>What a number is made of, a page of it.</summary>
public sealed record Explanation(
    double? Value,
    double Numerator,
    double? Denominator,
    DateTimeOffset AsOf,
    MetricDefinition Definition,
    IReadOnlyList<ExplainedFact> Items,
    string? Next
);

/// <summary>A fact, and how much of it counts.</summary>
public sealed record ExplainedFact(string Kind, DateTimeOffset Start, DateTimeOffset End, double Amount, string Part)
{
    public string? StatusId { get; init; }
    public string? Base { get; init; }
    public string? Rule { get; init; }
    public Actor? Actor { get; init; }
    public string? ConversationId { get; init; }
    public string? Channel { get; init; }
    public string? Queue { get; init; }
    public string? Direction { get; init; }
    public string? Outcome { get; init; }
    public string? EndedBy { get; init; }
    public string? Mode { get; init; }
    public int? UnitsTotal { get; init; }
    public int? UnitsUsed { get; init; }
    public IReadOnlyList<ExplainedEvent> Events { get; init; } = [];
}

/// <summary>An event under a fact.</summary>
public sealed record ExplainedEvent(long Version, string Type, DateTimeOffset OccurredAt, string? Rule);

/// <summary>When too few agents of a queue were routable, a page of it.</summary>
public sealed record CoverageReport(
    DateTimeOffset AsOf,
    DateTimeOffset From,
    DateTimeOffset To,
    IReadOnlyList<Shortage> Items,
    string? Next
);

/// <summary>A stretch with too few.</summary>
public sealed record Shortage(
    DateTimeOffset Start,
    DateTimeOffset End,
    double DurationSeconds,
    int Routable,
    IReadOnlyList<ShortageCause> Causes
);

/// <summary>Why an agent was not routable.</summary>
public sealed record ShortageCause(string AgentId, string Cause, string? StatusId, DateTimeOffset? Since, string? Rule);
