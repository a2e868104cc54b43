using System.Collections.Immutable;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>Which metrics stand beside each other in the table of agents.</summary>
public static class TableColumns
{
    /// <summary>The set with a column for each status.</summary>
    public const string Statuses = "statuses";

    private static readonly ImmutableArray<(string Set, ImmutableArray<string> Metrics)> Sets =
    [
        (
            "time",
            [
                "loginSeconds",
                "onlineSeconds",
                "availableSeconds",
                "busySeconds",
                "doNotDisturbSeconds",
                "awaySeconds",
                "offlineSeconds",
                "onContactSeconds",
                "idleSeconds",
                "atCapacitySeconds",
                "occupancy",
            ]
        ),
        (
            "sessions",
            [
                "presentedSessions",
                "engagedSessions",
                "engagedConversations",
                "rejectedSessions",
                "missedSessions",
                "outboundSessions",
                "undeliveredSessions",
                "abandonedSessions",
                "forceReleasedSessions",
                "transferredSessions",
                "rejectionRate",
                "missedRate",
                "transferRate",
            ]
        ),
        (
            "averages",
            [
                "averageTimeToAcceptSeconds",
                "averageTimeToRejectSeconds",
                "averageWaitSeconds",
                "averageSessionSeconds",
                "averageHandleSeconds",
                "averageWrapUpSeconds",
                "averageUnitsUsed",
                "consultSessions",
                "averageConsultSeconds",
                "monitorSessions",
                "averageMonitorSeconds",
            ]
        ),
        (Statuses, []),
    ];

    /// <summary>The sets to choose from.</summary>
    public static IEnumerable<string> Names => Sets.Select(s => s.Set);

    /// <summary>Every metric that is a column somewhere.</summary>
    public static IEnumerable<string> All => Sets.SelectMany(s => s.Metrics);

    /// <summary>The set that a metric, or a status as a column, is in.</summary>
    public static string SetOf(string metric) => Sets.FirstOrDefault(s => s.Metrics.Contains(metric)).Set ?? Statuses;

    /// <summary>The metrics of a set; the first set's where there is none of that name.</summary>
    /// <param name="set">Its name.</param>
    /// <param name="statuses">The statuses that stood, in order.</param>
    public static ImmutableArray<string> Of(string set, IEnumerable<CatalogueStatus> statuses) =>
        set == Statuses ? [.. statuses.Select(s => ReportItem.OfStatus + s.StatusId)]
        : Sets.FirstOrDefault(s => s.Set == set).Metrics is { IsDefault: false } metrics ? metrics
        : Sets[0].Metrics;
}
