using System.Collections.Immutable;

namespace PresenceLedger.Domain.Reporting;

/// <summary>A metric of the reports: its definition, and what it is of the measures of a bucket.</summary>
/// <param name="Name">As in the answers.</param>
/// <param name="Unit"><c>seconds</c>, <c>count</c>, <c>ratio</c> or <c>units</c>.</param>
/// <param name="Formula">The definition, in words.</param>
/// <param name="Of">What is added up.</param>
/// <param name="Over">What that is divided by; null where it is a sum.</param>
/// <param name="Follows">Whether filters by queue, channel and workstream narrow it.</param>
public sealed record Metric(string Name, string Unit, string Formula, Measure Of, Measure? Over, bool Follows)
{
    /// <summary>Goes up when the definition changes: a number is comparable with those of the same version.</summary>
    public int Version { get; init; } = 1;

    /// <summary>An average, whose numerator and denominator stand beside it (REP-6).</summary>
    public bool IsAverage => Over is not null && Unit is not "ratio";

    /// <summary>Whether what is added up is time, or units times time.</summary>
    public bool InSeconds => Of.IsTime();

    /// <summary>Whether what it is divided by is time.</summary>
    public bool OverSeconds => Over?.IsTime() is true;

    /// <summary>Its value in a bucket; null where it is undefined (REP-7).</summary>
    public double? In(Cell cell) =>
        Over is not { } over ? Numerator(cell)
        : cell[over] == 0 ? null
        : Numerator(cell) / Denominator(cell);

    /// <summary>What is added up, in seconds where it is time.</summary>
    public double Numerator(Cell cell) => InSeconds ? cell[Of] / 1000.0 : cell[Of];

    /// <summary>What that is divided by, in seconds where it is time; 1 where it is a sum.</summary>
    public double Denominator(Cell cell) =>
        Over is not { } over ? 1
        : OverSeconds ? cell[over] / 1000.0
        : cell[over];
}

