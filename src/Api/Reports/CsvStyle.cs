using System.Globalization;
using NodaTime;
using NodaTime.Text;
using Instant = NodaTime.Instant;

namespace PresenceLedger.Api.Reports;

/// <summary>What the spreadsheet of whoever reads a CSV expects.</summary>
/// <param name="Separator">Between cells.</param>
/// <param name="Decimal">Between whole and fraction of a number.</param>
/// <param name="Zone">By whose clock instants are written.</param>
public sealed record CsvStyle(char Separator, char Decimal, DateTimeZone Zone)
{
    // Milliseconds only where there are any.
    private static readonly OffsetDateTimePattern Local = OffsetDateTimePattern.CreateWithInvariantCulture(
        "uuuu-MM-dd'T'HH:mm:ss;FFFo<+HH:mm>"
    );

    /// <summary>Commas and points, in UTC.</summary>
    public static CsvStyle Plain { get; } = new(',', '.', DateTimeZone.Utc);

    /// <summary>Reads what is asked for; where the decimal is a comma, cells are separated by semicolons if nothing else is said.</summary>
    /// <param name="separator">As it came; null where it is left out.</param>
    /// <param name="decimalMark">Likewise.</param>
    /// <param name="zone">The zone.</param>
    /// <param name="style">The style.</param>
    /// <returns>What is wrong, by name of the parameter; null where nothing is.</returns>
    public static (string Field, string Error)? Read(string? separator, string? decimalMark, DateTimeZone zone, out CsvStyle style)
    {
        style = Plain with { Zone = zone };
        if (decimalMark is not (null or "." or ","))
            return ("decimal", "must be . or ,");
        if (separator is not (null or "," or ";" or "|" or "\t" or "tab"))
            return ("separator", "must be , or ; or | or tab");
        if (separator == "," && decimalMark == ",")
            return ("separator", "must be another sign than 'decimal'");
        style = style with
        {
            Decimal = decimalMark is "," ? ',' : '.',
            Separator = separator switch
            {
                null => decimalMark is "," ? ';' : ',',
                "tab" => '\t',
                _ => separator[0],
            },
        };
        return null;
    }

    /// <summary>As <c>2026-03-28T00:00:00+01:00</c>, by the clock of the zone.</summary>
    public string Time(DateTimeOffset at) => Local.Format(Instant.FromDateTimeOffset(at).InZone(Zone).ToOffsetDateTime());

    /// <summary>As <c>2026-03-28</c>, by the calendar of the zone.</summary>
    public string Date(DateTimeOffset at) =>
        Instant.FromDateTimeOffset(at).InZone(Zone).Date.ToString("uuuu-MM-dd", CultureInfo.InvariantCulture);
}
