using System.Diagnostics.Metrics;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Ledger.Agents;

/// <summary>What this node tells of connections: heartbeats it took, losses it recorded and how late it noticed, returns of connections that flap.</summary>
internal static class ConnectionMetrics
{
    private static readonly Meter Meter = new("PresenceLedger");

    private static readonly Counter<long> Heartbeats = Meter.CreateCounter<long>(
        "presence_ledger.heartbeats",
        description: "Signs of life that this node took"
    );

    private static readonly Counter<long> Losses = Meter.CreateCounter<long>(
        "presence_ledger.connections.lost",
        description: "Losses of connections that this node recorded, by cause"
    );

    private static readonly Histogram<double> Lateness = Meter.CreateHistogram<double>(
        "presence_ledger.connections.lost.lateness",
        "s",
        "From the deadline of a connection to the detection of its loss"
    );

    private static readonly Counter<long> Flapping = Meter.CreateCounter<long>(
        "presence_ledger.connections.flapping",
        description: "Returns of lost connections beyond what the policy calls flapping"
    );

    public static void Heartbeat() => Heartbeats.Add(1);

    public static void Flapped() => Flapping.Add(1);

    public static void Lost(ConnectionLost lost)
    {
        Losses.Add(1, new KeyValuePair<string, object?>("cause", lost.Cause is LossCause.Heartbeat ? "heartbeat" : "closed"));
        Lateness.Record((lost.DetectedAt - lost.Deadline).TotalSeconds);
    }
}
