using NodaTime;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Simulation;

/// <summary>Which days and hours an agent works.</summary>
internal enum Rota
{
    Early,
    Late,
    Weekend,
    PartTime,
}

/// <summary>A planned absence from work within a shift, shown by a status.</summary>
internal sealed record Pause(string StatusId, DateTimeOffset Start, TimeSpan Length);

/// <summary>One agent's day as it is planned; what comes of it is another matter.</summary>
internal sealed record Shift(DateTimeOffset Start, DateTimeOffset End, IReadOnlyList<Pause> Pauses)
{
    /// <summary>The shift of a rota on a day, in local time of the zone; null on a day off.</summary>
    public static Shift? On(Rota rota, DateOnly day, DateTimeZone zone)
    {
        var weekend = day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday;
        return rota switch
        {
            Rota.Early when !weekend => Of(new(7, 0), new(15, 30), [Break(9, 0), Lunch(11, 30), Break(13, 45)]),
            Rota.Late when !weekend => Of(new(11, 30), new(20, 0), [Break(13, 0), Lunch(15, 30), Break(18, 0)]),
            Rota.Weekend when weekend || day.DayOfWeek is DayOfWeek.Monday or DayOfWeek.Thursday => Of(
                new(9, 0),
                new(17, 30),
                [Break(10, 45), Lunch(12, 45), Break(15, 30)]
            ),
            Rota.PartTime when !weekend && day.DayOfWeek is not DayOfWeek.Friday => Of(new(8, 30), new(13, 0), [Break(10, 30)]),
            _ => null,
        };

        Shift Of(TimeOnly start, TimeOnly end, Pause[] pauses) => new(At(day, start, zone), At(day, end, zone), pauses);
        Pause Break(int hour, int minute) => new("break", At(day, new(hour, minute), zone), TimeSpan.FromMinutes(15));
        Pause Lunch(int hour, int minute) => new("lunch", At(day, new(hour, minute), zone), TimeSpan.FromMinutes(30));
    }

    /// <summary>A local time of a day; one that daylight saving skips is the first after the gap.</summary>
    public static DateTimeOffset At(DateOnly day, TimeOnly time, DateTimeZone zone) =>
        Zones.At(LocalDate.FromDateOnly(day) + LocalTime.FromTimeOnly(time), zone).ToDateTimeOffset();
}
