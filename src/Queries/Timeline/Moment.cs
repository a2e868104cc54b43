using System.Globalization;
using PresenceLedger.Domain;

namespace PresenceLedger.Queries.Timeline;

/// <summary>Instants as people ask for them.</summary>
public static class Moment
{
    private const DateTimeStyles Universal = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;

    private static readonly string[] OfDay = ["HH:mm", "HH:mm:ss", "HH:mm:ss.FFF", "HH:mm'Z'", "HH:mm:ss'Z'", "HH:mm:ss.FFF'Z'"];

    private static readonly string[] Whole =
    [
        "yyyy-MM-dd'T'HH:mm",
        "yyyy-MM-dd'T'HH:mm:ss",
        "yyyy-MM-dd'T'HH:mm:ss.FFF",
        "yyyy-MM-dd'T'HH:mmK",
        "yyyy-MM-dd'T'HH:mm:ssK",
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK",
        "yyyy-MM-dd HH:mm",
        "yyyy-MM-dd HH:mm:ss",
        "yyyy-MM-dd HH:mm:ss.FFF",
        "yyyy-MM-dd HH:mm:ss'Z'",
    ];

    /// <summary>
    /// An RFC 3339 instant, or a time of today; UTC where nothing else is said. Null where the text is neither.
    /// </summary>
    public static DateTimeOffset? Read(string text, DateTimeOffset now)
    {
        if (TimeOnly.TryParseExact(text, OfDay, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
            return new DateTimeOffset(DateOnly.FromDateTime(now.UtcDateTime), time, TimeSpan.Zero);
        return DateTimeOffset.TryParseExact(text, Whole, CultureInfo.InvariantCulture, Universal, out var instant)
            ? instant.ToMillisecond()
            : null;
    }

    /// <summary>
    /// What is shown to the second is asked for by the second: the end of it, so that what came about in it is seen. With a fraction,
    /// the instant itself. Never later than now.
    /// </summary>
    public static DateTimeOffset WholeSecond(string text, DateTimeOffset instant, DateTimeOffset now)
    {
        var end = text.Contains('.', StringComparison.Ordinal) ? instant : instant.AddMilliseconds(999);
        return end < now ? end : now;
    }
}
