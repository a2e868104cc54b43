using System.Globalization;
using Microsoft.JSInterop;
using NodaTime;
using NodaTime.TimeZones;

namespace PresenceLedger.Dashboard.Shared;

/// <summary>
/// Times as the viewer reads them: in the zone of the browser. The ledger's own are in UTC, which every page has on hover. And the
/// decimal sign of the browser's language.
/// </summary>
public sealed class ViewerClock(IJSRuntime js)
{
    /// <summary>The viewer's zone; UTC until the browser has told.</summary>
    public DateTimeZone Zone { get; private set; } = DateTimeZone.Utc;

    /// <summary>What separates whole and fraction in numbers of the viewer's language: a point or a comma.</summary>
    public string DecimalMark { get; private set; } = ".";

    /// <summary>Asks the browser for its zone and language.</summary>
    public async Task StartAsync()
    {
        DecimalMark = await js.InvokeAsync<string>("presenceLedger.decimalMark");
        var name = await js.InvokeAsync<string?>("presenceLedger.zone");
        Zone = name is null ? DateTimeZone.Utc : DateTimeZoneProviders.Tzdb.GetZoneOrNull(name) ?? DateTimeZone.Utc;
    }

    /// <summary>As <c>2026-03-29 10:42:03</c>, in the viewer's zone.</summary>
    public string Full(DateTimeOffset at) => In(at, "yyyy-MM-dd HH:mm:ss");

    /// <summary>As <c>10:42:03</c>, in the viewer's zone.</summary>
    public string Time(DateTimeOffset at) => In(at, "HH:mm:ss");

    /// <summary>As <c>2026-03-29</c>, in the viewer's zone.</summary>
    public string Date(DateTimeOffset at) => In(at, "yyyy-MM-dd");

    /// <summary>As <c>2026-03-29T10:42:03.125Z</c>.</summary>
    public static string Utc(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>The instant of a local time of the viewer, such as a field <c>datetime-local</c> gives; of two, the earlier one.</summary>
    public DateTimeOffset At(DateTime local) =>
        LocalDateTime.FromDateTime(local).InZone(Zone, Resolvers.LenientResolver).ToDateTimeOffset().ToUniversalTime();

    /// <summary>The local time of the viewer at an instant.</summary>
    public DateTime Local(DateTimeOffset at) => Instant.FromDateTimeOffset(at).InZone(Zone).ToDateTimeUnspecified();

    /// <summary>A length of time as <c>1:02:03</c>; with days in front where there are any.</summary>
    public static string Length(double seconds)
    {
        var length = TimeSpan.FromSeconds(Math.Floor(seconds));
        var hours = length.ToString(length.TotalHours < 1 ? "m\\:ss" : "h\\:mm\\:ss", CultureInfo.InvariantCulture);
        return length.Days == 0 ? hours : string.Create(CultureInfo.InvariantCulture, $"{length.Days}.{length:hh\\:mm\\:ss}");
    }

    private string In(DateTimeOffset at, string pattern) => Local(at).ToString(pattern, CultureInfo.InvariantCulture);
}
