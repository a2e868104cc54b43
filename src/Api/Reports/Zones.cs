using NodaTime;
using NodaTime.Text;
using NodaTime.TimeZones;
using PresenceLedger.Api.Http;

namespace PresenceLedger.Api.Reports;

/// <summary>Time zones of the IANA database; one belongs to a report's request alone (TIM-4).</summary>
public static class Zones
{
    // Beyond these no calendar of a zone is counted on.
    private const int FirstYear = 1000;
    private const int LastYear = 9998;

    /// <summary>A clock that skips a time counts after the gap, one that shows it twice at the first of them.</summary>
    private static readonly ZoneLocalMappingResolver FirstShown = Resolvers.CreateMappingResolver(
        Resolvers.ReturnEarlier,
        Resolvers.ReturnStartOfIntervalAfter
    );

    /// <summary>The version of the time-zone data, such as <c>2026a</c>.</summary>
    public static string Version => TzdbDateTimeZoneSource.Default.TzdbVersion;

    /// <summary>The zone of a request's <c>timeZone</c>; UTC where it is left out; the problem where there is none of that name.</summary>
    public static IResult? Read(string? name, out DateTimeZone zone)
    {
        zone = DateTimeZone.Utc;
        if (string.IsNullOrEmpty(name))
            return null;
        if (Find(name) is not { } found)
            return Problems.Validation("timeZone", "must be the name of an IANA time zone, such as Europe/Berlin");
        zone = found;
        return null;
    }

    /// <summary>The zone of a name; null where the data that the product brings along have none (TIM-5).</summary>
    public static DateTimeZone? Find(string? name) =>
        // The provider also knows fixed offsets (UTC+05), which are no names of the database.
        name is not null
        && TzdbDateTimeZoneSource.Default.CanonicalIdMap.ContainsKey(name)
            ? DateTimeZoneProviders.Tzdb[name]
            : null;

    /// <summary>An RFC 3339 instant, or a date: its first instant in the zone. Null where it is left out; the problem where it is neither.</summary>
    public static IResult? ReadInstant(string? text, string field, DateTimeZone zone, out DateTimeOffset? instant)
    {
        var isRead = true;
        if (text is { Length: 10 } && LocalDatePattern.Iso.Parse(text) is { Success: true, Value: { Year: >= FirstYear } date })
            instant = StartOf(date, zone).ToDateTimeOffset();
        else
            isRead = InstantQuery.Read(text, field, out instant) is null;
        return isRead && instant is null or { Year: >= FirstYear and <= LastYear }
            ? null
            : Problems.Validation(
                field,
                "must be an RFC 3339 instant such as 2026-01-05T08:00:00.000Z, or a date such as 2026-01-05 in the time zone"
            );
    }

    /// <summary>The first instant of a local day.</summary>
    public static Instant StartOf(LocalDate date, DateTimeZone zone) => At(date.AtMidnight(), zone);

    /// <summary>The first instant at which clocks show a local time, or have passed it where they skip it.</summary>
    public static Instant At(LocalDateTime local, DateTimeZone zone) => zone.ResolveLocal(local, FirstShown).ToInstant();
}
