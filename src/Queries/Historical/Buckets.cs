using NodaTime;
using NodaTime.TimeZones;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Queries.Historical;

/// <summary>How a report cuts time, on the calendar and the clock of a time zone (REP-3).</summary>
public enum Bucket
{
    QuarterHour,
    HalfHour,
    Hour,
    Day,
    Week,
    Month,
    Total,
}

/// <summary>The edges of buckets.</summary>
public static class Buckets
{
    /// <summary>More than these of an agent are no report to be read.</summary>
    public const int Most = 100_000;

    private static readonly (string Word, Bucket Bucket)[] Words =
    [
        ("15m", Bucket.QuarterHour),
        ("30m", Bucket.HalfHour),
        ("hour", Bucket.Hour),
        ("day", Bucket.Day),
        ("week", Bucket.Week),
        ("month", Bucket.Month),
        ("total", Bucket.Total),
    ];

    /// <summary>The word of requests and answers.</summary>
    public static string Word(Bucket bucket) => Words[(int)bucket].Word;

    /// <summary>The bucket of a word; a day where there is none.</summary>
    /// <exception cref="InvalidQueryException">It is no word for one.</exception>
    public static Bucket Read(string? word) =>
        string.IsNullOrEmpty(word) ? Bucket.Day
        : Array.FindIndex(Words, w => w.Word == word) is >= 0 and var found ? Words[found].Bucket
        : throw new InvalidQueryException("bucket", "must be 15m, 30m, hour, day, week, month or total");

    /// <summary>
    /// The edges of the buckets of a window, ascending, the window's own first and last.
    /// Days, weeks from Monday and months begin with the first instant of their first day. Shorter ones begin whenever the clock
    /// shows a multiple of their length, and where the zone's offset changes: an hour that the clock shows twice is two buckets.
    /// </summary>
    /// <exception cref="InvalidQueryException">There would be too many.</exception>
    public static DateTimeOffset[] Edges(DateTimeOffset from, DateTimeOffset to, Bucket bucket, DateTimeZone zone)
    {
        var (first, last) = (Instant.FromDateTimeOffset(from), Instant.FromDateTimeOffset(to));
        var between = bucket switch
        {
            Bucket.QuarterHour => ByTheClock(first, last, 15, zone),
            Bucket.HalfHour => ByTheClock(first, last, 30, zone),
            Bucket.Hour => ByTheClock(first, last, 60, zone),
            Bucket.Day => ByTheCalendar(first, zone, date => date, date => date.PlusDays(1)),
            Bucket.Week => ByTheCalendar(first, zone, MondayOf, date => date.PlusWeeks(1)),
            Bucket.Month => ByTheCalendar(first, zone, date => date.With(DateAdjusters.StartOfMonth), date => date.PlusMonths(1)),
            _ => [],
        };
        var found = new List<DateTimeOffset> { from };
        // A day that a zone leaves out begins with the one after it: one edge.
        foreach (var edge in between.SkipWhile(e => e <= first).TakeWhile(e => e < last).Take(Most))
            if (edge.ToDateTimeOffset() is var at && at > found[^1])
                found.Add(at);
        found.Add(to);
        return found.Count <= Most + 1
            ? [.. found]
            : throw new InvalidQueryException("bucket", $"must be longer, or the window shorter: at most {Most} buckets for each agent");
    }

    private static IEnumerable<Instant> ByTheClock(Instant from, Instant to, int minutes, DateTimeZone zone)
    {
        var length = minutes * NodaConstants.MillisecondsPerMinute;
        // Intervals of the zone that differ in their names alone are one.
        foreach (var interval in zone.GetZoneIntervals(new Interval(from, to), ZoneEqualityComparer.Options.OnlyMatchWallOffset))
        {
            var start = interval.HasStart && interval.Start > from ? interval.Start : from;
            var end = interval.HasEnd && interval.End < to ? interval.End : to;
            var offset = interval.WallOffset.Milliseconds;
            yield return start;
            var local = start.ToUnixTimeMilliseconds() + offset;
            for (var next = local - Modulo(local, length) + length; ; next += length)
            {
                var at = Instant.FromUnixTimeMilliseconds(next - offset);
                if (at >= end)
                    break;
                yield return at;
            }
        }
    }

    private static IEnumerable<Instant> ByTheCalendar(
        Instant from,
        DateTimeZone zone,
        Func<LocalDate, LocalDate> startOf,
        Func<LocalDate, LocalDate> next
    )
    {
        for (var date = startOf(from.InZone(zone).Date); ; date = next(date))
            yield return Zones.StartOf(date, zone);
    }

    private static LocalDate MondayOf(LocalDate date) => date.With(DateAdjusters.PreviousOrSame(IsoDayOfWeek.Monday));

    private static long Modulo(long number, long by) => (number % by + by) % by;
}
