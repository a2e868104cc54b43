using System.Collections.Immutable;
using PresenceLedger.Contracts;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>What statuses and metrics are called, and which colour a status has in every picture.</summary>
public sealed class Catalogue
{
    // As they are stacked: who works below, who is gone on top.
    private static readonly ImmutableArray<string> Bases = ["available", "busy", "do-not-disturb", "away", "offline"];

    // Statuses of one base are shades of its colour, in percent.
    private static readonly ImmutableArray<int> Shades = [100, 60, 80, 40, 70, 50];

    private readonly Dictionary<string, (CatalogueStatus Status, string Colour)> _statuses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, MetricDefinition> _metrics;

    /// <summary>From the service's lists.</summary>
    public Catalogue(IReadOnlyList<CatalogueStatus> statuses, IReadOnlyList<MetricDefinition> metrics)
    {
        foreach (var ofBase in statuses.GroupBy(s => s.Base))
        {
            var shade = 0;
            // The status that is the base itself has its full colour.
            foreach (var status in ofBase.OrderByDescending(s => s.StatusId == s.Base))
                _statuses[status.StatusId] =
                    status.StatusId == "inactive"
                        ? (status, "var(--inactive)")
                        : (status, Shade(status.Base, Shades[Math.Min(shade++, Shades.Length - 1)]));
        }
        _metrics = metrics.ToDictionary(m => m.Name, StringComparer.Ordinal);
    }

    /// <summary>A status, be it one that the catalogue no longer has.</summary>
    public CatalogueStatus Status(string statusId) =>
        _statuses.TryGetValue(statusId, out var known) ? known.Status : new CatalogueStatus(statusId, statusId, "offline");

    /// <summary>Its colour, as CSS has it.</summary>
    public string Colour(string statusId) => _statuses.TryGetValue(statusId, out var known) ? known.Colour : "var(--offline)";

    /// <summary>Statuses in the order in which they are stacked.</summary>
    public IReadOnlyList<CatalogueStatus> InOrder(IEnumerable<string> statusIds) =>
        [
            .. statusIds
                .Select(Status)
                .OrderBy(s => Bases.IndexOf(s.Base))
                .ThenByDescending(s => s.StatusId == s.Base)
                .ThenBy(s => s.StatusId, StringComparer.Ordinal),
        ];

    /// <summary>The unit of a metric, or of a status as a column.</summary>
    public string Unit(string metric) => _metrics.TryGetValue(metric, out var known) ? known.Unit : "seconds";

    /// <summary>A metric; null for a status as a column.</summary>
    public MetricDefinition? Metric(string metric) => _metrics.GetValueOrDefault(metric);

    private static string Shade(string ofBase, int percent) =>
        percent == 100 ? $"var(--{ofBase})" : $"color-mix(in srgb, var(--{ofBase}) {percent}%, var(--surface))";
}
