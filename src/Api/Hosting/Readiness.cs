using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Hosting;

/// <summary>Whether the service can do its work: the database answers, and the projection moves.</summary>
public sealed class Readiness(ReadPosition position, ProjectionLoop loop, TimeProvider clock) : IHealthCheck
{
    private static readonly TimeSpan TooFarBehind = TimeSpan.FromSeconds(10);

    /// <summary>The probes.</summary>
    public static void Map(WebApplication app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync });
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { ResponseWriter = WriteAsync });
    }

    /// <inheritdoc />
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var read = await position.ReadAsync(cancellationToken);
            var lag = clock.Now() - read.AsOf;
            var data = new Dictionary<string, object>
            {
                ["asOf"] = Instant.Format(read.AsOf),
                ["position"] = read.Position.ToString(),
                ["lagSeconds"] = Math.Round(lag.TotalSeconds, 3),
            };
            if (loop.Stopped is { } reason)
                return HealthCheckResult.Unhealthy("The projection stands still: " + reason, data: data);
            return lag > TooFarBehind
                ? HealthCheckResult.Degraded("The projection is behind.", data: data)
                : HealthCheckResult.Healthy("The ledger answers.", data);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return HealthCheckResult.Unhealthy("The database does not answer: " + e.Message);
        }
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        var body = new
        {
            status = report.Status.ToString().ToLowerInvariant(),
            checks = report.Entries.Select(e => new
            {
                name = e.Key,
                status = e.Value.Status.ToString().ToLowerInvariant(),
                description = e.Value.Description,
                data = e.Value.Data,
            }),
        };
        return context.Response.WriteAsync(JsonSerializer.Serialize(body));
    }
}
