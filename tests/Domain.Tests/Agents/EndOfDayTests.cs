using System.Globalization;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Calendars;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class EndOfDayTests
{
    [Theory, Trait("Rule", Rules.Cap7), Trait("Rule", Rules.Tim4)]
    [InlineData("18:00", "Etc/UTC", "2026-01-05T17:59:59.999Z", "2026-01-05T18:00:00Z")]
    [InlineData("18:00", "Etc/UTC", "2026-01-05T18:00:00Z", "2026-01-06T18:00:00Z")]
    [InlineData("00:00", "Etc/UTC", "2026-02-28T12:00:00Z", "2026-03-01T00:00:00Z")]
    [InlineData("18:00", "Asia/Kolkata", "2026-01-05T12:29:00Z", "2026-01-05T12:30:00Z")]
    [InlineData("18:00", "America/Los_Angeles", "2026-01-05T23:00:00Z", "2026-01-06T02:00:00Z")]
    [InlineData("00:00", "Pacific/Auckland", "2026-01-05T12:00:00Z", "2026-01-06T11:00:00Z")]
    public void The_next_end_of_day_in_a_time_zone(string time, string zone, string after, string expected) =>
        Check(time, zone, after, expected);

    [Theory, Trait("Rule", Rules.Cap7), Trait("Rule", Rules.Tim2)]
    [InlineData("18:00", "2026-03-28T18:00:00Z", "2026-03-29T16:00:00Z")] // summer time begins: the day has 23 hours
    [InlineData("18:00", "2026-10-24T17:00:00Z", "2026-10-25T17:00:00Z")] // it ends: 25 hours
    [InlineData("02:30", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z")] // skipped: the first instant after the gap
    [InlineData("02:00", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z")]
    [InlineData("02:30", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z")]
    [InlineData("02:30", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z")] // twice: the first time
    [InlineData("02:30", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z")] // and not the second
    [InlineData("02:30", "2026-10-25T01:15:00Z", "2026-10-26T01:30:00Z")]
    public void The_next_end_of_day_across_daylight_saving(string time, string after, string expected) =>
        Check(time, "Europe/Berlin", after, expected);

    /// <summary>Where the data that the product brings along differ from those that machines of 2025 have.</summary>
    [Theory, Trait("Rule", Rules.Tim5)]
    [InlineData("America/Vancouver", "2026-11-02T12:00:00Z", "2026-11-03T01:00:00Z")]
    [InlineData("America/Winnipeg", "2026-11-02T12:00:00Z", "2026-11-02T23:00:00Z")]
    [InlineData("America/Havana", "2026-11-02T12:00:00Z", "2026-11-02T22:00:00Z")]
    [InlineData("Africa/Casablanca", "2026-11-02T12:00:00Z", "2026-11-02T18:00:00Z")]
    public void A_day_ends_by_the_data_that_reports_use(string zone, string after, string expected) =>
        Check("18:00", zone, after, expected);

    [Fact, Trait("Rule", Rules.Tim5)]
    public void In_a_time_zone_that_is_not_known_no_day_ends_and_everything_else_goes_on()
    {
        var story = new Story()
            .Policy(p => p with { EndOfDay = new EndOfDay(new TimeOnly(18, 0), "Mars/Olympus_Mons") })
            .Profile("calls", 1, reset: ProfileReset.EndOfDay)
            .Ana(null, null, "calls")
            .Given(SignIn(), Start("c1", profiles: "calls"))
            .At("1.06:00:00")
            .When(Settle())
            .ThenNothing();
        Assert.Equal(1, story.Agent.DayCounts["calls"].Items);
        Assert.Null(DueWork.NextAt(story.Agent, story.Configuration, TzdbCalendar.Instance));
    }

    [Fact, Trait("Rule", Rules.Cap7)]
    public void The_next_end_of_day_is_always_later_and_a_day_and_an_hour_away_at_most()
    {
        string[] zones = ["Europe/Berlin", "America/New_York", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia"];
        foreach (var zone in zones)
        {
            var end = new EndOfDay(new TimeOnly(0, 15), zone);
            for (var at = Story.Start; at < Story.Start.AddDays(366); at = at.AddMinutes(173))
                Assert.InRange((Next(end, at) - at).TotalHours, double.Epsilon, 25);
        }
    }

    private static void Check(string time, string zone, string after, string expected) =>
        Assert.Equal(
            DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture),
            Next(
                new EndOfDay(TimeOnly.Parse(time, CultureInfo.InvariantCulture), zone),
                DateTimeOffset.Parse(after, CultureInfo.InvariantCulture)
            )
        );

    private static DateTimeOffset Next(EndOfDay endOfDay, DateTimeOffset after) => TzdbCalendar.Instance.Next(endOfDay, after)!.Value;
}
