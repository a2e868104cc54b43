using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Queries of the projection: the presence, and agents with filters, pages and read-your-writes.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class QueryTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task The_presence_of_a_query_is_that_of_the_command_before_it()
    {
        var ana = await service.SignedInAsync();
        var command = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        var version = command.Json.GetProperty("version").GetInt64();
        var query = await _client.GetAsync($"agents/{ana}/presence?minVersion={version}");
        Assert.Equal(200, query.Status);
        Assert.Equal($"\"{version}\"", query.Headers["ETag"]);
        Assert.Matches(@"^\d+$", query.Headers["Ledger-Position"]);
        Assert.True(query.Json.GetProperty("asOf").GetDateTimeOffset() >= command.Json.GetProperty("since").GetDateTimeOffset());
        var shown = query.Json.EnumerateObject().Where(p => p.Name != "asOf").Select(p => p.ToString());
        Assert.Equal(command.Json.EnumerateObject().Where(p => p.Name != "events").Select(p => p.ToString()), shown);
    }

    [Fact]
    public async Task Whoever_hands_back_the_position_of_a_command_reads_its_own_write()
    {
        var ana = await service.SignedInAsync();
        foreach (var statusId in new[] { "away", "busy", "available", "away", "busy", "available", "away", "busy" })
        {
            var command = await _client.PutAsync($"agents/{ana}/presence", new { statusId }, "agent:" + ana);
            var position = ("Ledger-Position", command.Headers["Ledger-Position"]);
            Assert.Equal(statusId, Expect.Status((await _client.GetAsync($"agents/{ana}/presence", null, position)).Json));
            var list = await _client.GetAsync($"agents?text={ana}", null, position);
            Assert.Equal(statusId, Expect.Status(list.Json.GetProperty("items")[0]));
        }
    }

    [Fact]
    public async Task A_version_or_position_that_is_not_reached_in_time_is_unavailable()
    {
        var ana = await service.AgentAsync();
        var answers = await Task.WhenAll(
            _client.GetAsync($"agents/{ana}/presence?minVersion=1000"),
            _client.GetAsync("agents", null, ("Ledger-Position", "999999999999"))
        );
        Assert.All(answers, a => Expect.Problem(a, 503, "projection-behind"));
    }

    [Fact]
    public async Task Filters_narrow_the_list_all_of_them_together()
    {
        var queue = service.NewId("filter-queue");
        var skill = service.NewId("filter-skill");
        var ana = await service.SignedInAsync(
            new
            {
                units = 100,
                displayName = "Ana 100%_sure",
                queues = new[] { queue, "other" },
                skills = new[] { new { skill, proficiency = "high" } },
            }
        );
        var ben = await service.AgentAsync(new { queues = new[] { queue } });
        var cleo = await service.SignedInAsync(new { queues = new[] { queue } });
        var away = await _client.PutAsync($"agents/{cleo}/presence", new { statusId = "away" }, "agent:" + cleo);
        var position = ("Ledger-Position", away.Headers["Ledger-Position"]);

        async Task<string[]> FindAsync(string filter) =>
            Expect.Ids((await _client.GetAsync($"agents?queue={queue}&{filter}", null, position)).Json, "agentId");

        Assert.Equal(new[] { ana, ben, cleo }.Order(StringComparer.Ordinal), await FindAsync(""));
        Assert.Equal([ana], await FindAsync("base=available"));
        Assert.Equal([cleo], await FindAsync("base=away"));
        Assert.Equal([cleo], await FindAsync("status=away"));
        Assert.Empty(await FindAsync("status=busy"));
        Assert.Equal([ben], await FindAsync("signedIn=false"));
        Assert.Equal(new[] { ana, cleo }.Order(StringComparer.Ordinal), await FindAsync("signedIn=true"));
        Assert.Equal([ana], await FindAsync("skill=" + skill));
        Assert.Empty(await FindAsync($"skill={skill}&base=away"));
        Assert.Equal([ben], await FindAsync("text=" + ben.ToUpperInvariant()));
        Assert.Equal([ana], await FindAsync("text=100%25_SURE"));
        Assert.Empty(await FindAsync("text=" + Uri.EscapeDataString("ana_100")));
        Assert.Empty(await FindAsync("text=" + Uri.EscapeDataString("\\")));

        var shown = (await _client.GetAsync($"agents?queue={queue}&skill={skill}", null, position)).Json.GetProperty("items")[0];
        Assert.Equal("Ana 100%_sure", shown.GetProperty("displayName").GetString());
        Assert.Equal($$"""["{{queue}}","other"]""", shown.GetProperty("queues").GetRawText());
        Assert.Equal($$"""[{"skill":"{{skill}}","proficiency":"high"}]""", shown.GetProperty("skills").GetRawText());
    }

    [Fact]
    public async Task Pages_of_agents_give_each_once_in_order()
    {
        var queue = service.NewId("page-queue");
        var ids = new List<string>();
        for (var n = 0; n < 7; n++)
            ids.Add(await service.AgentAsync(new { queues = new[] { queue } }));
        ids.Sort(StringComparer.Ordinal);
        Assert.Equal(ids, await PagesAsync($"agents?queue={queue}&limit=3", "agentId", pages: 3));
        Assert.Equal(ids, await PagesAsync($"agents?queue={queue}&limit=7", "agentId", pages: 1));
        Assert.Equal(ids, await PagesAsync($"agents?queue={queue}&limit=6", "agentId", pages: 2));
    }

    [Fact]
    public async Task Pages_of_statuses_and_profiles_give_each_once_in_order()
    {
        for (var n = 0; n < 3; n++)
        {
            await service.DoneAsync("PUT", "statuses/" + service.NewId("Page"), new { text = "P", @base = "away" }, Administrator);
            await service.DoneAsync("PUT", "capacity-profiles/" + service.NewId("page"), new { limit = 1 }, Administrator);
        }
        foreach (var (path, member) in new[] { ("statuses", "statusId"), ("capacity-profiles", "profileId") })
        {
            var all = Expect.Ids((await _client.GetAsync(path + "?limit=1000")).Json, member);
            Assert.Equal(all.Order(StringComparer.Ordinal), all);
            Assert.Equal(all, await PagesAsync($"{path}?limit=2", member, pages: (all.Length + 1) / 2));
        }
    }

    private async Task<List<string>> PagesAsync(string path, string member, int pages)
    {
        var ids = new List<string>();
        var next = "";
        for (var page = 1; page <= pages; page++)
        {
            var answer = await _client.GetAsync(path + next);
            Assert.Equal(200, answer.Status);
            ids.AddRange(Expect.Ids(answer.Json, member));
            var more = answer.Json.TryGetProperty("next", out var cursor);
            Assert.True(more == page < pages, $"page {page} of {pages}: {answer}");
            next = more ? "&cursor=" + cursor.GetString() : "";
        }
        return ids;
    }
}

