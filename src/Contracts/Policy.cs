using System.Globalization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Contracts;

/// <summary>A time of day (<c>HH:MM</c>) and an IANA time zone.</summary>
public sealed record EndOfDayBody(string Time, string TimeZone)
{
    public TimeOnly? ToTime() =>
        TimeOnly.TryParseExact(Time, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : null;

    public EndOfDay ToEndOfDay() => new(ToTime()!.Value, TimeZone);
}

/// <summary>The policy.</summary>
public sealed record PolicyAnswer(
    double RestoreWindow,
    double HeartbeatTimeout,
    double RefreshGrace,
    double HeartbeatSeconds,
    int FlappingTimes,
    double FlappingWindow,
    int MaxOpenSessions,
    bool MissedNotificationSetsInactive,
    int MissedLimit,
    int UndeliveredLimit,
    bool RejectedNotificationSetsDoNotDisturb,
    bool ZeroCapacityWorkSetsBusy,
    IReadOnlyDictionary<string, double> StuckAfterSeconds,
    double OfferAfterSeconds,
    EndOfDayBody? EndOfDay
)
{
    public static PolicyAnswer Of(Configuration configuration)
    {
        var p = configuration.Policy;
        return new PolicyAnswer(
            p.RestoreWindow.TotalSeconds,
            p.HeartbeatTimeout.TotalSeconds,
            p.RefreshGrace.TotalSeconds,
            p.HeartbeatInterval.TotalSeconds,
            p.FlappingTimes,
            p.FlappingWindow.TotalSeconds,
            p.MaxOpenSessions,
            p.MissedNotificationSetsInactive,
            p.MissedLimit,
            p.UndeliveredLimit,
            p.RejectedNotificationSetsDoNotDisturb,
            p.ZeroCapacityWorkSetsBusy,
            p.StuckAfter.ToDictionary(s => s.Key, s => s.Value.TotalSeconds),
            p.OfferAfter.TotalSeconds,
            p.EndOfDay is { } end ? new EndOfDayBody(end.Time.ToString("HH:mm", CultureInfo.InvariantCulture), end.TimeZone) : null
        );
    }
}
