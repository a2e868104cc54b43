using System.Globalization;
using NodaTime;
using NodaTime.Text;
using PresenceLedger.Api.Reports;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;

namespace PresenceLedger.Api.Tests.Reports;

/// <summary>REP-3: the edges of buckets, by hand from the zones' published changes.</summary>
public sealed class BucketTests
{
    [Theory]
    // 23 and 25 hours.
    [InlineData("Europe/Berlin", "2026-03-29", "2026-03-28T23:00 2026-03-29T22:00")]
    [InlineData("Europe/Berlin", "2026-10-25", "2026-10-24T22:00 2026-10-25T23:00")]
    [InlineData("America/New_York", "2026-03-08", "2026-03-08T05:00 2026-03-09T04:00")]
    [InlineData("America/New_York", "2026-11-01", "2026-11-01T04:00 2026-11-02T05:00")]
    // Always 24, at half past and a quarter past.
    [InlineData("Asia/Kolkata", "2026-03-29", "2026-03-28T18:30 2026-03-29T18:30")]
    [InlineData("Asia/Kathmandu", "2026-03-29", "2026-03-28T18:15 2026-03-29T18:15")]
    // Half an hour more, half an hour less.
    [InlineData("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00 2026-04-05T13:30")]
    [InlineData("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30 2026-10-04T13:00")]
    // The clock skips midnight: the day begins at 01:00.
    [InlineData("Africa/Cairo", "2026-04-24", "2026-04-23T22:00 2026-04-24T21:00")]
    // The day that Samoa left out has no length: it is not there.
    [InlineData("Pacific/Apia", "2011-12-30", "2011-12-30T10:00 2011-12-31T10:00")]
    public void A_day_is_from_its_first_instant_to_that_of_the_next(string zone, string date, string expected)
    {
        var day = LocalDatePattern.Iso.Parse(date).Value;
        var edges = Edges(zone, Text(Start(day, zone)), Text(Start(day.PlusDays(zone == "Pacific/Apia" ? 2 : 1), zone)), Bucket.Day);
        Assert.Equal(expected.Split(' '), edges);
    }

    [Fact]
    public void The_repeated_hour_is_two_buckets_and_the_skipped_one_is_none()
    {
        Assert.Equal(25, Edges("Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00", Bucket.Hour).Length - 1);
        Assert.Equal(23, Edges("Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00", Bucket.Hour).Length - 1);
        Assert.Equal(50, Edges("America/New_York", "2026-11-01T04:00", "2026-11-02T05:00", Bucket.HalfHour).Length - 1);
        Assert.Equal(92, Edges("America/New_York", "2026-03-08T05:00", "2026-03-09T04:00", Bucket.QuarterHour).Length - 1);
    }

    [Fact]
    public void Hours_begin_by_the_local_clock()
    {
        Assert.Equal(
            ["2026-01-05T00:00", "2026-01-05T00:30", "2026-01-05T01:30", "2026-01-05T02:00"],
            Edges("Asia/Kolkata", "2026-01-05T00:00", "2026-01-05T02:00", Bucket.Hour)
        );
        Assert.Equal(
            ["2026-01-05T00:00", "2026-01-05T00:15", "2026-01-05T01:15", "2026-01-05T02:00"],
            Edges("Asia/Kathmandu", "2026-01-05T00:00", "2026-01-05T02:00", Bucket.Hour)
        );
        Assert.Equal(
            ["2026-01-05T00:00", "2026-01-05T00:15", "2026-01-05T00:45", "2026-01-05T01:00"],
            Edges("Asia/Kathmandu", "2026-01-05T00:00", "2026-01-05T01:00", Bucket.HalfHour)
        );
    }

    [Fact]
    public void A_shift_of_half_an_hour_makes_pieces_of_half_an_hour()
    {
        // At 15:00 UTC the clock goes from 02:00 back to 01:30: 01:00-02:00, then 01:30-02:00 again.
        Assert.Equal(
            ["2026-04-04T13:00", "2026-04-04T14:00", "2026-04-04T15:00", "2026-04-04T15:30", "2026-04-04T16:30"],
            Edges("Australia/Lord_Howe", "2026-04-04T13:00", "2026-04-04T16:30", Bucket.Hour)
        );
        // At 15:30 UTC it goes from 02:00 to 02:30: 01:00-02:00, then 02:30-03:00.
        Assert.Equal(
            ["2026-10-03T14:30", "2026-10-03T15:30", "2026-10-03T16:00", "2026-10-03T17:00"],
            Edges("Australia/Lord_Howe", "2026-10-03T14:30", "2026-10-03T17:00", Bucket.Hour)
        );
    }

