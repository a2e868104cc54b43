using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;
using PresenceLedger.Projections.CurrentPresence;

namespace PresenceLedger.Api.Hosting;

/// <summary>Whether the service can do its work: the database and the log answer, and the projection moves.</summary>
public sealed class Readiness(
    ILog log,
    ReadPosition position,
    [FromKeyedServices(typeof(PresenceModel))] ProjectionLoop loop,
    TimeProvider clock
) : IHealthCheck
{
    private static readonly TimeSpan TooFarBehind = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

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
                ["store"] = log.Store,
                ["role"] = loop.CaughtUp switch
                {
                    null => "another node projects",
                    true => "projects, and has caught up",
                    false => "projects, and catches up",
                },
                ["lagSeconds"] = Math.Round(lag.TotalSeconds, 3),
            };
            using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            soon.CancelAfter(Soon);
            await log.ReadStreamBackwardsAsync(StreamNames.Configuration, long.MaxValue, 1, soon.Token);
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
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy("The log does not answer.");
        }
        catch (LedgerUnavailableException e)
        {
            return HealthCheckResult.Unhealthy(e.Message);
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