/// <summary>The catalogue of metrics (REP-8).</summary>
public static class Metrics
{
    /// <summary>Every metric, in the order of the answers.</summary>
    public static ImmutableArray<Metric> All { get; } =
    [
        Time("loginSeconds", "signed in, over any number of connections; overlaps once", Measure.Login),
        Time("availableSeconds", "a status of base available stood", Measure.Available),
        Time("busySeconds", "a status of base busy stood", Measure.Busy),
        Time("doNotDisturbSeconds", "a status of base do-not-disturb stood", Measure.DoNotDisturb),
        Time("awaySeconds", "a status of base away stood, inactive included", Measure.Away),
        Time("offlineSeconds", "a status of base offline stood, from registration on", Measure.Offline),
        Time("onlineSeconds", "a status of a base other than offline stood", Measure.Online),
        Count(
            "presentedSessions",
            "sessions offered to the agent, by the instant of assignment; neither outbound attempts nor what could not be delivered",
            Measure.Presented
        ) with
        {
            Version = 2,
        },
        Count(
            "engagedSessions",
            "sessions accepted, by the agent or for the agent, outbound attempts among them, by the instant of acceptance",
            Measure.Engaged
        ),
        Count("outboundSessions", "outbound attempts, by their instant; not among the presented", Measure.Outbound),
        Count(
            "undeliveredSessions",
            "sessions whose offer could not be delivered to the agent's device, by that instant; not among the presented",
            Measure.Undelivered
        ),
        Count("rejectedSessions", "sessions that the agent rejected, by that instant", Measure.Rejected),
        Count("missedSessions", "sessions whose notification timed out, by that instant", Measure.Missed),
        Count("abandonedSessions", "sessions closed by the customer before they were accepted, by that instant", Measure.Abandoned),
        Count("forceReleasedSessions", "sessions that a supervisor released by force, by that instant", Measure.ForceReleased),
        Ratio(
            "rejectionRate",
            "rejectedSessions ÷ presented sessions accepted, rejected or missed",
            Measure.Rejected,
            Measure.Resolved
        ) with
        {
            Version = 2,
        },
        Ratio("missedRate", "missedSessions ÷ presented sessions accepted, rejected or missed", Measure.Missed, Measure.Resolved) with
        {
            Version = 2,
        },
        Count("transferredSessions", "sessions transferred away, by that instant", Measure.Transferred),
        Ratio("transferRate", "transferredSessions ÷ engagedSessions", Measure.Transferred, Measure.Engaged),
        Count("engagedConversations", "distinct conversations among the engaged sessions of the bucket", Measure.EngagedConversations),
        Average(
            "averageTimeToAcceptSeconds",
            "assigned to accepted, of presented and accepted sessions that ended in the bucket",
            Measure.TimeToAccept,
            Measure.TimesToAccept
        ) with
        {
            Version = 2,
        },
        Average(
            "averageTimeToRejectSeconds",
            "assigned to rejected, of sessions that were rejected in the bucket",
            Measure.TimeToReject,
            Measure.TimesToReject
        ),
        Average(
            "averageWaitSeconds",
            "createdAt of the conversation to accepted, of accepted sessions that ended in the bucket and have a createdAt that is "
                + "not after the acceptance; up to 5 s after it counts as 0",
            Measure.Wait,
            Measure.Waits
        ) with
        {
            Version = 2,
        },
        Average(
            "averageSessionSeconds",
            "accepted to ended, of accepted sessions that ended in the bucket",
            Measure.SessionTime,
            Measure.SessionsEnded
        ),
        Average(
            "averageHandleSeconds",
            "accepted to ended less the stretches of waiting, wrap-up included, of accepted sessions that ended in the bucket",
            Measure.Handle,
            Measure.Handled
        ),
        Average(
            "averageWrapUpSeconds",
            "beginning of wrap-up to ended, of sessions with a wrap-up that ended in the bucket",
            Measure.WrapUp,
            Measure.WrapUps
        ),
        Count("consultSessions", "consults joined, by the instant of joining", Measure.ConsultsJoined) with
        {
            Follows = false,
        },
        Average("averageConsultSeconds", "joined to left, of consults left in the bucket", Measure.Consult, Measure.ConsultsLeft) with
        {
            Follows = false,
        },
        Count("monitorSessions", "monitors joined, by the instant of joining", Measure.MonitorsJoined) with
        {
            Follows = false,
        },
        Average("averageMonitorSeconds", "joined to left, of monitors left in the bucket", Measure.Monitor, Measure.MonitorsLeft) with
        {
            Follows = false,
        },
        Time("onContactSeconds", "signed in with at least one active or wrap-up session; wall clock, overlaps once", Measure.OnContact),
        Time("idleSeconds", "base available without an active or wrap-up session", Measure.Idle),
        Ratio("occupancy", "onContactSeconds ÷ (onContactSeconds + idleSeconds)", Measure.OnContact, Measure.OnContactOrIdle) with
        {
            Follows = false,
        },
        Time("atCapacitySeconds", "signed in with units configured and units used ≥ units total", Measure.AtCapacity),
        Average("averageUnitsUsed", "units used, weighted by time, while signed in", Measure.UnitsUsed, Measure.UnitsTime) with
        {
            Unit = "units",
            Follows = false,
        },
    ];

    /// <summary>One by its name; null where there is none.</summary>
    public static Metric? Named(string name) => All.FirstOrDefault(m => m.Name == name);

    private static Metric Time(string name, string formula, Measure of) => new(name, "seconds", formula, of, null, Follows: false);

    private static Metric Count(string name, string formula, Measure of) => new(name, "count", formula, of, null, Follows: true);

    private static Metric Ratio(string name, string formula, Measure of, Measure over) =>
        new(name, "ratio", formula, of, over, Follows: true);

    private static Metric Average(string name, string formula, Measure of, Measure over) =>
        new(name, "seconds", formula, of, over, Follows: true);
}