    [Fact]
    public void Weeks_begin_on_Monday_and_months_with_their_first_day_and_the_window_clips_both()
    {
        Assert.Equal(
            ["2026-03-25T12:00", "2026-03-29T22:00", "2026-04-05T22:00", "2026-04-07T00:00"],
            Edges("Europe/Berlin", "2026-03-25T12:00", "2026-04-07T00:00", Bucket.Week)
        );
        Assert.Equal(
            ["2026-02-10T00:00", "2026-02-28T23:00", "2026-03-31T22:00", "2026-04-02T00:00"],
            Edges("Europe/Berlin", "2026-02-10T00:00", "2026-04-02T00:00", Bucket.Month)
        );
        Assert.Equal(["2026-02-10T00:07", "2026-04-02T00:01"], Edges("UTC", "2026-02-10T00:07", "2026-04-02T00:01", Bucket.Total));
    }

    [Fact]
    public void A_window_within_a_bucket_is_one_and_edges_ascend()
    {
        Assert.Equal(["2026-01-05T08:01", "2026-01-05T08:14"], Edges("UTC", "2026-01-05T08:01", "2026-01-05T08:14", Bucket.QuarterHour));
        foreach (var zone in DateTimeZoneProviders.Tzdb.Ids.Where((_, n) => n % 60 == 0))
        foreach (var bucket in Enum.GetValues<Bucket>())
        {
            var edges = Edges(zone, "2024-01-01T00:07", "2026-01-01T00:00", bucket);
            Assert.Equal(edges.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal), edges);
        }
    }

    [Fact]
    public void Too_many_buckets_and_what_is_no_zone_or_bucket_are_refused()
    {
        var beyond = Assert.Throws<InvalidQueryException>(() => Quarters("2026-01-01T00:00"));
        Assert.Equal("bucket", beyond.Errors[0].Field);
        Assert.Equal(Buckets.Most, Quarters("2022-11-07T16:00").Length - 1);
        Assert.Throws<InvalidQueryException>(() => Quarters("2022-11-07T16:01"));
        foreach (var name in new[] { "Mars/Base", "UTC+01", "europe/berlin", "Europe/Berlin " })
            Assert.Throws<InvalidQueryException>(() => ZoneQuery.Read(name));
        Assert.Equal("Asia/Calcutta", ZoneQuery.Read("Asia/Calcutta").Id);
        Assert.Throws<InvalidQueryException>(() => Buckets.Read("Day"));
        Assert.Matches("^20[0-9]{2}[a-z]$", Zones.Version);

        static DateTimeOffset[] Quarters(string to) => Buckets.Edges(At("2020-01-01T00:00"), At(to), Bucket.QuarterHour, DateTimeZone.Utc);
    }

    [Fact]
    public void A_date_is_its_first_instant_in_the_zone()
    {
        var instant = ZoneQuery.ReadInstant("2026-03-29", "from", DateTimeZoneProviders.Tzdb["Europe/Berlin"]);
        Assert.Equal("2026-03-28T23:00", Text(Instant.FromDateTimeOffset(instant!.Value)));
        foreach (var bad in new[] { "2026-02-30", "2026-3-29", "29.03.2026", "0001-01-01", "9999-12-31T23:59:59Z", "2026-03-29T00:00" })
            Assert.Throws<InvalidQueryException>(() => ZoneQuery.ReadInstant(bad, "from", DateTimeZone.Utc));
    }

    private static string[] Edges(string zone, string from, string to, Bucket bucket) =>
        [.. Buckets.Edges(At(from), At(to), bucket, DateTimeZoneProviders.Tzdb[zone]).Select(e => Text(Instant.FromDateTimeOffset(e)))];

    private static Instant Start(LocalDate date, string zone) => Zones.StartOf(date, DateTimeZoneProviders.Tzdb[zone]);

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text + "Z", CultureInfo.InvariantCulture);

    private static string Text(Instant at) => at.ToString("uuuu-MM-dd'T'HH:mm", CultureInfo.InvariantCulture);
}
