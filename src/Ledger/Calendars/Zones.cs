using NodaTime;
using NodaTime.TimeZones;

namespace PresenceLedger.Ledger.Calendars;

/// <summary>Time zones of the IANA database; one belongs to a report's request alone (TIM-4).</summary>
public static class Zones
{
    /// <summary>A clock that skips a time counts after the gap, one that shows it twice at the first of them.</summary>
    private static readonly ZoneLocalMappingResolver FirstShown = Resolvers.CreateMappingResolver(
        Resolvers.ReturnEarlier,
        Resolvers.ReturnStartOfIntervalAfter
    );

    /// <summary>The version of the time-zone data, such as <c>2026a</c>.</summary>
    public static string Version => TzdbDateTimeZoneSource.Default.TzdbVersion;

    /// <summary>The zone of a name; null where the data that the product brings along have none (TIM-5).</summary>
    public static DateTimeZone? Find(string? name) =>
        // The provider also knows fixed offsets (UTC+05), which are no names of the database.
        name is not null
        && TzdbDateTimeZoneSource.Default.CanonicalIdMap.ContainsKey(name)
            ? DateTimeZoneProviders.Tzdb[name]
            : null;

    /// <summary>The first instant of a local day.</summary>
    public static NodaTime.Instant StartOf(LocalDate date, DateTimeZone zone) => At(date.AtMidnight(), zone);

    /// <summary>The first instant at which clocks show a local time, or have passed it where they skip it.</summary>
    public static NodaTime.Instant At(LocalDateTime local, DateTimeZone zone) => zone.ResolveLocal(local, FirstShown).ToInstant();
}
