using System.Text.Json;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Reporting;

namespace PresenceLedger.Queries.Historical;

/// <summary>The catalogue of metrics: each with its formula, unit and version (REP-8).</summary>
public static class ReportMetrics
{
    /// <summary>Where it is.</summary>
    public const string Path = "/api/v1/reports/metrics";

    /// <summary>The one that is not a number, but a number for each status.</summary>
    public const string StatusSeconds = "statusSeconds";

    private static readonly MetricDefinition OfStatuses = new(
        StatusSeconds,
        "seconds",
        "each status of its own, by id: how long it stood, in how many episodes, the shortest and the longest of them; episodes are cut at the edges of buckets",
        1,
        "status",
        null,
        FollowsFilters: false
    );

    /// <summary>All of them.</summary>
    public static MetricCatalogue Catalogue { get; } =
        new(
            [.. Metrics.All.Select(Of), OfStatuses],
            [
                "Intervals are half-open, [start, end), to the millisecond; an open one ends at the report's asOf.",
                "A duration is split exactly at the edges of buckets. A count belongs to the bucket of its instant.",
                "An average belongs to the bucket in which its sessions ended, whole; its numerator and denominator stand beside it.",
                "null is undefined (nothing to divide by), 0 is a real zero.",
                "For each agent and bucket, from registration on and up to asOf, the durations of the statuses add up to the bucket's length, and so do those by base: 'conserved'.",
                "Filters by queue, channel and workstream narrow the metrics with followsFilters; a filter by status narrows statusSeconds alone.",
                "A number is comparable with those of the same version of its metric.",
            ]
        );

    /// <summary>One by its name; null where there is none.</summary>
    public static MetricDefinition? Named(string name) =>
        name == StatusSeconds ? OfStatuses
        : Metrics.Named(name) is { } metric ? Of(metric)
        : null;

    private static MetricDefinition Of(Metric metric) =>
        new(
            metric.Name,
            metric.Unit,
            metric.Formula,
            metric.Version,
            Word(metric.Of),
            metric.Over is { } over ? Word(over) : null,
            metric.Follows
        );

    private static string Word(Measure measure) => JsonNamingPolicy.CamelCase.ConvertName(measure.ToString());
}
