using System.Diagnostics.Metrics;
using Npgsql;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Hosting;

/// <summary>How far the read models are behind the log, for <c>/metrics</c>: looked up when that is asked for, once a second at most.</summary>
internal sealed class ProjectionMetrics : IDisposable
{
    private const string Path = "/metrics";
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    private readonly Meter _meter = new(Telemetry.Name);
    private readonly ReadPosition[] _positions;
    private readonly TimeProvider _clock;
    private readonly SemaphoreSlim _one = new(1);
    private long? _lookedAt;
    private volatile (string Model, Lag Lag)[] _lags = [];

    public ProjectionMetrics(IEnumerable<ProjectionLoop> loops, NpgsqlDataSource database, TimeProvider clock)
    {
        var all = loops.ToArray();
        _clock = clock;
        _positions = Array.ConvertAll(all, loop => new ReadPosition(database, loop, clock));
        _meter.CreateObservableGauge(
            "presence_ledger.projection.lag.seconds",
            () => _lags.Select(l => Of(l.Lag.Seconds, l.Model)),
            "s",
            "From the instant up to which a read model is complete until now"
        );
        _meter.CreateObservableGauge(
            "presence_ledger.projection.lag.events",
            () => _lags.Where(l => l.Lag.Events is not null).Select(l => Of(l.Lag.Events!.Value, l.Model)),
            description: "Events that a read model does not have yet, counted up to 100,000; only where the log is in PostgreSQL"
        );
        _meter.CreateObservableGauge(
            "presence_ledger.recorded.ahead.seconds",
            () => _lags.Take(1).Select(l => new Measurement<double>(l.Lag.RecordedAhead.TotalSeconds)),
            "s",
            "How far the newest event is from having been: what was recorded while the clock of the database was ahead"
        );
        _meter.CreateObservableGauge(
            "presence_ledger.projection.stopped",
            () => all.Select(loop => Of(loop.Stopped is null ? 0L : 1L, loop.Model.Name)),
            description: "1 where this node keeps a read model that stands still at an event; why is in /health/ready"
        );
    }

    /// <summary>Looks how it is before the metrics are told.</summary>
    public static void Use(WebApplication app)
    {
        var metrics = app.Services.GetRequiredService<ProjectionMetrics>();
        app.UseWhen(
            http => http.Request.Path == Path,
            metered =>
                metered.Use(
                    async (http, next) =>
                    {
                        await metrics.LookAsync(http.RequestAborted);
                        await next(http);
                    }
                )
        );
        app.MapPrometheusScrapingEndpoint(Path);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _meter.Dispose();
        _one.Dispose();
    }

    private async Task LookAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (_lookedAt is { } at && _clock.GetElapsedTime(at) < Fresh)
                return;
            _lookedAt = _clock.GetTimestamp();
            using var soon = CancellationTokenSource.CreateLinkedTokenSource(ct);
            soon.CancelAfter(Soon);
            var lags = new List<(string, Lag)>();
            foreach (var position in _positions)
                lags.Add((position.Model.Name, await position.LagAsync(soon.Token)));
            _lags = [.. lags];
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            // Nothing is told rather than what was.
            _lags = [];
        }
        finally
        {
            _one.Release();
        }
    }

    private static Measurement<T> Of<T>(T value, string model)
        where T : struct => new(value, new KeyValuePair<string, object?>("model", model));
}
