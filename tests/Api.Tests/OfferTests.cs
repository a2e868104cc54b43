using System.Globalization;
using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Offers that cannot be delivered, outbound attempts, and since when a customer waits: over HTTP, up to the reports.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class OfferTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task An_undelivered_offer_gives_capacity_back_and_the_third_in_a_row_makes_inactive()
    {
        var ana = await service.SignedInAsync();
        for (var n = 1; n <= 2; n++)
        {
            var second = await UndeliveredAsync(ana, "c" + n);
            Assert.Equal("available", Expect.Status(second));
            Assert.Equal(0, second.GetProperty("capacity").GetProperty("units").GetProperty("used").GetInt32());
            Assert.Equal(["conversation-undelivered NOT-6"], Recorded(second));
        }

        var third = await UndeliveredAsync(ana, "c3");

        Assert.Equal(("inactive", "notification", "NOT-6"), Standing(third));
        Assert.Equal(["conversation-undelivered NOT-6", "presence-changed NOT-6"], Recorded(third));
        var entries = await ExplanationsAsync(ana, "en");
        Assert.Equal(
            "The offer of conversation c3 could not be delivered to the agent's device, 3 in a row; the status is Inactive until it is changed or reset.",
            entries[0]
        );
        Assert.Contains("The offer of conversation c1 could not be delivered to the agent's device.", entries);
        Assert.StartsWith(
            "Предложение беседы c3 не удалось доставить на устройство агента, подряд: 3;",
            (await ExplanationsAsync(ana, "ru"))[0],
            StringComparison.Ordinal
        );
        var why = await _client.GetAsync($"agents/{ana}/why", "agent:" + ana);
        Assert.Contains("undeliveredLimit sets it after 3 undelivered offers in a row", why.Text, StringComparison.Ordinal);

        var reset = await service.DoneAsync("POST", $"agents/{ana}/presence/reset", null, "agent:" + ana);
        Assert.Equal(("available", "capacity", "NOT-4"), Standing(reset));
    }

    [Fact]
    public async Task Undelivered_fits_what_awaits_acceptance_alone_and_is_said_by_routing_or_the_agent()
    {
        var ana = await service.WithConversationAsync();
        const string Path = "conversations/c1/undelivered";
        Expect.Problem(await _client.PostAsync($"agents/{ana}/{Path}", null, Routing), 409, "conversation-not-assigned");
        Expect.Problem(await _client.PostAsync($"agents/{ana}/{Path}", null, Supervisor), 403, "forbidden");
        Expect.Problem(await _client.PostAsync($"agents/{ana}/conversations/x/undelivered", null, Routing), 404, "conversation-unknown");
        await AssignAsync(ana, "c2", new { });
        await service.DoneAsync("POST", $"agents/{ana}/conversations/c2/undelivered", null, "agent:" + ana);
    }

    [Fact]
    public async Task An_outbound_attempt_is_active_at_once_and_goes_to_wrap_up_although_nobody_answered()
    {
        var ana = await service.SignedInAsync();
        var begun = await AssignAsync(ana, "c1", new { units = 40, direction = "outbound" });
        Assert.Equal(("busy", "capacity", "CAP-2"), Standing(begun));
        Assert.Equal(["conversation-assigned CAP-7", "conversation-accepted CAP-10", "presence-changed CAP-2"], Recorded(begun));
        var conversation = begun.GetProperty("conversations")[0];
        Assert.Equal(
            ("active", "outbound"),
            (conversation.GetProperty("state").GetString(), conversation.GetProperty("direction").GetString())
        );
        Assert.Equal(
            [
                "The outbound conversation c1 is active at once; 40 of 100 units are in use, so the status is Busy.",
                "The outbound conversation c1 is active at once.",
                "The agent began the outbound conversation c1.",
            ],
            (await ExplanationsAsync(ana, "en")).Take(3)
        );

        var wrapUp = await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/wrap-up", null, Routing);
        Assert.Equal("wrap-up", wrapUp.GetProperty("conversations")[0].GetProperty("state").GetString());
        await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/close", null, Routing);

        var offered = await AssignAsync(ana, "c2", new { direction = "inbound" });
        conversation = offered.GetProperty("conversations")[0];
        Assert.Equal(
            ("assigned", "inbound"),
            (conversation.GetProperty("state").GetString(), conversation.GetProperty("direction").GetString())
        );
    }

    [Fact]
    public async Task An_outbound_attempt_that_is_transferred_is_offered_to_the_other_agent()
    {
        var (ana, ben) = (await service.SignedInAsync(), await service.SignedInAsync());
        await AssignAsync(ana, "c1", new { units = 40, direction = "outbound" });
        await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/transfer", new { toAgentId = ben }, "agent:" + ana);
        await service.DoneAsync("POST", $"agents/{ben}/conversations/c1/accept", null, "agent:" + ben);

        var (anas, bens) = (await ReportAsync(ana), await ReportAsync(ben));
        Assert.Equal(
            (1, 0, 1, 1),
            (
                Number(anas, "outboundSessions"),
                Number(anas, "presentedSessions"),
                Number(anas, "engagedSessions"),
                Number(anas, "transferredSessions")
            )
        );
        Assert.Equal((0, 1, 1), (Number(bens, "outboundSessions"), Number(bens, "presentedSessions"), Number(bens, "engagedSessions")));
    }

    [Fact]
    public async Task Reports_count_both_apart_from_what_was_presented_and_the_real_time_report_says_the_same()
    {
        var ana = await service.SignedInAsync();
        await AssignAsync(ana, "out", new { units = 10, direction = "outbound" });
        await service.DoneAsync("POST", $"agents/{ana}/conversations/out/close", null, Routing);
        await UndeliveredAsync(ana, "lost");
        await AssignAsync(ana, "in", new { units = 10 });
        await service.DoneAsync("POST", $"agents/{ana}/conversations/in/accept", null, "agent:" + ana);
        await AssignAsync(ana, "missed", new { });
        await service.DoneAsync("POST", $"agents/{ana}/conversations/missed/miss", null, Routing);

        var item = await ReportAsync(ana);
        foreach (
            var (metric, number) in new[]
            {
                ("presentedSessions", 2.0),
                ("engagedSessions", 2),
                ("outboundSessions", 1),
                ("undeliveredSessions", 1),
                ("missedSessions", 1),
                ("missedRate", 0.5),
                ("rejectionRate", 0),
                ("averageTimeToAcceptSecondsDenominator", 0),
                ("averageHandleSecondsDenominator", 1),
            }
        )
            Assert.Equal((metric, number), (metric, Number(item, metric)));
        foreach (
            var (metric, outcome, direction) in new[]
            {
                ("outboundSessions", "accepted", "outbound"),
                ("undeliveredSessions", "undelivered", "inbound"),
            }
        )
        {
            var explained = await GetAsync($"reports/historical/agents/{ana}/explain?metric={metric}&{Window}");
            var part = Assert.Single(explained.Json.GetProperty("items").EnumerateArray());
            Assert.Equal((outcome, direction), (part.GetProperty("outcome").GetString(), part.GetProperty("direction").GetString()));
            Assert.NotEmpty(part.GetProperty("events").EnumerateArray());
        }
        var totals = await GetAsync($"reports/historical/totals?agents={ana}&bucket=total&{Window}");
        Assert.Equal(
            (1, 1),
            (Number(totals.Json.GetProperty("total"), "outboundSessions"), Number(totals.Json.GetProperty("total"), "undeliveredSessions"))
        );
        var csv = (await GetAsync($"reports/historical/agents?agents={ana}&bucket=total&{Window}&format=csv"))
            .Text.ReplaceLineEndings("\n")
            .Split('\n');
        var header = csv[0].Split(',');
        foreach (var metric in new[] { "outboundSessions", "undeliveredSessions" })
            Assert.Equal("1", csv[1].Split(',')[Array.IndexOf(header, metric)]);
        var metrics = await _client.GetAsync("reports/metrics", Supervisor);
        Assert.Subset(
            metrics.Json.GetProperty("items").EnumerateArray().Select(m => m.GetProperty("name").GetString()!).ToHashSet(),
            new HashSet<string> { "outboundSessions", "undeliveredSessions" }
        );

        var now = (await GetAsync($"reports/real-time/agents/{ana}?range=last24h")).Json;
        foreach (
            var metric in new[] { "presentedSessions", "engagedSessions", "missedSessions", "outboundSessions", "undeliveredSessions" }
        )
            Assert.Equal((metric, Number(item, metric)), (metric, Number(now.GetProperty("agent"), metric)));
        Assert.Equal(
            ["out accepted outbound", "lost undelivered inbound", "missed missed inbound"],
            now.GetProperty("endedSessions")
                .EnumerateArray()
                .Select(s => $"{s.GetProperty("conversationId")} {s.GetProperty("outcome")} {s.GetProperty("direction")}")
        );
    }

    [Theory]
    [InlineData(300, false)]
    [InlineData(60, false)]
    [InlineData(3, true)]
    [InlineData(-3600, true)]
    [InlineData(-300.0 * 86_400, true)]
    [InlineData(-367.0 * 86_400, false)]
    public async Task CreatedAt_is_a_little_ahead_at_most_and_at_most_a_year_ago(double seconds, bool taken)
    {
        var ana = await service.SignedInAsync();
        var createdAt = DateTimeOffset.UtcNow.AddSeconds(seconds).ToString("O", CultureInfo.InvariantCulture);
        var events = await service.EventsAsync();
        var answer = await _client.PutAsync($"agents/{ana}/conversations/c1", new { createdAt }, Routing);
        if (taken)
        {
            Assert.True(answer.Status == 200, answer.ToString());
            return;
        }
        Expect.BadField(answer, "createdAt");
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task The_policy_has_both_limits_and_says_when_an_agent_becomes_inactive()
    {
        var policy = (await _client.GetAsync("policy", Supervisor)).Json;
        Assert.Equal((1, 3), (policy.GetProperty("missedLimit").GetInt32(), policy.GetProperty("undeliveredLimit").GetInt32()));
        try
        {
            var changed = await service.DoneAsync("PUT", "policy", new { missedLimit = 2, undeliveredLimit = 1 }, Administrator);
            Assert.Equal((2, 1), (changed.GetProperty("missedLimit").GetInt32(), changed.GetProperty("undeliveredLimit").GetInt32()));
            var ana = await service.SignedInAsync();
            Assert.Equal("available", Expect.Status(await MissedAsync(ana, "c1")));
            Assert.Equal(("inactive", "notification", "NOT-1"), Standing(await MissedAsync(ana, "c2")));
            await service.DoneAsync("POST", $"agents/{ana}/presence/reset", null, "agent:" + ana);
            Assert.Equal(("inactive", "notification", "NOT-6"), Standing(await UndeliveredAsync(ana, "c3")));
        }
        finally
        {
            await service.DoneAsync("PUT", "policy", new { missedLimit = 1, undeliveredLimit = 3 }, Administrator);
        }
    }

    private const string Window = "from=2020-01-01&to=2100-01-01";

    private Task<JsonElement> AssignAsync(string agent, string conversation, object work) =>
        service.DoneAsync("PUT", $"agents/{agent}/conversations/{conversation}", work, Routing);

    private async Task<JsonElement> UndeliveredAsync(string agent, string conversation)
    {
        await AssignAsync(agent, conversation, new { units = 10 });
        return await service.DoneAsync("POST", $"agents/{agent}/conversations/{conversation}/undelivered", null, Routing);
    }

    private async Task<JsonElement> MissedAsync(string agent, string conversation)
    {
        await AssignAsync(agent, conversation, new { units = 10 });
        return await service.DoneAsync("POST", $"agents/{agent}/conversations/{conversation}/miss", null, Routing);
    }

    private async Task<JsonElement> ReportAsync(string agent)
    {
        var report = await GetAsync($"reports/historical/agents?agents={agent}&bucket=total&{Window}");
        return Assert.Single(report.Json.GetProperty("items").EnumerateArray());
    }

    /// <summary>What a projection answers, once it has all that was done before.</summary>
    private async Task<Answer> GetAsync(string path)
    {
        var marker = await _client.PutAsync($"agents/{service.NewId("marker")}", new { }, Administrator);
        var answer = await _client.GetAsync(path, Supervisor, ("Ledger-Position", marker.Headers["Ledger-Position"]));
        Assert.True(answer.Status == 200, answer.ToString());
        return answer;
    }

    private async Task<List<string>> ExplanationsAsync(string agent, string language)
    {
        var timeline = await _client.GetAsync($"agents/{agent}/timeline?order=desc", "agent:" + agent, ("Accept-Language", language));
        return [.. timeline.Json.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("explanation").GetString()!)];
    }

    private static double? Number(JsonElement item, string metric) =>
        item.GetProperty(metric) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    private static (string?, string?, string?) Standing(JsonElement presence) =>
        (Expect.Status(presence), presence.GetProperty("origin").GetString(), presence.GetProperty("rule").GetString());

    private static IEnumerable<string> Recorded(JsonElement presence) =>
        presence.GetProperty("events").EnumerateArray().Select(e => $"{e.GetProperty("type")} {e.GetProperty("rule")}");
}
