using System.Globalization;
using System.Text.Json;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>A manual status that stands until an instant (MAN-6), over HTTP.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ManualUntilTests(OpenService service)
{
    private static string In(double seconds) => Instant.Format(DateTimeOffset.UtcNow.AddSeconds(seconds));

    private Task<Answer> SetAsync(string agentId, object body, string? actor = null) =>
        service.Client.PutAsync($"agents/{agentId}/presence", body, actor ?? "agent:" + agentId);

    private static string? Text(JsonElement element, string member) => element.GetProperty(member).GetString();

    private async Task<JsonElement> EventuallyAsync(string agentId, Func<JsonElement, bool> holds)
    {
        for (var tries = 0; tries < 600; tries++)
        {
            var presence = await service.DoneAsync("GET", $"agents/{agentId}/presence", null, null);
            if (holds(presence))
                return presence;
            await Task.Delay(50);
        }
        throw new TimeoutException($"The presence of {agentId} did not change.");
    }

    [Fact]
    public async Task At_its_instant_capacity_decides_by_itself_and_all_say_why()
    {
        var ana = await service.WithConversationAsync();
        var until = In(5);
        var set = await SetAsync(ana, new { statusId = "away", until });
        Assert.Equal((200, until), (set.Status, Text(set.Json, "until")));

        var after = await EventuallyAsync(ana, p => Text(p, "rule") == "MAN-6");

        Assert.Equal(("busy", "capacity", until), (Text(after, "statusId"), Text(after, "origin"), Text(after, "since")));
        Assert.False(after.TryGetProperty("until", out _));
        var entries = (await service.DoneAsync("GET", $"agents/{ana}/timeline?order=desc&limit=2", null, Auditor)).GetProperty("items");
        var (ended, said) = (entries[0], entries[1]);
        Assert.Equal(until, Text(ended, "occurredAt"));
        Assert.Equal("system", Text(ended.GetProperty("actor"), "kind"));
        Assert.Equal(until, Text(ended.GetProperty("from"), "until"));
        Assert.Equal(until, Text(said.GetProperty("to"), "until"));
        Assert.Equal(said.GetProperty("version").GetInt64(), ended.GetProperty("causes").GetProperty("versions")[0].GetInt64());
        Assert.Contains("was set by hand until", Text(ended, "explanation"), StringComparison.Ordinal);
        Assert.EndsWith("so the status is Busy.", Text(ended, "explanation"), StringComparison.Ordinal);

        var why = await service.DoneAsync("GET", $"agents/{ana}/why?at={until}", null, Auditor);
        Assert.Contains("(MAN-6, MAN-1)", why.GetRawText(), StringComparison.Ordinal);
        var before = DateTimeOffset.Parse(until, CultureInfo.InvariantCulture).AddMilliseconds(-1);
        var then = await service.Client.GetAsync($"agents/{ana}/why?at={Instant.Format(before)}", Auditor, ("Accept-Language", "ru"));
        Assert.Contains("Он стоит самое большее до", then.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_later_change_forgets_it_and_the_same_status_with_another_end_is_recorded()
    {
        var ana = await service.SignedInAsync();
        var (soon, later) = (In(5), In(3600));
        await SetAsync(ana, new { statusId = "away", until = soon });
        var moved = (await SetAsync(ana, new { statusId = "away", until = later }, Supervisor)).Json;
        Assert.Equal(1, moved.GetProperty("events").GetArrayLength());
        Assert.Equal(later, Text(moved, "until"));
        Assert.Empty((await SetAsync(ana, new { statusId = "away", until = later })).Json.GetProperty("events").EnumerateArray());
        var endless = (await SetAsync(ana, new { statusId = "away" })).Json;
        Assert.Equal(1, endless.GetProperty("events").GetArrayLength());
        Assert.False(endless.TryGetProperty("until", out _));

        // Whatever is due is settled before a command is decided: by then the first end would have come.
        var end = DateTimeOffset.Parse(soon, CultureInfo.InvariantCulture) + LedgerClock.LeastExact;
        if (end - DateTimeOffset.UtcNow is { Ticks: > 0 } left)
            await Task.Delay(left);
        var now = (await SetAsync(ana, new { statusId = "away" })).Json;
        Assert.Empty(now.GetProperty("events").EnumerateArray());
        Assert.Equal("away", Text(now, "statusId"));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(86_460)]
    public async Task An_instant_of_the_past_or_more_than_a_day_ahead_is_refused_and_records_nothing(double seconds)
    {
        var ana = await service.SignedInAsync();
        var before = await service.EventsAsync();
        Expect.BadField(await SetAsync(ana, new { statusId = "away", until = In(seconds) }), "until");
        Expect.BadField(await SetAsync(ana, new { statusId = "nowhere", until = In(seconds) }), "until");
        Assert.Equal(before, await service.EventsAsync());
    }
}
