using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Who may do what: each row of the contract's table, for each persona; and what mode Open lets in at all.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class AccessTests(OpenService service)
{
    private static readonly string[] Everybody = ["self", "other", "supervisor", "administrator", "auditor", "service"];

    private readonly ServiceClient _client = service.Client;

    /// <summary>Method, path, body, and who may: <c>self</c> is the agent it is about, <c>other</c> another agent.</summary>
    public static TheoryData<string, string, string?, string> Commands =>
        new()
        {
            { "POST", "agents/{ana}/sign-in", null, "self" },
            { "POST", "agents/{ana}/sign-out", null, "self supervisor" },
            { "POST", "agents/{ana}/connections/main/heartbeat", null, "self" },
            { "POST", "heartbeats", """{"heartbeats":[]}""", "service" },
            { "DELETE", "agents/{ana}/connections/main", null, "self" },
            { "POST", "agents/{ana}/connections/main/closing", null, "self" },
            { "PUT", "agents/{ana}/presence", """{"statusId":"away"}""", "self supervisor" },
            { "POST", "agents/{ana}/presence/reset", null, "self supervisor" },
            { "PUT", "agents/{ana}/conversations/c2", "{}", "service supervisor" },
            { "POST", "agents/{ana}/conversations/c1/accept", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/reject", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/miss", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/wait", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/resume", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/wrap-up", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/close", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/release", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/activity", null, "service self" },
            { "POST", "agents/{ana}/conversations/c1/transfer", """{"toQueue":"q2"}""", "service self supervisor" },
            { "POST", "agents/{ana}/conversations/c1/force-release", """{"reason":{"code":"stuck"}}""", "supervisor" },
            { "PUT", "agents/{ana}/consults/c1", """{"mode":"consult"}""", "self supervisor service" },
            { "DELETE", "agents/{ana}/consults/c1", null, "self supervisor service" },
            { "POST", "agents/{ana}/disputes", """{"version":0,"reason":{"text":"No"}}""", "self" },
            { "POST", "agents/{ana}/disputes/0/answer", """{"accepted":true,"reason":{"code":"right"}}""", "supervisor" },
            { "POST", "agents/{ana}/erasure", """{"reason":{"code":"asked"}}""", "" },
            { "PUT", "agents/{ana}", """{"units":7}""", "" },
            { "PUT", "statuses/away-access", """{"text":"Out","base":"away"}""", "" },
            { "POST", "statuses/away-access/retire", null, "" },
            { "PUT", "capacity-profiles/access", """{"limit":2,"reset":"end-of-day"}""", "" },
            { "POST", "capacity-profiles/access/reset", null, "" },
            { "PUT", "policy", """{"maxOpenSessions":10}""", "" },
        };

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task A_command_is_for_those_whom_the_contract_names(string method, string path, string? body, string allowed)
    {
        var may = allowed.Split(' ').Append("administrator").ToArray();
        var ana = await service.WithConversationAsync(accepted: false);
        foreach (var who in Everybody.OrderBy(w => may.Contains(w)))
        {
            var before = await service.EventsAsync();
            var actor = who switch
            {
                "self" => "agent:" + ana,
                "other" => "agent:someone-else",
                _ => who + ":" + who,
            };
            var answer = await _client.SendAsync(method, path.Replace("{ana}", ana, StringComparison.Ordinal), body, actor);
            if (may.Contains(who))
            {
                // Whether the rules let it through is another question.
                Assert.True(answer.Status is 200 or 204 or 404 or 409, $"{who}: {answer}");
            }
            else
            {
                Expect.Problem(answer, 403, "forbidden");
                Assert.Equal(before, await service.EventsAsync());
            }
        }
    }

    [Theory]
    [InlineData("agents", "self other supervisor auditor service")]
    [InlineData("agents/{ana}/presence", "self other supervisor auditor service")]
    [InlineData("statuses", "self other supervisor auditor service")]
    [InlineData("capacity-profiles", "self other supervisor auditor service")]
    [InlineData("policy", "self other supervisor auditor service")]
    [InlineData("agents/{ana}/diagnostics", "self supervisor auditor service")]
    [InlineData("agents/{ana}/timeline", "self supervisor auditor service")]
    [InlineData("agents/{ana}/state", "self supervisor auditor service")]
    [InlineData("agents/{ana}/readers", "self auditor")]
    [InlineData("agents/{ana}/disputes", "self supervisor auditor service")]
    [InlineData("disputes", "supervisor auditor")]
    [InlineData("agents/{ana}/diff?from=2026-01-05T08:00:00Z", "self supervisor auditor service")]
    public async Task A_query_is_for_everybody_and_the_audit_of_an_agent_not_for_other_agents(string path, string allowed)
    {
        var may = allowed.Split(' ').Append("administrator").ToArray();
        var ana = await service.AgentAsync();
        foreach (var who in Everybody)
        {
            var actor = who switch
            {
                "self" => "agent:" + ana,
                "other" => "agent:someone-else",
                _ => who + ":" + who,
            };
            var answer = await _client.GetAsync(path.Replace("{ana}", ana, StringComparison.Ordinal), actor);
            if (may.Contains(who))
                Assert.Equal(200, answer.Status);
            else
                Expect.Problem(answer, 403, "forbidden");
        }
    }

    [Theory]
    [InlineData("ana")]
    [InlineData("agent:")]
    [InlineData(":ana")]
    [InlineData("boss:ana")]
    [InlineData("system:presence-ledger")]
    [InlineData("agent:a%01b")]
    [InlineData("0:ana")]
    public async Task An_actor_that_is_none_is_unauthorized(string actor) =>
        Expect.Problem(await _client.GetAsync("agents", actor), 401, "unauthorized");

    [Fact]
    public async Task Two_actors_at_once_are_none()
    {
        var answer = await _client.GetAsync("agents", "agent:ana", ("X-Actor", "administrator:root"));
        Expect.Problem(answer, 401, "unauthorized");
    }

    [Fact]
    public async Task Who_does_not_say_is_a_service_of_this_machine()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("PUT", $"agents/{ana}/conversations/c1", new { }, null);
        var entry = (await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        Assert.Equal("""{"kind":"service","id":"local"}""", entry.GetProperty("actor").GetRawText());
    }

    [Fact]
    public async Task A_supervisors_change_names_both_the_agent_and_the_supervisor()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, Supervisor);
        var stream = await service.ScalarAsync(
            "select stream || ' ' || (metadata #>> '{actor,kind}') || ':' || (metadata #>> '{actor,id}') from ledger.event"
                + " where stream = $1 order by version desc limit 1",
            "agent-" + ana
        );
        Assert.Equal($"agent-{ana} supervisor:sue", stream);
    }

    [Theory]
    [InlineData("Host", "presence.example")]
    [InlineData("Host", "127.0.0.1.example:80")]
    [InlineData("Host", "10.0.0.1")]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    [InlineData("Origin", "http://localhost.evil.example")]
    [InlineData("Origin", "file://")]
    public async Task Mode_Open_lets_no_page_of_another_place_in(string header, string value)
    {
        var before = await service.EventsAsync();
        Expect.Problem(await _client.GetAsync("agents", null, (header, value)), 403, "forbidden");
        Expect.Problem(
            await _client.PutAsync("agents/" + service.NewId("x"), new { units = 1 }, Administrator, (header, value)),
            403,
            "forbidden"
        );
        Assert.Equal(before, await service.EventsAsync());
    }

    [Theory]
    [InlineData("Host", "localhost:1234")]
    [InlineData("Host", "[::1]:80")]
    [InlineData("Origin", "http://localhost:3000")]
    [InlineData("Origin", "http://127.0.0.1:9")]
    [InlineData("Origin", "http://[::1]:9")]
    public async Task Mode_Open_lets_pages_of_this_machine_in(string header, string value) =>
        Assert.Equal(200, (await _client.GetAsync("agents", null, (header, value))).Status);

    [Theory]
    [InlineData("/API/v1/agents")]
    [InlineData("/Api/V1/statuses")]
    public async Task The_case_of_a_path_opens_no_way_around(string path) =>
        Expect.Problem(await _client.GetAsync(path, null, ("Host", "presence.example")), 403, "forbidden");

    [Fact]
    public async Task Only_a_client_that_closes_may_name_the_actor_in_the_address()
    {
        var ana = await service.SignedInAsync();
        var answer = await _client.PutAsync($"agents/{ana}/conversations/closing?actor=supervisor:sue", new { });
        Expect.BadField(answer, "actor");
    }
}
