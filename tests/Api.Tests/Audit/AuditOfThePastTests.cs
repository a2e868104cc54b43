using PresenceLedger.Api.Tests.Reports;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>Why, of a past that was written to the millisecond.</summary>
[Collection(WrittenPastCollection.Name)]
public sealed class AuditOfThePastTests(WrittenPast past)
{
    [Fact]
    public async Task What_was_noticed_late_is_said_so()
    {
        var answer = (await past.GetAsync("agents/lola/why?at=2025-05-07T10:00:00Z")).Json;
        Assert.Equal(("offline", "2025-05-07T09:00:10.000Z"), (Expect.Status(answer), answer.GetProperty("since").GetString()));
        Assert.Contains(
            "It took effect at 09:00:10Z and was recorded 2 h 59 min later (TIM-1).",
            answer.GetProperty("paragraph").GetString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_correction_is_told_of_the_stretch_that_it_covers()
    {
        foreach (var (at, corrections) in new[] { ("16:59:59", 0), ("17:00:00", 1), ("19:59:58", 1), ("20:00:00", 0) })
        {
            var answer = (await past.GetAsync($"agents/cora/why?at=2025-05-05T{at}Z")).Json;
            Assert.Equal(corrections, answer.GetProperty("corrections").GetArrayLength());
        }
        var corrected = (await past.GetAsync("agents/cora/why?at=2025-05-05T18:00:00Z")).Json.GetProperty("paragraph").GetString();
        Assert.Contains(
            "from 2025-05-05 17:00:00Z until 2025-05-05 20:00:00Z the status should have been Offline; reports count that.",
            corrected,
            StringComparison.Ordinal
        );
    }

    [Theory]
    // Each instant has the status of the events up to it, and a whole second that of its end.
    [InlineData("2025-01-06T04:59:58Z", "offline")]
    [InlineData("2025-01-06T04:59:59.999Z", "offline")]
    [InlineData("2025-01-06T05:00:00.000Z", "available")]
    [InlineData("2025-01-06T05:23:00Z", "away-lunch")]
    [InlineData("2025-01-06T06:15:00.000Z", "available")]
    [InlineData("2025-01-06T08:00:00Z", "offline")]
    public async Task An_instant_has_the_status_that_stood_at_it(string at, string statusId) =>
        Assert.Equal(statusId, Expect.Status((await past.GetAsync($"agents/rep2/why?at={at}")).Json));
}
