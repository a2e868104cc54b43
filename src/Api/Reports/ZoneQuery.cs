using NodaTime;
using NodaTime.Text;
using PresenceLedger.Api.Http;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Api.Reports;

/// <summary>The time zone of a request, and the instants and dates that it gives in that zone.</summary>
public static class ZoneQuery
{
    // Beyond these no calendar of a zone is counted on.
    private const int FirstYear = 1000;
    private const int LastYear = 9998;

    /// <summary>The zone of a request's <c>timeZone</c>; UTC where it is left out; the problem where there is none of that name.</summary>
    public static IResult? Read(string? name, out DateTimeZone zone)
    {
        zone = DateTimeZone.Utc;
        if (string.IsNullOrEmpty(name))
            return null;
        if (Zones.Find(name) is not { } found)
            return Problems.Validation("timeZone", "must be the name of an IANA time zone, such as Europe/Berlin");
        zone = found;
        return null;
    }

    /// <summary>An RFC 3339 instant, or a date: its first instant in the zone. Null where it is left out; the problem where it is neither.</summary>
    public static IResult? ReadInstant(string? text, string field, DateTimeZone zone, out DateTimeOffset? instant)
    {
        var isRead = true;
        if (text is { Length: 10 } && LocalDatePattern.Iso.Parse(text) is { Success: true, Value: { Year: >= FirstYear } date })
            instant = Zones.StartOf(date, zone).ToDateTimeOffset();
        else
            isRead = InstantQuery.Read(text, field, out instant) is null;
        return isRead && instant is null or { Year: >= FirstYear and <= LastYear }
            ? null
            : Problems.Validation(
                field,
                "must be an RFC 3339 instant such as 2026-01-05T08:00:00.000Z, or a date such as 2026-01-05 in the time zone"
            );
    }
}
