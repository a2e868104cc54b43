using NodaTime;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Ledger.Calendars;

/// <summary>The calendar by the time-zone data that the product brings along, whatever the machine has (TIM-5).</summary>
public sealed class TzdbCalendar : ICalendar
{
    private TzdbCalendar() { }

    /// <summary>The one there is.</summary>
    public static TzdbCalendar Instance { get; } = new();

    /// <inheritdoc />
    public DateTimeOffset? Next(EndOfDay endOfDay, DateTimeOffset after)
    {
        if (Zones.Find(endOfDay.TimeZone) is not { } zone)
            return null;
        var instant = NodaTime.Instant.FromDateTimeOffset(after);
        var day = instant.InZone(zone).Date;
        var time = LocalTime.FromTimeOnly(endOfDay.Time);
        var end = Zones.At(day + time, zone);
        return (end > instant ? end : Zones.At(day.PlusDays(1) + time, zone)).ToDateTimeOffset();
    }
}
