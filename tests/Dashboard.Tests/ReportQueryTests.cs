using System.Globalization;
using NodaTime;
using PresenceLedger.Contracts;
using PresenceLedger.Dashboard.Reports;
using ReportItem = PresenceLedger.Dashboard.Reports.ReportItem;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>What the report is asked for, and the address that says it.</summary>
public sealed class ReportQueryTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    [Fact]
    public void All_that_is_asked_for_stands_in_the_address()
    {
        var query = new ReportQuery
        {
            Period = ReportQuery.Custom,
            From = new DateTime(2026, 3, 29),
            To = new DateTime(2026, 3, 29, 12, 30, 0),
            Bucket = "30m",
            Zone = "Asia/Kolkata",
            Agents = "ana,@home",
            Queues = "q 1&2",
            Channels = "chat",
            Workstreams = "web",
            Statuses = "away",
            IsRaw = true,
            AsKnownAt = new DateTime(2026, 4, 1, 8, 0, 0),
            View = ReportView.Hours,
            Columns = "sessions",
            Sort = "-missedRate",
            WithOffline = true,
            Heat = "statusSeconds.away",
            Cursor = "c+/=",
            Agent = "ben",
            Queue = "billing",
            Below = 3,
            Drill = new Drill("ana", "loginSeconds", At("2026-03-28T23:00"), At("2026-03-29T22:00")),
        };

        Assert.Equal(query, ReportQuery.Parse("https://ledger.example" + query.ToAddress()));
        Assert.Equal("/reports", new ReportQuery().ToAddress());
    }

    [Fact]
    public void What_cannot_be_read_is_as_if_it_were_not_there() =>
        Assert.Equal(
            new ReportQuery(),
            ReportQuery.Parse("https://ledger.example/reports?period=never&bucket=2h&show=7&below=-1&from=x&drill=ana&metric=loginSeconds")
        );

    [Theory]
    [InlineData("today", "2026-03-28T23:00", "2026-03-29T22:00")]
    [InlineData("yesterday", "2026-03-27T23:00", "2026-03-28T23:00")]
    [InlineData("week", "2026-03-22T23:00", "2026-03-29T22:00")]
    [InlineData("7-days", "2026-03-22T23:00", "2026-03-29T22:00")]
    [InlineData("month", "2026-02-28T23:00", "2026-03-29T22:00")]
    public void Periods_are_whole_days_of_the_zone_whose_clock_goes_forward(string period, string from, string to)
    {
        var window = new ReportQuery { Period = period }.Window(Berlin, At("2026-03-29T12:00"))!;

        Assert.Equal((At(from), At(to)), (window.From, window.To));
    }

    [Fact]
    public void A_window_that_ends_before_it_begins_is_none()
    {
        var query = new ReportQuery
        {
            Period = ReportQuery.Custom,
            From = new DateTime(2026, 3, 2),
            To = new DateTime(2026, 3, 1),
        };

        Assert.Null(query.Window(Berlin, At("2026-03-29T12:00")));
        Assert.Null(new ReportQuery { Period = ReportQuery.Custom }.Window(Berlin, At("2026-03-29T12:00")));
    }

    [Fact]
    public void The_hour_that_a_clock_shows_twice_has_two_columns()
    {
        var window = new ReportWindow(At("2026-10-24T22:00"), At("2026-10-25T23:00"), Berlin);
        var items = Enumerable
            .Range(0, 25)
            .Select(n => window.From.AddHours(n))
            .Select(at => new ReportItem(null, at, at.AddHours(1), new Dictionary<string, StatusSecondsAnswer>()))
            .ToArray();

        var map = HeatMap.Of(items, "loginSeconds", window);

        Assert.Equal(["00", "01", "02", "02′", "03"], map.Hours.Take(5).Select(h => h.Text));
        Assert.Equal(25, Assert.Single(map.Days).Cells.Count);
    }

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text + "Z", CultureInfo.InvariantCulture);
}
