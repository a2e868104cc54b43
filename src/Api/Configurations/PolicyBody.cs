using System.Globalization;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Api.Configurations;

/// <summary>The policy, or part of it. Durations in seconds; fractions are taken to the millisecond.</summary>
public sealed record PolicyBody : BodyWithReason
{
    private const int MostInARow = 1000;

    /// <summary>CON-4.</summary>
    public double? RestoreWindow { get; init; }

    /// <summary>CON-1.</summary>
    public double? HeartbeatTimeout { get; init; }

    /// <summary>CON-6.</summary>
    public double? RefreshGrace { get; init; }

    /// <summary>How often clients are asked to send heartbeats.</summary>
    public double? HeartbeatSeconds { get; init; }

    /// <summary>An agent whose connections are lost and regained more often than this in the window is flagged as flapping.</summary>
    public int? FlappingTimes { get; init; }

    /// <summary>The window of that.</summary>
    public double? FlappingWindow { get; init; }

    /// <summary>CAP-5.</summary>
    public int? MaxOpenSessions { get; init; }

    /// <summary>NOT-1.</summary>
    public bool? MissedNotificationSetsInactive { get; init; }

    /// <summary>How many misses in a row set inactive; at least 1 (NOT-7).</summary>
    public int? MissedLimit { get; init; }

    /// <summary>How many undelivered offers in a row set inactive; 0 for never (NOT-6).</summary>
    public int? UndeliveredLimit { get; init; }

    /// <summary>NOT-2.</summary>
    public bool? RejectedNotificationSetsDoNotDisturb { get; init; }

    /// <summary>CAP-14.</summary>
    public bool? ZeroCapacityWorkSetsBusy { get; init; }

    /// <summary>By channel, <c>default</c> for the others: STK-1. Channels that are left out stay as they are; null takes one away.</summary>
    public Dictionary<string, double?>? StuckAfterSeconds { get; init; }

    /// <summary>How long a conversation may await acceptance before it is flagged: STK-1.</summary>
    public double? OfferAfterSeconds { get; init; }

    /// <summary>When end-of-day profiles are reset; null for never by itself (CAP-7).</summary>
    public EndOfDayBody? EndOfDay { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        const double aDay = 86_400;
        foreach (
            var (field, value, least) in new[]
            {
                ("restoreWindow", RestoreWindow, 0),
                ("heartbeatTimeout", HeartbeatTimeout, 0.5),
                ("refreshGrace", RefreshGrace, 0),
                ("heartbeatSeconds", HeartbeatSeconds, 0.1),
                ("flappingWindow", FlappingWindow, 1),
                ("offerAfterSeconds", OfferAfterSeconds, 1),
            }
        )
            if (value is { } seconds && !(seconds >= least && seconds <= aDay))
                yield return (field, string.Create(CultureInfo.InvariantCulture, $"must be {least} to {aDay} seconds"));
        if (FlappingTimes is < 1 or >= Agent.MostRegained)
            yield return ("flappingTimes", string.Create(CultureInfo.InvariantCulture, $"must be 1 to {Agent.MostRegained - 1}"));
        if (MaxOpenSessions is < 0 or > 10_000)
            yield return ("maxOpenSessions", "must be 0 to 10000");
        if (MissedLimit is < 1 or > MostInARow)
            yield return ("missedLimit", string.Create(CultureInfo.InvariantCulture, $"must be 1 to {MostInARow}"));
        if (UndeliveredLimit is < 0 or > MostInARow)
            yield return ("undeliveredLimit", string.Create(CultureInfo.InvariantCulture, $"must be 0 to {MostInARow}"));
        if (StuckAfterSeconds?.Any(s => !Identifier.IsValid(s.Key) || s.Value is not (null or (> 0 and <= 365 * aDay))) == true)
            yield return ("stuckAfterSeconds", "must have a number of seconds, above 0 and up to a year, by channel");
        if (EndOfDay is { } end)
        {
            if (end.ToTime() is null)
                yield return ("endOfDay.time", "must be HH:MM");
            if (Zones.Find(end.TimeZone) is null)
                yield return ("endOfDay.timeZone", "must be an IANA time zone such as Europe/Berlin");
        }
    }

    public Policy Change(Policy present, Predicate<string> has) =>
        present with
        {
            RestoreWindow = Seconds(RestoreWindow) ?? present.RestoreWindow,
            HeartbeatTimeout = Seconds(HeartbeatTimeout) ?? present.HeartbeatTimeout,
            RefreshGrace = Seconds(RefreshGrace) ?? present.RefreshGrace,
            HeartbeatInterval = Seconds(HeartbeatSeconds) ?? present.HeartbeatInterval,
            FlappingTimes = FlappingTimes ?? present.FlappingTimes,
            FlappingWindow = Seconds(FlappingWindow) ?? present.FlappingWindow,
            MaxOpenSessions = MaxOpenSessions ?? present.MaxOpenSessions,
            MissedNotificationSetsInactive = MissedNotificationSetsInactive ?? present.MissedNotificationSetsInactive,
            MissedLimit = MissedLimit ?? present.MissedLimit,
            UndeliveredLimit = UndeliveredLimit ?? present.UndeliveredLimit,
            RejectedNotificationSetsDoNotDisturb = RejectedNotificationSetsDoNotDisturb ?? present.RejectedNotificationSetsDoNotDisturb,
            ZeroCapacityWorkSetsBusy = ZeroCapacityWorkSetsBusy ?? present.ZeroCapacityWorkSetsBusy,
            StuckAfter = (StuckAfterSeconds ?? []).Aggregate(
                present.StuckAfter,
                (all, one) => Seconds(one.Value) is { } after ? all.SetItem(one.Key, after) : all.Remove(one.Key)
            ),
            OfferAfter = Seconds(OfferAfterSeconds) ?? present.OfferAfter,
            EndOfDay = has("endOfDay") ? EndOfDay?.ToEndOfDay() : present.EndOfDay,
        };

    private static TimeSpan? Seconds(double? seconds) => seconds is { } s ? TimeSpan.FromMilliseconds(Math.Round(s * 1000)) : null;
}
