using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>What holds for every address of the API.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ConventionTests(OpenService service)
{
    private const string Window = "from=2026-01-01&to=2026-01-02";

    private readonly ServiceClient _client = service.Client;

    public static TheoryData<string> OfOneAgent =>
        new()
        {
            "agents/{ana}?",
            "agents/{ana}/presence?",
            "agents/{ana}/timeline?",
            "agents/{ana}/why?",
            "agents/{ana}/state?",
            "agents/{ana}/diff?from=2026-01-01T00:00:00Z&",
            "agents/{ana}/diagnostics?",
            "agents/{ana}/readers?",
            "agents/{ana}/disputes?",
            "agents/{ana}/verify?",
            "agents/{ana}/evidence?",
            "reports/real-time/agents/{ana}?",
            "reports/historical/agents/{ana}/statuses?",
            "reports/historical/agents/{ana}/explain?metric=loginSeconds&" + Window + "&",
            "routing/eligible?why={ana}&",
        };

    [Theory]
    [MemberData(nameof(OfOneAgent))]
    public async Task Every_query_on_one_agent_has_what_its_caller_has_seen(string path)
    {
        var ana = await service.AgentAsync();
        path = path.Replace("{ana}", ana, StringComparison.Ordinal);
        var version = (await service.DoneAsync("PUT", $"agents/{ana}", new { units = 90 }, Administrator)).GetProperty("version");

        var there = await _client.GetAsync($"{path}minVersion={version}", Administrator);
        Assert.True(there.Status == 200, there.ToString());
        Expect.BadField(await _client.GetAsync($"{path}minVersion=-1", Administrator), "minVersion");
    }

    [Fact]
    public async Task A_version_that_does_not_come_is_waited_for_and_then_said_so()
    {
        var ana = await service.AgentAsync();
        var answers = await Task.WhenAll(
            ((IEnumerable<object[]>)OfOneAgent)
                .Select(row => (string)row[0])
                .Select(path => _client.GetAsync(path.Replace("{ana}", ana, StringComparison.Ordinal) + "minVersion=1000", Administrator))
        );
        Assert.All(answers, answer => Expect.Problem(answer, 503, "projection-behind"));
    }

    [Theory]
    [InlineData("agents?minVersion=1")]
    [InlineData("statuses?minVersion=1")]
    [InlineData("reports/historical/totals?minVersion=1&" + Window)]
    [InlineData("routing/eligible?minVersion=1")]
    public async Task A_version_where_there_is_no_one_agent_is_refused(string path) =>
        Expect.BadField(await _client.GetAsync(path), "minVersion");

    [Fact]
    public async Task Every_query_of_a_projection_waits_for_the_position_that_its_caller_names()
    {
        string[] paths =
        [
            "agents",
            "disputes",
            "routing/eligible",
            "reports/real-time/agents",
            "reports/historical/agents?" + Window,
            "reports/historical/totals?" + Window,
            "reports/coverage?queue=q1",
            "stream",
            "reports/real-time/agents/stream",
        ];
        foreach (var path in paths)
            Expect.BadField(await _client.GetAsync(path, Administrator, ("Ledger-Position", "yesterday")), "Ledger-Position");
        var answers = await Task.WhenAll(paths.Select(path => _client.GetAsync(path, Administrator, ("Ledger-Position", "999999999999"))));
        Assert.All(answers, answer => Expect.Problem(answer, 503, "projection-behind"));
        Assert.All(answers, answer => Assert.True(answer.Headers.ContainsKey("Retry-After")));
    }

    [Theory]
    [InlineData("health")]
    [InlineData("access")]
    [InlineData("reports/metrics")]
    public async Task A_position_where_nothing_is_of_the_ledger_is_refused(string path) =>
        Expect.BadField(await _client.GetAsync(path, Administrator, ("Ledger-Position", "1")), "Ledger-Position");

    [Theory]
    [InlineData("agents?qeue=q1", "qeue", "'queue'")]
    [InlineData("agents/ana/timeline?form=2026-01-05T08:00:00Z", "form", "'from'")]
    [InlineData("agents/ana/presence?version=3", "version", "'minVersion'")]
    [InlineData("routing/eligible?skill=french", "skill", "'skills'")]
    [InlineData("reports/historical/agents?" + Window + "&timezone=UTC&buckets=day", "buckets", "'bucket'")]
    [InlineData("reports/real-time/agents?agent=ana", "agent", "'agents'")]
    [InlineData("stream?agnets=ana", "agnets", "'agents'")]
    [InlineData("policy?x=1", "x", "no parameters")]
    [InlineData("agents?actor=agent:ana", "actor", "known")]
    public async Task A_parameter_that_is_not_known_is_refused_with_the_nearest_that_is(string path, string name, string nearest)
    {
        var answer = await _client.GetAsync(path);
        Expect.BadField(answer, name);
        Assert.Contains(nearest, answer.Json.GetProperty("errors").GetProperty(name)[0].GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stream?agents=,", "agents")]
    [InlineData("stream?agents=", "agents")]
    [InlineData("reports/real-time/agents?agents=,", "agents")]
    [InlineData("reports/historical/agents?agents=,&" + Window, "agents")]
    [InlineData("reports/historical/agents?queues=%20,&" + Window, "queues")]
    [InlineData("routing/eligible?skills=,", "skills")]
    [InlineData("agents/ana/timeline?type=,", "type")]
    public async Task An_empty_list_is_refused(string path, string name) => Expect.BadField(await _client.GetAsync(path), name);

    [Fact]
    public async Task What_takes_one_value_is_given_once_and_a_list_may_be_repeated()
    {
        var (ana, ben) = (await service.AgentAsync(), await service.AgentAsync());
        // Waits until the facts have them.
        var registered = await _client.PutAsync($"agents/{ben}", new { units = 7 }, Administrator);
        await _client.GetAsync(
            $"reports/historical/agents?{Window}",
            Administrator,
            ("Ledger-Position", registered.Headers["Ledger-Position"])
        );
        Expect.BadField(await _client.GetAsync("agents?queue=a&queue=b"), "queue");
        Expect.BadField(await _client.GetAsync("agents?limit=5&limit=6"), "limit");
        var path = $"reports/historical/agents?bucket=total&{Window}&";
        var repeated = await service.DoneAsync("GET", $"{path}agents={ana}&agents={ben}", null, Administrator);
        var withComma = await service.DoneAsync("GET", $"{path}agents={ana},{ben}", null, Administrator);
        Assert.Equal(Expect.Ids(withComma, "agentId"), Expect.Ids(repeated, "agentId"));
        Assert.Equal([ana, ben], Expect.Ids(repeated, "agentId").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("2026-01-05T08:00:00Z")]
    [InlineData("2026-01-05T10:00:00%2B02:00")]
    [InlineData("2026-01-05T10:00:00%2B0200")]
    [InlineData("2026-01-05T10:00:00+0200")]
    [InlineData("2026-01-05T03:00:00-0500")]
    [InlineData("2026-01-05T08:00:00.123456789Z")]
    public async Task Every_offset_of_an_instant_is_taken(string instant)
    {
        var ana = await service.AgentAsync();
        Assert.Equal(200, (await _client.GetAsync($"agents/{ana}/timeline?from={instant}")).Status);
        var body = new
        {
            createdAt = Uri.UnescapeDataString(instant)
                .Replace("2026-01-05", DateTime.UtcNow.AddDays(-2).ToString("yyyy-MM-dd", null), StringComparison.Ordinal),
        };
        await service.DoneAsync("PUT", $"agents/{ana}/conversations/c", body, Routing);
    }

    [Theory]
    [InlineData("agents")]
    [InlineData("agents/{ana}/presence")]
    [InlineData("agents/{ana}/timeline")]
    [InlineData("reports/historical/agents?" + Window)]
    [InlineData("reports/historical/agents?format=csv&" + Window)]
    [InlineData("stream")]
    [InlineData("reports/real-time/agents/stream")]
    [InlineData("/health/ready")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/presence-ledger.js")]
    [InlineData("/")]
    public async Task HEAD_answers_as_GET_does_but_for_the_body(string path)
    {
        var ana = await service.AgentAsync();
        path = path.Replace("{ana}", ana, StringComparison.Ordinal);
        var head = await _client.SendAsync("HEAD", path, null, Administrator);
        Assert.Equal((200, ""), (head.Status, head.Text));
        if (path.Contains("stream", StringComparison.Ordinal))
            Assert.StartsWith("text/event-stream", head.ContentType, StringComparison.Ordinal);
        else
            Assert.Equal((await _client.GetAsync(path, Administrator)).ContentType, head.ContentType);
        Assert.Equal(404, (await _client.SendAsync("HEAD", "agents/nobody/presence")).Status);
    }

    [Theory]
    [InlineData("PUT", "agents/ana/presence", "{")]
    [InlineData("PUT", "agents/%20/presence", "{}")]
    [InlineData("POST", "agents/ana/sign-out?x=1", "[]")]
    [InlineData("PUT", "policy", "nonsense")]
    [InlineData("PUT", "statuses/%01", "{}")]
    [InlineData("POST", "ledger/seals", "nonsense")]
    [InlineData("POST", "policy/try?days=x", "nonsense")]
    [InlineData("PUT", "agents/ana", "{\"units\":\"x\"}")]
    [InlineData("POST", "agents/ana/erasure", "{}")]
    [InlineData("POST", "heartbeats", "{}")]
    [InlineData("POST", "agents/ana/corrections", "{}")]
    [InlineData("POST", "agents/ana/disputes/5/answer", "{}")]
    public async Task Who_may_not_is_told_so_before_anything_is_said_of_what_was_sent(string method, string path, string body) =>
        Expect.Problem(await _client.SendAsync(method, path, body, "agent:ben"), 403, "forbidden");

    [Fact]
    public async Task A_transfer_answers_with_the_events_of_both_agents()
    {
        var (ana, ben) = (await service.WithConversationAsync(), await service.SignedInAsync());

        var answer = await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/transfer", new { toAgentId = ben }, Routing);

        var events = answer
            .GetProperty("events")
            .EnumerateArray()
            .Select(e => (e.GetProperty("agentId").GetString(), e.GetProperty("type").GetString()));
        Assert.Equal([(ana, "conversation-transferred"), (ana, "presence-changed"), (ben, "conversation-assigned")], events);
    }

    [Fact]
    public async Task A_map_of_the_policy_is_merged_and_null_takes_an_entry_away()
    {
        var before = (await _client.GetAsync("policy")).Json.GetProperty("stuckAfterSeconds").GetRawText();
        try
        {
            await service.DoneAsync(
                "PUT",
                "policy",
                new { stuckAfterSeconds = new Dictionary<string, double?> { ["fax"] = 60, ["Büro, 1"] = 70 } },
                Administrator
            );
            var merged = await service.DoneAsync(
                "PUT",
                "policy",
                new { stuckAfterSeconds = new Dictionary<string, double?> { ["fax"] = null } },
                Administrator
            );
            var map = merged.GetProperty("stuckAfterSeconds");
            Assert.Equal(70, map.GetProperty("Büro, 1").GetDouble());
            Assert.False(map.TryGetProperty("fax", out _));
            Assert.True(map.TryGetProperty("default", out _));
        }
        finally
        {
            var after = await service.DoneAsync(
                "PUT",
                "policy",
                new { stuckAfterSeconds = new Dictionary<string, double?> { ["fax"] = null, ["Büro, 1"] = null } },
                Administrator
            );
            Assert.Equal(before, after.GetProperty("stuckAfterSeconds").GetRawText());
        }
    }

    [Fact]
    public async Task A_key_comes_again_with_the_same_command_however_it_is_written()
    {
        var ana = await service.AgentAsync();
        var key = ("Idempotency-Key", service.NewId("key"));
        var path = $"agents/{ana}/conversations/";
        var first = await _client.PutAsync(
            path + "J%C3%BC",
            """{"units":5,"queue":"q\u00fc","wrapUp":{"policy":"custom","seconds":30}}""",
            Routing,
            key
        );
        var again = await _client.PutAsync(
            path + "Ju%CC%88",
            """{ "wrapUp": {"seconds":3.0e1,"policy":"custom"}, "queue": "qu\u0308", "units": 5 }""",
            Routing,
            key
        );
        Assert.Equal((200, 200), (first.Status, again.Status));
        Assert.Equal(first.Text, again.Text);
        Assert.Equal("true", again.Headers["Idempotency-Replayed"]);
        Expect.Problem(
            await _client.PutAsync(path + "J%C3%BC", """{"units":6,"queue":"q\u00fc"}""", Routing, key),
            422,
            "idempotency-key-reused"
        );
        Expect.Problem(
            await _client.PutAsync(path + "other", """{"units":5,"queue":"q\u00fc"}""", Routing, key),
            422,
            "idempotency-key-reused"
        );

        var signOut = ("Idempotency-Key", service.NewId("key"));
        var without = await _client.PostAsync($"agents/{ana}/sign-in", null, "agent:" + ana, signOut);
        var empty = await _client.PostAsync($"agents/{ana}/sign-in", " { } ", "agent:" + ana, signOut);
        Assert.Equal(without.Text, empty.Text);
    }
}
