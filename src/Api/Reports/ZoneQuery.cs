using NodaTime;
using NodaTime.Text;
using PresenceLedger.Api.Http;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Reports;

/// <summary>The time zone of a request, and the instants and dates that it gives in that zone.</summary>
public static class ZoneQuery
{
    // Beyond these no calendar of a zone is counted on.
    private const int FirstYear = 1000;
    private const int LastYear = 9998;

    /// <summary>The zone of a request's <c>timeZone</c>; UTC where it is left out.</summary>
    /// <exception cref="InvalidQueryException">There is none of that name.</exception>
    public static DateTimeZone Read(string? name) =>
        string.IsNullOrEmpty(name)
            ? DateTimeZone.Utc
            : Zones.Find(name)
                ?? throw new InvalidQueryException("timeZone", "must be the name of an IANA time zone, such as Europe/Berlin");

    /// <summary>An RFC 3339 instant, or a date: its first instant in the zone. Null where it is left out.</summary>
    /// <exception cref="InvalidQueryException">It is neither.</exception>
    public static DateTimeOffset? ReadInstant(string? text, string field, DateTimeZone zone)
    {
        DateTimeOffset? instant;
        if (text is { Length: 10 } && LocalDatePattern.Iso.Parse(text) is { Success: true, Value: { Year: >= FirstYear } date })
            instant = Zones.StartOf(date, zone).ToDateTimeOffset();
        else if (!InstantQuery.TryRead(text, out instant))
            throw Bad(field);
        return instant is null or { Year: >= FirstYear and <= LastYear } ? instant : throw Bad(field);
    }

    private static InvalidQueryException Bad(string field) =>
        new(field, "must be an RFC 3339 instant such as 2026-01-05T08:00:00.000Z, or a date such as 2026-01-05 in the time zone");
}
