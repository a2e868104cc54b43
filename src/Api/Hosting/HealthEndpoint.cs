using Microsoft.Extensions.Diagnostics.HealthChecks;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Queries;

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
        Results.Json(Of(await checks.CheckHealthAsync(http.RequestAborted)), WireJson.Options);

    /// <summary>A report, as it is answered.</summary>
    public static HealthAnswer Of(HealthReport report)
    {
        return new(
            Name(report.Status),
            [.. report.Entries.Select(e => new HealthCheckAnswer(e.Key, Name(e.Value.Status), e.Value.Description, e.Value.Data))]
        );

        static string Name(HealthStatus status) => status.ToString().ToLowerInvariant();
    }
}
