using Microsoft.Extensions.Diagnostics.HealthChecks;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Authorization;

namespace PresenceLedger.Api.Hosting;

/// <summary>What <c>/health/ready</c> says, for people: answered whether it is well or not.</summary>
internal static class HealthEndpoint
{
    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/health", GetAsync)
            .Allow(Permissions.CheckSetup)
            .WithMetadata(new TellsOfTheService())
            .WithTags("Operations")
            .WithSummary("How the service does: the log, each read model, the seals, and what is compared with the ledger.")
            .Produces<HealthAnswer>()
            .ProducesProblem(StatusCodes.Status403Forbidden);

    private static async Task<IResult> GetAsync(HttpContext http, HealthCheckService checks) =>
        Results.Json(HealthAnswer.Of(await checks.CheckHealthAsync(http.RequestAborted)), WireJson.Options);
}

/// <summary>How the service does.</summary>
/// <param name="Status"><c>healthy</c>, <c>degraded</c> or <c>unhealthy</c>: the worst of the checks.</param>
/// <param name="Checks">Each of them.</param>
public sealed record HealthAnswer(string Status, IReadOnlyList<HealthCheckAnswer> Checks)
{
    internal static HealthAnswer Of(HealthReport report) =>
        new(
            Name(report.Status),
            [.. report.Entries.Select(e => new HealthCheckAnswer(e.Key, Name(e.Value.Status), e.Value.Description, e.Value.Data))]
        );

    private static string Name(HealthStatus status) => status.ToString().ToLowerInvariant();
}

/// <summary>One check: what it found, and the figures behind it (docs/operations.md).</summary>
public sealed record HealthCheckAnswer(string Name, string Status, string? Description, IReadOnlyDictionary<string, object> Data);
