using System.Text.Json.Serialization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>A page of the detailed view.</summary>
public sealed record StatusHistoryAnswer(
    string AgentId,
    DateTimeOffset AsOf,
    DateTimeOffset From,
    DateTimeOffset To,
    string TimeZone,
    string TimeZoneVersion,
    string View,
    [property: System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
        DateTimeOffset? AsKnownAt,
    string Definitions,
    IReadOnlyList<StatusItem> Items,
    [property: System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
        string? Next
);

/// <summary>A stretch of one status.</summary>
/// <param name="StatusId">The status.</param>
/// <param name="Base">Its base.</param>
/// <param name="Start">When it began, be it before the window.</param>
/// <param name="End">When it ended, be it after the window; null while it stands.</param>
/// <param name="DurationSeconds">How long it stood within the window, in seconds.</param>
/// <param name="Origin">Why it came to stand.</param>
/// <param name="Rule">The rule that made it.</param>
/// <param name="Actor">Who made it.</param>
public sealed record StatusItem(
    string StatusId,
    BaseStatus Base,
    DateTimeOffset Start,
    DateTimeOffset? End,
    double DurationSeconds,
    Origin Origin,
    string? Rule,
    Actor? Actor
)
{
    public static StatusItem Of(StatusInterval interval, DateTimeOffset from, DateTimeOffset to)
    {
        var start = interval.Start.At > from ? interval.Start.At : from;
        var end = interval.End is { } mark && mark.At < to ? mark.At : to;
        return new StatusItem(
            interval.StatusId,
            interval.Base,
            interval.Start.At,
            interval.End?.At,
            Math.Max(0, (end - start).TotalMilliseconds) / 1000,
            interval.Origin,
            interval.Rule,
            interval.Actor
        );
    }
}

/// <summary>What a historical report is of.</summary>
public abstract record HistoricalHead
{
    /// <summary>The instant up to which it is complete.</summary>
    public required DateTimeOffset AsOf { get; init; }
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required string TimeZone { get; init; }
    public required string TimeZoneVersion { get; init; }
    public required string Bucket { get; init; }
    public required string View { get; init; }

    /// <summary>Where it was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AsKnownAt { get; init; }

    /// <summary>Whether in every bucket of every agent the statuses fill the bucket.</summary>
    public required bool Conserved { get; init; }

    /// <summary>Where the metrics are defined.</summary>
    public required string Definitions { get; init; }
    public required IReadOnlyList<string> Notes { get; init; }
}

/// <summary>What agents did, by agent and bucket.</summary>
public sealed record HistoricalAnswer : HistoricalHead
{
    public required IReadOnlyList<ReportItem> Items { get; init; }

    /// <summary>The cursor of the page after; left out of the last one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Next { get; init; }
}

/// <summary>What all agents of a report did together.</summary>
public sealed record TotalsAnswer : HistoricalHead
{
    /// <summary>How many agents these are the totals of.</summary>
    public required int Agents { get; init; }

    /// <summary>Of the whole window.</summary>
    public required TotalsItem Total { get; init; }

    /// <summary>Of each bucket.</summary>
    public required IReadOnlyList<TotalsItem> Items { get; init; }
}

/// <summary>An agent in a bucket: every metric of the catalogue. It is written without a copy of its own; this stands for it in the description.</summary>
public sealed record ReportItem;

/// <summary>All agents of a report in a bucket, likewise.</summary>
public sealed record TotalsItem;

/// <summary>How long a status stood in a bucket.</summary>
/// <param name="Seconds">How long.</param>
/// <param name="Episodes">In how many episodes.</param>
/// <param name="MinSeconds">The shortest of them; null where it did not stand.</param>
/// <param name="MaxSeconds">The longest.</param>
public sealed record StatusSecondsAnswer(double Seconds, int Episodes, double? MinSeconds, double? MaxSeconds);
