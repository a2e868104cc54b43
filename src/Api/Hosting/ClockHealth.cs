using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Hosting;

/// <summary>
/// What time it is, and whether this node knows: its own clock beside the ledger's, and whether something was recorded while the
/// database's clock was ahead (TIM-1).
/// </summary>
internal sealed class ClockHealth : IHealthCheck, IDisposable
{
    /// <summary>By less than this no clock is wrong.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    private readonly Meter _meter = new(Telemetry.Name);
    private readonly LedgerClock _clock;
    private readonly ReadPosition _position;

    public ClockHealth(LedgerClock clock, ReadPosition position)
    {
        (_clock, _position) = (clock, position);
        _meter.CreateObservableGauge(
            "presence_ledger.clock.ahead.seconds",
            () => _clock.OwnAhead is { } ahead ? [new Measurement<double>(ahead.TotalSeconds)] : Array.Empty<Measurement<double>>(),
            "s",
            "How far this node's own clock is ahead of the ledger's, which is the database's; negative where it is behind"
        );
        _meter.CreateObservableGauge(
            "presence_ledger.clock.inexactness.seconds",
            () => _clock.Inexactness is { } by ? [new Measurement<double>(by.TotalSeconds)] : Array.Empty<Measurement<double>>(),
            "s",
            "By how much this node may be wrong about the time of the ledger, at most"
        );
    }

    /// <inheritdoc />
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var recordedAhead = await RecordedAheadAsync(cancellationToken);
        var data = new Dictionary<string, object>
        {
            ["now"] = Instant.Format(_clock.Now()),
            ["known"] = _clock.IsKnown,
            ["ownAheadSeconds"] = Seconds(_clock.OwnAhead),
            ["inexactnessSeconds"] = Seconds(_clock.Inexactness),
            ["measuredSecondsAgo"] = Seconds(_clock.Age),
            ["recordedAheadSeconds"] = Seconds(recordedAhead),
        };
        if (!_clock.IsKnown)
            return HealthCheckResult.Unhealthy(
                "This node does not know the time of the ledger, for the database does not tell it: it takes no commands.",
                data: data
            );
        if (recordedAhead > Tolerance)
            return HealthCheckResult.Degraded(
                $"Something was recorded while the clock of the database was ahead; the newest of it is {Told(recordedAhead)} from now. It "
                    + "stands, and what it concerns has no length until then. Nothing else is touched by it.",
                data: data
            );
        return _clock.OwnAhead is { } ahead && ahead.Duration() > Tolerance
            ? HealthCheckResult.Degraded(
                $"The clock of this node is {Told(ahead.Duration())} {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} that of the database, by "
                    + "which everything is recorded all the same. Set it right.",
                data: data
            )
            : HealthCheckResult.Healthy("The time is that of the database.", data);
    }

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();

    private async Task<TimeSpan> RecordedAheadAsync(CancellationToken ct)
    {
        try
        {
            return (await _position.LagAsync(ct)).RecordedAhead;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // The check of the ledger says that the database does not answer.
            return TimeSpan.Zero;
        }
    }

    private static double Seconds(TimeSpan? time) => Math.Round(time?.TotalSeconds ?? 0, 3);

    private static string Told(TimeSpan time) =>
        time < TimeSpan.FromMinutes(2)
            ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s")
            : time.ToString(time.Days > 0 ? @"d\.hh\:mm\:ss" : @"hh\:mm\:ss", System.Globalization.CultureInfo.InvariantCulture);
}