/// <summary>The configuration: statuses, capacity profiles and policy.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ConfigurationTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task The_six_statuses_out_of_the_box_are_there_and_stay_as_they_are()
    {
        var statuses = (await _client.GetAsync("statuses?limit=1000")).Json.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(
            ["available", "away", "busy", "do-not-disturb", "inactive", "offline"],
            statuses.Where(s => s.GetProperty("builtIn").GetBoolean()).Select(s => s.GetProperty("statusId").GetString())
        );
        foreach (var id in new[] { "available", "inactive" })
        {
            var body = new { text = "Mine", @base = "away" };
            Expect.Problem(await _client.PutAsync("statuses/" + id, body, Administrator), 409, "status-built-in");
            Expect.Problem(await _client.PostAsync($"statuses/{id}/retire", null, Administrator), 409, "status-built-in");
        }
    }

    [Fact]
    public async Task A_status_is_added_edited_used_and_retired()
    {
        var id = service.NewId("away-training");
        var path = "statuses/" + id;
        var added = await _client.PutAsync(
            path,
            new
            {
                text = "In training",
                @base = "away",
                description = "Line one\nline two",
            },
            Administrator
        );
        Assert.Equal(
            $$"""{"statusId":"{{id}}","name":"In training","text":"In training","base":"away","description":"Line one\nline two","builtIn":false,"retired":false,"used":false}""",
            added.Text
        );
        var events = await service.EventsAsync();
        await service.DoneAsync(
            "PUT",
            path,
            new
            {
                text = "In training",
                @base = "away",
                description = "Line one\nline two",
            },
            Administrator
        );
        Assert.Equal(events, await service.EventsAsync());
        await service.DoneAsync(
            "PUT",
            path,
            new
            {
                name = "Training",
                text = "Learning",
                @base = "busy",
            },
            Administrator
        );

        var ana = await service.SignedInAsync();
        var set = await _client.PutAsync($"agents/{ana}/presence", new { statusId = id }, "agent:" + ana);
        Assert.Equal(("Learning", "busy"), (set.Json.GetProperty("statusText").GetString(), set.Json.GetProperty("base").GetString()));
        Expect.Problem(await _client.PutAsync(path, new { text = "Learning", @base = "away" }, Administrator), 409, "status-in-use");

        var retired = await _client.PostAsync(path + "/retire", null, Administrator);
        Assert.True(retired.Json.GetProperty("retired").GetBoolean());
        Assert.True(retired.Json.GetProperty("used").GetBoolean());
        Expect.Problem(await _client.PutAsync($"agents/{ana}", new { defaultStatusId = id }, Administrator), 409, "status-retired");
        Expect.Problem(await _client.PutAsync($"agents/{ana}/presence", new { statusId = id }, "agent:" + ana), 409, "status-retired");
        Expect.Problem(await _client.PostAsync($"statuses/{id}x/retire", null, Administrator), 404, "status-unknown");
    }

    [Fact]
    public async Task A_default_presence_must_be_one_that_can_stand()
    {
        var ana = await service.AgentAsync();
        Expect.Problem(await _client.PutAsync($"agents/{ana}", new { defaultStatusId = "nope" }, Administrator), 409, "status-unknown");
        Expect.Problem(
            await _client.PutAsync($"agents/{ana}", new { defaultStatusId = "inactive" }, Administrator),
            409,
            "status-not-selectable"
        );
    }

    [Fact]
    public async Task An_end_of_day_profile_gives_back_what_it_counted_when_it_is_reset()
    {
        var id = service.NewId("daily");
        var put = await _client.PutAsync(
            $"capacity-profiles/{id}",
            new
            {
                limit = 1,
                blocking = true,
                reset = "end-of-day",
            },
            Administrator
        );
        Assert.Equal($$"""{"profileId":"{{id}}","name":"{{id}}","limit":1,"blocking":true,"reset":"end-of-day"}""", put.Text);
        var ana = await service.SignedInAsync(new { profiles = new[] { new { profileId = id } } });
        var work = new { profiles = new[] { id }, autoAccept = true };
        var full = await service.DoneAsync("PUT", $"agents/{ana}/conversations/c1", work, Routing);
        Assert.Equal("do-not-disturb", Expect.Status(full));
        var closed = await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/close", null, Routing);
        Assert.Equal("do-not-disturb", Expect.Status(closed));

        var reset = await _client.PostAsync($"capacity-profiles/{id}/reset", null, Administrator);
        Assert.Equal($$"""{"profileId":"{{id}}","agents":1}""", reset.Text);
        var state = (await _client.GetAsync($"agents/{ana}/state")).Json.GetProperty("presence");
        Assert.Equal("available", Expect.Status(state));
        reset = await _client.PostAsync($"capacity-profiles/{id}/reset", null, Administrator);
        Assert.Equal($$"""{"profileId":"{{id}}","agents":0}""", reset.Text);
        Expect.Problem(await _client.PostAsync($"capacity-profiles/{id}x/reset", null, Administrator), 404, "profile-unknown");
    }

    private static long Version(Answer answer) =>
        long.Parse(answer.Headers["ETag"].Trim('"'), System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task The_policy_can_be_put_back_as_it_was_got_and_If_Match_holds_for_it()
    {
        var got = await _client.GetAsync("policy");
        var back = await _client.PutAsync("policy", got.Text, Administrator, ("If-Match", got.Headers["ETag"]));
        Assert.Equal((200, got.Text), (back.Status, back.Text));
        var stale = await _client.PutAsync("policy", got.Text, Administrator, ("If-Match", "\"100000\""));
        Assert.Equal((412, "version-conflict"), (stale.Status, stale.Code));
    }

    [Fact]
    public async Task What_is_left_out_of_the_policy_stays_and_the_event_holds_all_of_it()
    {
        var got = await _client.GetAsync("policy");
        var before = got.Json;
        var changed = await _client.PutAsync(
            "policy",
            new
            {
                maxOpenSessions = 12,
                offerAfterSeconds = 45.5,
                stuckAfterSeconds = new { chat = 600, @default = 7200.5 },
                endOfDay = new { time = "18:30", timeZone = "Europe/Berlin" },
            },
            Administrator
        );
        Assert.Equal(200, changed.Status);
        Assert.Equal(Version(got) + 1, Version(changed));
        Assert.Equal(12, changed.Json.GetProperty("maxOpenSessions").GetInt32());
        Assert.Equal(45.5, changed.Json.GetProperty("offerAfterSeconds").GetDouble());
        Assert.Equal("""{"chat":600,"default":7200.5}""", changed.Json.GetProperty("stuckAfterSeconds").GetRawText());
        Assert.Equal("""{"time":"18:30","timeZone":"Europe/Berlin"}""", changed.Json.GetProperty("endOfDay").GetRawText());
        foreach (var field in new[] { "restoreWindow", "heartbeatTimeout", "refreshGrace", "heartbeatSeconds", "zeroCapacityWorkSetsBusy" })
            Assert.Equal(before.GetProperty(field).GetRawText(), changed.Json.GetProperty(field).GetRawText());

        var events = await service.EventsAsync();
        await service.DoneAsync("PUT", "policy", new { maxOpenSessions = 12 }, Administrator);
        Assert.Equal(events, await service.EventsAsync());
        var back = await _client.PutAsync(
            "policy",
            """{"maxOpenSessions":10,"offerAfterSeconds":120,"endOfDay":null,"stuckAfterSeconds":{"default":14400}}""",
            Administrator
        );
        Assert.Equal(JsonValueKind.Null, back.Json.GetProperty("endOfDay").ValueKind);
        Assert.Equal(back.Text, (await _client.GetAsync("policy")).Text);
    }

    [Fact]
    public async Task Changes_of_different_parts_of_the_policy_at_the_same_time_are_all_kept()
    {
        for (var round = 1; round <= 5; round++)
        {
            var answers = await Task.WhenAll(
                _client.PutAsync("policy", new { refreshGrace = 10 + round }, Administrator),
                _client.PutAsync("policy", new { heartbeatSeconds = 15 + round }, Administrator),
                _client.PutAsync("policy", new { restoreWindow = 150 + round }, Administrator)
            );
            Assert.All(answers, a => Assert.Equal(200, a.Status));
            var policy = (await _client.GetAsync("policy")).Json;
            Assert.Equal(
                (10 + round, 15 + round, 150 + round),
                (
                    policy.GetProperty("refreshGrace").GetInt32(),
                    policy.GetProperty("heartbeatSeconds").GetInt32(),
                    policy.GetProperty("restoreWindow").GetInt32()
                )
            );
        }
        await service.DoneAsync(
            "PUT",
            "policy",
            new
            {
                refreshGrace = 10,
                heartbeatSeconds = 15,
                restoreWindow = 150,
            },
            Administrator
        );
    }
}
