using System.Diagnostics;
using System.Diagnostics.Metrics;
using MediatR;

namespace PresenceLedger.Api.Hosting;

/// <summary>What the service tells of itself.</summary>
public static class Telemetry
{
    /// <summary>Name of the meter and the activity source.</summary>
    public const string Name = "PresenceLedger";

    internal static readonly ActivitySource Activities = new(Name);
    private static readonly Meter Meter = new(Name);
    internal static readonly Histogram<double> CommandSeconds = Meter.CreateHistogram<double>(
        "presence_ledger.command.duration",
        "s",
        "From request to durable answer"
    );

    internal static readonly UpDownCounter<long> Followers = Meter.CreateUpDownCounter<long>(
        "presence_ledger.live.followers",
        description: "Streams and hub connections that follow presence on this node"
    );

    internal static readonly Counter<long> Dropped = Meter.CreateCounter<long>(
        "presence_ledger.live.dropped",
        description: "Followers that were too slow"
    );
}

/// <summary>Times every request, and makes an activity of it.</summary>
public sealed class TelemetryBehaviour<TRequest, TResponse> : IPipelineBehavior<TRequest, TResponse>
    where TRequest : notnull
{
    /// <inheritdoc />
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        var name = request is IDescribed described ? described.Name : typeof(TRequest).Name;
        using var activity = Telemetry.Activities.StartActivity(name);
        var began = Stopwatch.GetTimestamp();
        try
        {
            return await next();
        }
        finally
        {
            Telemetry.CommandSeconds.Record(
                Stopwatch.GetElapsedTime(began).TotalSeconds,
                new KeyValuePair<string, object?>("command", name)
            );
        }
    }
}

/// <summary>A request that names what it asks for.</summary>
public interface IDescribed
{
    /// <summary>The name, of a small set.</summary>
    string Name { get; }
}
