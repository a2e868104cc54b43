namespace PresenceLedger.Contracts;

/// <summary>The metrics, and what holds for all of them.</summary>
public sealed record MetricCatalogue(IReadOnlyList<MetricDefinition> Items, IReadOnlyList<string> Conventions);

/// <summary>A metric.</summary>
/// <param name="Name">As in the reports.</param>
/// <param name="Unit"><c>seconds</c>, <c>count</c>, <c>ratio</c> or <c>units</c>.</param>
/// <param name="Formula">The definition, in words.</param>
/// <param name="Version">Goes up when the definition changes.</param>
/// <param name="Of">What is added up.</param>
/// <param name="Over">What that is divided by; null where it is a sum.</param>
/// <param name="FollowsFilters">Whether filters by queue, channel and workstream narrow it.</param>
public sealed record MetricDefinition(string Name, string Unit, string Formula, int Version, string Of, string? Over, bool FollowsFilters);
