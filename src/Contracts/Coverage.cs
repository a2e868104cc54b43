using System.Text.Json.Serialization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Reporting;

namespace PresenceLedger.Contracts;

/// <summary>When too few agents of a queue were routable, a page of it.</summary>
public sealed record CoverageAnswer
{
    public required DateTimeOffset AsOf { get; init; }
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required string TimeZone { get; init; }
    public required string TimeZoneVersion { get; init; }

    /// <summary>Always raw: coverage is of what was.</summary>
    public string View { get; } = "raw";

    /// <summary>Only what was recorded by this instant counts; left out where all does.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AsKnownAt { get; init; }
    public string Definitions { get; } = "/api/v1/reports/metrics";
    public required string Queue { get; init; }
    public required int Below { get; init; }
    public required IReadOnlyList<ShortageAnswer> Items { get; init; }

    /// <summary>The cursor of the page after; left out of the last one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Next { get; init; }
}

/// <summary>A stretch with fewer than were asked for.</summary>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended; not part of it.</param>
/// <param name="DurationSeconds">How long it was.</param>
/// <param name="Routable">The fewest that were routable within it.</param>
/// <param name="Causes">Who of the queue was not; first who dropped out as it began.</param>
public sealed record ShortageAnswer(
    DateTimeOffset Start,
    DateTimeOffset End,
    double DurationSeconds,
    int Routable,
    IReadOnlyList<CauseAnswer> Causes
);

/// <summary>Why an agent was not routable.</summary>
public sealed record CauseAnswer(string AgentId, Absence Cause, string? StatusId, DateTimeOffset? Since, string? Rule, Actor? Actor)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ReasonAnswer? Reason { get; init; }
}
