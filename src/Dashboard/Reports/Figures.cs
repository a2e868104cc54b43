using System.Globalization;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>Numbers of the report as people read them.</summary>
public static class Figures
{
    /// <summary>There is nothing to divide by.</summary>
    public const string Undefined = "–";

    /// <summary>A number by the unit of its metric; a dash where it is undefined.</summary>
    public static string Of(double? number, string unit) =>
        number is not { } value
            ? Undefined
            : unit switch
            {
                "seconds" => Length(value),
                "ratio" => value.ToString("P1", CultureInfo.CurrentCulture),
                "count" => value.ToString("N0", CultureInfo.CurrentCulture),
                _ => value.ToString("N1", CultureInfo.CurrentCulture),
            };

    /// <summary>A length of time as <c>31:02:03</c>: hours are not made days, so that lengths in a column compare.</summary>
    public static string Length(double seconds)
    {
        var whole = (long)Math.Floor(seconds);
        return string.Create(CultureInfo.InvariantCulture, $"{whole / 3600}:{whole / 60 % 60:00}:{whole % 60:00}");
    }

    /// <summary>A number of hours for a small cell, such as <c>12.4</c>.</summary>
    public static string Hours(double seconds) => (seconds / 3600).ToString(seconds < 360_000 ? "N1" : "N0", CultureInfo.CurrentCulture);
}
