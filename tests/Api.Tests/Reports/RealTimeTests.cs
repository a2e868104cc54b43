using System.Globalization;
using System.Text.Json;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Reports;

/// <summary>The real-time agents report: summary, rows, tabs, filters, detail and coverage.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class RealTimeTests(OpenService service)
{
    private const string Path = "reports/real-time/agents";

    /// <summary>The report, once it knows all that happened to these agents.</summary>
    private async Task<JsonElement> ReportAsync(string query, string path = Path, string? actor = Supervisor)
    {
        var answer = await service.Client.SendAsync("GET", $"{path}?{query}", null, actor, ("Ledger-Position", await PositionAsync()));
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json;
    }

    /// <summary>A place at or after all that was done before.</summary>
    private async Task<string> PositionAsync()
    {
        var id = service.NewId("marker");
        var answer = await service.Client.PutAsync($"agents/{id}", new { }, Administrator);
        return answer.Headers["Ledger-Position"];
    }

    private async Task<(string Queue, string Active, string Away, string Offline, string Free)> StoryAsync()
    {
        var queue = service.NewId("queue");
        object Settings(string name) =>
            new
            {
                displayName = name,
                units = 100,
                queues = new[] { queue, queue + "-too" },
                skills = new[] { new { skill = "de", proficiency = "high" } },
            };
        var active = await service.SignedInAsync(Settings("Ana Lopez"));
        await service.DoneAsync(
            "PUT",
            $"agents/{active}/conversations/c1",
            new
            {
                units = 40,
                channel = "chat",
                queue,
            },
            Routing
        );
        await service.DoneAsync("POST", $"agents/{active}/conversations/c1/accept", null, "agent:" + active);
        await service.DoneAsync("PUT", $"agents/{active}/conversations/c2", new { units = 1, queue }, Routing);
        await service.DoneAsync("PUT", $"agents/{active}/conversations/c3", new { units = 1, queue }, Routing);
        await service.DoneAsync("POST", $"agents/{active}/conversations/c3/release", null, Routing);
        var away = await service.SignedInAsync(Settings("Ben"));
        await service.DoneAsync(
            "PUT",
            $"agents/{away}/presence",
            new { statusId = "away", reason = new { code = "lunch", text = "at last" } },
            Supervisor
        );
        var offline = await service.AgentAsync(Settings("Cleo"));
        var free = await service.SignedInAsync(Settings("Dora"));
        return (queue, active, away, offline, free);
    }

    [Fact]
    public async Task The_summary_counts_each_agent_once_and_rows_say_who_set_the_status_and_why()
    {
        var (queue, active, away, offline, free) = await StoryAsync();
        var report = await ReportAsync("queue=" + queue);
        Assert.Equal("UTC", report.GetProperty("timeZone").GetString());
        Assert.Equal("today", report.GetProperty("range").GetString());
        Assert.Equal("/api/v1/reports/metrics", report.GetProperty("definitions").GetString());
        Assert.True(report.GetProperty("conserved").GetBoolean());
        Assert.Equal(report.GetProperty("asOf").GetString(), report.GetProperty("to").GetString());
        Assert.EndsWith("T00:00:00.000Z", report.GetProperty("from").GetString(), StringComparison.Ordinal);

        var summary = report.GetProperty("summary");
        foreach (
            var (member, count) in new[]
            {
                ("registered", 4),
                ("online", 3),
                ("offline", 1),
                ("signedIn", 3),
                ("withSessions", 1),
                ("atCapacity", 0),
                ("stuckConversations", 0),
                ("routable", 2),
            }
        )
            Assert.Equal((member, count), (member, summary.GetProperty(member).GetInt32()));
        var byBase = summary.GetProperty("byBase");
        Assert.Equal(
            [1, 1, 0, 1, 1],
            new[] { "available", "busy", "do-not-disturb", "away", "offline" }.Select(b => byBase.GetProperty(b).GetInt32())
        );
        Assert.Equal(1, summary.GetProperty("byStatus").GetProperty("away").GetInt32());
        var byQueue = summary.GetProperty("routableByQueue");
        Assert.Equal((2, 2), (byQueue.GetProperty(queue).GetInt32(), byQueue.GetProperty(queue + "-too").GetInt32()));

        Assert.Equal([active, away, offline, free], Expect.Ids(report, "agentId"));
        var rows = report.GetProperty("items").EnumerateArray().ToDictionary(r => r.GetProperty("agentId").GetString()!);
        var ana = rows[active];
        Assert.Equal("Ana Lopez", ana.GetProperty("displayName").GetString());
        Assert.Equal("""{"total":100,"used":41,"available":59}""", ana.GetProperty("units").GetRawText());
        Assert.Equal("""{"ringing":1,"active":1,"waiting":0,"wrapUp":0}""", ana.GetProperty("conversations").GetRawText());
        Assert.Equal((3, 1), (ana.GetProperty("presentedSessions").GetInt32(), ana.GetProperty("engagedSessions").GetInt32()));
        Assert.Equal("CAP-2", ana.GetProperty("setBy").GetProperty("rule").GetString());
        Assert.Equal(JsonValueKind.Null, ana.GetProperty("averageHandleSeconds").ValueKind);
        Assert.Equal(0, ana.GetProperty("averageHandleSecondsDenominator").GetDouble());
        Assert.NotEqual(JsonValueKind.Null, ana.GetProperty("lastSeenAt").ValueKind);
        Assert.Equal("""[{"skill":"de","proficiency":"high"}]""", ana.GetProperty("skills").GetRawText());
        Assert.True(ana.GetProperty("loginSeconds").GetDouble() > 0);

        var setBy = rows[away].GetProperty("setBy");
        Assert.Equal("supervisor", setBy.GetProperty("actor").GetProperty("kind").GetString());
        Assert.Equal("at last", setBy.GetProperty("reason").GetProperty("text").GetString());
        Assert.Equal(JsonValueKind.Null, rows[offline].GetProperty("setBy").ValueKind);
        Assert.Equal(0, rows[offline].GetProperty("loginSeconds").GetDouble());
    }

    [Fact]
    public async Task Tabs_list_and_filters_narrow_the_summary_too()
    {
        var (queue, active, away, offline, free) = await StoryAsync();
        foreach (
            var (query, ids) in new (string, string[])[]
            {
                ("tab=online", [active, away, free]),
                ("tab=offline", [offline]),
                ("tab=with-sessions", [active]),
                ("signedIn=false", [offline]),
                ("base=away", [away]),
                ("status=available", [free]),
                ("skill=de", [active, away, offline, free]),
                ("skill=fr", []),
                ("text=LOPEZ", [active]),
                ("text=" + away, [away]),
                ($"agents={free},{active}", [active, free]),
                ("stuck=true", []),
                ("limit=2", [active, away]),
            }
        )
        {
            var report = await ReportAsync($"queue={queue}&{query}");
            Assert.Equal((query, string.Join(' ', ids)), (query, string.Join(' ', Expect.Ids(report, "agentId"))));
            var isNarrowed = !query.StartsWith("tab", StringComparison.Ordinal) && !query.StartsWith("limit", StringComparison.Ordinal);
            Assert.Equal((query, isNarrowed ? ids.Length : 4), (query, report.GetProperty("summary").GetProperty("registered").GetInt32()));
        }
        var first = await ReportAsync($"queue={queue}&limit=3");
        var second = await ReportAsync($"queue={queue}&limit=3&cursor={first.GetProperty("next").GetString()}");
        Assert.Equal([free], Expect.Ids(second, "agentId"));
        Assert.False(second.TryGetProperty("next", out _));
    }

    [Fact]
    public async Task The_numbers_are_those_of_the_historical_report()
    {
        var (queue, active, _, _, _) = await StoryAsync();
        await service.DoneAsync("POST", $"agents/{active}/conversations/c1/close", null, "agent:" + active);
        var report = await ReportAsync($"queue={queue}&timeRange=last24h");
        var row = report.GetProperty("items")[0];
        var history = await service.DoneAsync(
            "GET",
            $"reports/historical/agents?agents={active}&bucket=total&from={report.GetProperty("from").GetString()}&to={report.GetProperty("to").GetString()}",
            null,
            Supervisor
        );
        var cell = history.GetProperty("items")[0];
        foreach (
            var member in new[]
            {
                "presentedSessions",
                "engagedSessions",
                "averageHandleSeconds",
                "loginSeconds",
                "onContactSeconds",
                "occupancy",
            }
        )
            Assert.Equal((member, cell.GetProperty(member).GetRawText()), (member, row.GetProperty(member).GetRawText()));
    }

    [Fact]
    public async Task An_agent_in_detail_is_shown_with_the_history_of_the_range()
    {
        var (_, active, away, _, _) = await StoryAsync();
        var detail = await ReportAsync("timeZone=Asia/Kathmandu", $"{Path}/{active}", "agent:" + active);
        Assert.Equal("Asia/Kathmandu", detail.GetProperty("timeZone").GetString());
        Assert.EndsWith("T18:15:00.000Z", detail.GetProperty("from").GetString(), StringComparison.Ordinal);
        Assert.Equal(active, detail.GetProperty("agent").GetProperty("agentId").GetString());
        var conversations = detail.GetProperty("conversations");
        Assert.Equal(
            ["c1 active", "c2 assigned"],
            conversations.EnumerateArray().Select(c => $"{c.GetProperty("conversationId")} {c.GetProperty("state")}")
        );
        Assert.NotEqual(JsonValueKind.Null, conversations[0].GetProperty("acceptedAt").ValueKind);
        Assert.Equal("c3", detail.GetProperty("endedSessions")[0].GetProperty("conversationId").GetString());
        Assert.Equal("high", detail.GetProperty("skills")[0].GetProperty("proficiency").GetString());
        var history = detail.GetProperty("history").EnumerateArray().ToArray();
        Assert.Equal(["offline", "available", "busy"], history.Select(h => h.GetProperty("statusId").GetString()));
        Assert.Equal(JsonValueKind.Null, history[^1].GetProperty("end").ValueKind);
        Assert.Equal("CAP-2", history[^1].GetProperty("rule").GetString());

        Expect.Problem(await service.Client.GetAsync($"{Path}/{away}", "agent:" + active), 403, "forbidden");
        Expect.Problem(await service.Client.GetAsync(Path, "agent:" + active), 403, "forbidden");
        Expect.Problem(await service.Client.GetAsync($"{Path}/{service.NewId("nobody")}", Supervisor), 404, "agent-unknown");
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_by_field()
    {
        foreach (
            var (query, field) in new[]
            {
                ("range=week", "range"),
                ("timeZone=Mars", "timeZone"),
                ("tab=all", "tab"),
                ("base=inactive", "base"),
                ("signedIn=maybe", "signedIn"),
                ("stuck=maybe", "stuck"),
                ("agents=a%01b", "agents"),
                ("queue=a%01b", "queue"),
                ("cursor=-", "cursor"),
            }
        )
            Expect.BadField(await service.Client.GetAsync($"{Path}?{query}", Supervisor), field);
        foreach (
            var (query, field) in new[]
            {
                ("", "queue"),
                ("queue=q1&below=0", "below"),
                ("queue=q1&from=2026-01-05", "from"),
                ("queue=q1&to=yesterday", "to"),
                ("queue=q1&from=2999-01-01", "from"),
                ("queue=q1&view=corrected", "view"),
                ("queue=q1&view=else", "view"),
                ("queue=q1&asKnownAt=yesterday", "asKnownAt"),
                ("queue=q1&asKnownAt=2999-01-01T00:00:00Z", "asKnownAt"),
            }
        )
            Expect.BadField(await service.Client.GetAsync($"reports/coverage?{query}", Supervisor), field);
    }

    [Fact]
    public async Task Where_nobody_of_a_queue_was_routable_it_is_said_who_dropped_out_and_why()
    {
        var queue = service.NewId("queue");
        var settings = new { units = 10, queues = new[] { queue } };
        var ana = await service.SignedInAsync(settings);
        var ben = await service.SignedInAsync(settings);
        await service.DoneAsync("PUT", $"agents/{ben}/conversations/c1", new { units = 10, autoAccept = true }, Routing);
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away", reason = new { code = "lunch" } }, Supervisor);
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "available" }, "agent:" + ana);

        var coverage = await ReportAsync($"queue={queue}", "reports/coverage");
        var items = coverage.GetProperty("items").EnumerateArray().ToArray();
        // Before ana signed in, and while she was away.
        Assert.Equal(2, items.Length);
        var causes = items[^1].GetProperty("causes").EnumerateArray().ToArray();
        Assert.Equal(0, items[^1].GetProperty("routable").GetInt32());
        Assert.Equal([$"{ana} away", $"{ben} at-capacity"], causes.Select(c => $"{c.GetProperty("agentId")} {c.GetProperty("cause")}"));
        Assert.Equal(items[^1].GetProperty("start").GetString(), causes[0].GetProperty("since").GetString());
        Assert.Equal("lunch", causes[0].GetProperty("reason").GetProperty("code").GetString());
        Assert.Equal("supervisor", causes[0].GetProperty("actor").GetProperty("kind").GetString());
        Assert.Equal("CAP-3", causes[1].GetProperty("rule").GetString());

        var two = await ReportAsync($"queue={queue}&below=2&limit=1", "reports/coverage");
        Assert.Equal(coverage.GetProperty("from").GetString()![..10], two.GetProperty("items")[0].GetProperty("start").GetString()![..10]);
        Expect.Problem(await service.Client.GetAsync($"reports/coverage?queue={queue}", "agent:" + ana), 403, "forbidden");
    }

    [Fact]
    public async Task A_later_correction_closes_no_gap_of_coverage_and_what_was_known_then_can_be_asked_for()
    {
        var queue = service.NewId("queue");
        var ana = await service.SignedInAsync(new { units = 10, queues = new[] { queue } });
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, Supervisor);
        await Task.Delay(5);
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "available" }, Supervisor);
        var items = await ItemsAsync();
        var gap = items[^1];
        Assert.Equal("away", gap.GetProperty("causes")[0].GetProperty("cause").GetString());
        var start = gap.GetProperty("start").GetDateTimeOffset();

        await service.DoneAsync(
            "POST",
            $"agents/{ana}/corrections",
            new
            {
                from = gap.GetProperty("start").GetString(),
                to = gap.GetProperty("end").GetString(),
                statusId = "available",
                reason = new { text = "She was there" },
            },
            Supervisor
        );

        var after = await ItemsAsync();
        Assert.Equal(items.Length, after.Length);
        Assert.Equal(gap.GetRawText(), after[^1].GetRawText());
        Assert.Equal(gap.GetRawText(), (await ItemsAsync("&view=raw"))[^1].GetRawText());
        var knownAt = start.AddMilliseconds(-1).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        var then = await ReportAsync($"queue={queue}&asKnownAt={knownAt}", "reports/coverage");
        Assert.Equal((knownAt, knownAt, "raw"), (Text(then, "asOf"), Text(then, "asKnownAt"), Text(then, "view")));
        Assert.DoesNotContain(
            then.GetProperty("items").EnumerateArray(),
            i => i.GetProperty("causes").EnumerateArray().Any(c => Text(c, "cause") == "away")
        );

        async Task<JsonElement[]> ItemsAsync(string query = "") =>
            [.. (await ReportAsync($"queue={queue}{query}", "reports/coverage")).GetProperty("items").EnumerateArray()];

        static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
    }
}
