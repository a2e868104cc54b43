using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using PresenceLedger.Api.Audit;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Timers;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Hosting;

/// <summary>Whether the service can do its work: the database and the log answer, timers are kept, and the read models move.</summary>
internal sealed class Readiness(
    ILog log,
    IEnumerable<ProjectionLoop> loops,
    TimerKeeper timers,
    SealWorker seals,
    NpgsqlDataSource database,
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
            var models = new List<ModelHealth>();
            foreach (var loop in loops)
                models.Add(await LookAsync(loop, cancellationToken));
            var presence = models.Single(m => m.Model is PresenceModel);
            var data = new Dictionary<string, object>
            {
                ["asOf"] = Instant.Format(presence.Lag.At.AsOf),
                ["position"] = presence.Lag.At.Position.ToString(),
                ["store"] = log.Store,
                ["role"] = presence.Role,
                ["lagSeconds"] = presence.Lag.Seconds,
                ["models"] = models.ConvertAll(m => m.Told()),
                ["timers"] = new { behindSeconds = timers.Behind?.TotalSeconds },
                ["seals"] = SealsTold(),
            };
            using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            soon.CancelAfter(Soon);
            await log.ReadStreamBackwardsAsync(StreamNames.Configuration, long.MaxValue, 1, soon.Token);
            // What everybody works with makes the node unfit; another read model only its own questions.
            if (log.Trouble is { } trouble)
                return HealthCheckResult.Unhealthy(trouble, data: data);
            if (presence.Stopped is { } reason)
                return HealthCheckResult.Unhealthy("The projection stands still: " + reason, data: data);
            // Degraded, for presence goes on: whoever can write to the database is not to take the service away by it.
            if (seals.Mismatch is { } mismatch)
                return HealthCheckResult.Degraded(mismatch, data: data);
            if (seals.Overdue is { } overdue)
                return HealthCheckResult.Unhealthy(overdue, data: data);
            if (timers.Behind > TooFarBehind)
                return HealthCheckResult.Degraded("Losses and ends of wrap-ups come late: timers are behind the log.", data: data);
            if (models.Find(m => m.Stopped is not null) is { } stopped)
                return HealthCheckResult.Degraded($"The read model {stopped.Model.Name} stands still: {stopped.Stopped}", data: data);
            return models.Find(m => m.Lag.Seconds > TooFarBehind.TotalSeconds) is { } behind
                ? HealthCheckResult.Degraded($"The read model {behind.Model.Name} is behind.", data: data)
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

    private object SealsTold()
    {
        var last = seals.Book.Current.Last;
        return new
        {
            number = last?.Number,
            events = last?.EndOrdinal(),
            sealedAt = last is null ? null : Instant.Format(last.SealedAt),
            stopped = seals.Stopped,
        };
    }

    private async Task<ModelHealth> LookAsync(ProjectionLoop loop, CancellationToken ct)
    {
        var role = loop.CaughtUp switch
        {
            null => "another node projects",
            _ when loop.Stopped is not null => "projects, and stands still",
            true => "projects, and has caught up",
            false => "projects, and catches up",
        };
        return new ModelHealth(loop.Model, await new ReadPosition(database, loop, clock).LagAsync(ct), role, loop.Stopped);
    }

    private sealed record ModelHealth(IReadModel Model, Lag Lag, string Role, string? Stopped)
    {
        public object Told() =>
            new
            {
                name = Model.Name,
                version = Model.Version,
                asOf = Instant.Format(Lag.At.AsOf),
                position = Lag.At.Position.ToString(),
                role = Role,
                lagSeconds = Lag.Seconds,
                lagEvents = Lag.Events,
                stopped = Stopped,
            };
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        if (report.Entries.Count > 0)
            context.RequestServices.GetRequiredService<ProbeLog>().Note(report);
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(JsonSerializer.Serialize(HealthEndpoint.Of(report), JsonSerializerOptions.Web));
    }
}

/// <summary>What probes found, for the log: once where something is wrong, and not once for each probe.</summary>
internal sealed class ProbeLog(ILogger<ProbeLog> logger, TimeProvider clock)
{
    private readonly Trouble _unwell = new(logger, clock);

    /// <summary>Tells it where it is new.</summary>
    public void Note(HealthReport report)
    {
        if (report.Status is HealthStatus.Healthy)
            _unwell.IsOver("The service is well again");
        else
            _unwell.Is(
                $"The service is {report.Status.ToString().ToLowerInvariant()}: "
                    + string.Join(' ', report.Entries.Values.Where(e => e.Status is not HealthStatus.Healthy).Select(e => e.Description))
            );
    }
}
