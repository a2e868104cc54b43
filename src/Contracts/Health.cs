namespace PresenceLedger.Contracts;

/// <summary>How the service does.</summary>
/// <param name="Status"><c>healthy</c>, <c>degraded</c> or <c>unhealthy</c>: the worst of the checks.</param>
/// <param name="Checks">Each of them.</param>
public sealed record HealthAnswer(string Status, IReadOnlyList<HealthCheckAnswer> Checks);

/// <summary>One check: what it found, and the figures behind it (docs/operations.md).</summary>
public sealed record HealthCheckAnswer(string Name, string Status, string? Description, IReadOnlyDictionary<string, object> Data);
