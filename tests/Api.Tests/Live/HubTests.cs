using System.Globalization;
using System.Text.Json;
using static PresenceLedger.Api.Tests.Live.TwoNodes;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>One SignalR connection as one connection of one agent: what may be called, and what is pushed.</summary>
[Collection(HubNodesCollection.Name)]
public sealed class HubTests(HubNodes nodes)
{
    private readonly OpenService _service = nodes.First;

    [Fact]
    public async Task Signing_in_answers_the_presence_and_what_it_takes_to_stay()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        var presence = (await client.SignInAsync(new { client = "tests" })).Presence;
        Assert.Equal(
            (ana, "available", true),
            (Text(presence, "agentId"), Text(presence, "statusId"), presence.GetProperty("signedIn").GetBoolean())
        );
        Assert.Equal(HubNodes.HeartbeatSeconds, presence.GetProperty("heartbeatSeconds").GetDouble());
        Assert.Equal(HubNodes.HeartbeatTimeout, presence.GetProperty("heartbeatTimeoutSeconds").GetDouble());
        var connectionId = Text(presence, "connectionId");
        Assert.Matches("^[0-9a-f]{32}$", connectionId);

        var entry = (await nodes.TimelineAsync(ana))[1];
        Assert.Equal(("agent-signed-in", connectionId), (Text(entry, "type"), Text(entry, "connectionId")));
        Assert.Equal("tests", Text(entry.GetProperty("data"), "client"));
        Assert.Equal($$"""{"kind":"agent","id":"{{ana}}"}""", entry.GetProperty("actor").GetRawText());
        // That the agent was registered a moment ago may be told too.
        var told = Version(await client.ChangeAsync());
        while (told < Version(presence))
            told = Version(await client.ChangeAsync());
        Assert.Equal(Version(presence), told);
    }

    [Fact]
    public async Task Changes_over_any_way_and_node_are_pushed_once_and_in_order()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        var versions = new List<long> { Version((await client.SignInAsync()).Presence) };
        for (var round = 0; round < 3; round++)
        {
            versions.Add(await nodes.SetAsync(ana, "away"));
            versions.Add(await nodes.SetOnSecondAsync(ana, "do-not-disturb"));
            versions.Add(Version((await client.SetPresenceAsync(new { statusId = "busy" })).Presence));
        }
        var pushed = new List<JsonElement>();
        foreach (var _ in versions)
            pushed.Add(await client.ChangeAsync());
        Assert.Equal(versions, pushed.Select(Version));
        var timeline = (await nodes.TimelineAsync(ana)).ToDictionary(Version);
        foreach (var change in pushed)
        foreach (var member in new[] { "position", "type", "occurredAt" })
            Assert.Equal(Text(timeline[Version(change)], member), Text(change, member));
        Assert.Equal("busy", Text(pushed[^1], "statusId"));
    }

    [Fact]
    public async Task The_presence_is_set_or_it_is_said_why_not()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        var version = Version((await client.SignInAsync()).Presence);
        var away = (
            await client.SetPresenceAsync(
                new
                {
                    statusId = "away",
                    reason = new { code = "lunch" },
                    ifMatch = version,
                }
            )
        ).Presence;
        Assert.Equal("away", Text(away, "statusId"));
        Assert.Equal("lunch", Text((await nodes.TimelineAsync(ana))[^1].GetProperty("reason"), "code"));

        var until = DateTimeOffset.UtcNow.AddHours(1).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        away = (await client.SetPresenceAsync(new { statusId = "away", until })).Presence;
        Assert.Equal(until, Text(away, "until"));
        AssertBad(await client.SetPresenceAsync(new { statusId = "away", until = "2026-01-05T08:00:00.000Z" }), "until");

        Assert.Equal("version-conflict", (await client.SetPresenceAsync(new { statusId = "busy", ifMatch = version })).Code);
        var unknown = await client.SetPresenceAsync(new { statusId = "nowhere" });
        Assert.Equal(("status-unknown", 409), (unknown.Code, unknown.Problem!.Value.GetProperty("status").GetInt32()));
        foreach (var (message, field) in new (object, string)[] { (new { }, "statusId"), (new { statusId = "a\u0001b" }, "statusId") })
            AssertBad(await client.SetPresenceAsync(message), field);
        AssertBad(await client.CallAsync("SetPresence", [null]), "statusId");
        Assert.Equal(Version(away), Version((await nodes.TimelineAsync(ana))[^1]));
    }

    [Fact]
    public async Task Who_has_not_signed_in_is_told_to()
    {
        var ana = await _service.SignedInAsync();
        await using var client = await nodes.ConnectAsync(ana);
        Assert.Equal("connection-unknown", (await client.HeartbeatAsync()).Code);
        Assert.Equal("connection-unknown", (await client.SetPresenceAsync(new { statusId = "away" })).Code);
        Assert.Equal("connection-unknown", (await client.CloseAsync()).Code);
        Assert.DoesNotContain("connection-closing", await nodes.TypesAsync(ana));
    }

    [Fact]
    public async Task An_agent_signs_in_itself_and_nobody_else()
    {
        var (ana, ben) = (await _service.AgentAsync(), await _service.AgentAsync());
        await using var client = await nodes.ConnectAsync(ana);
        Assert.Equal("forbidden", (await client.SignInAsync(new { agentId = ben })).Code);
        Assert.Equal("connection-unknown", (await client.HeartbeatAsync()).Code);
        Assert.Equal(ana, Text((await client.SignInAsync(new { agentId = ana })).Presence, "agentId"));
        Assert.Equal(ana, Text(await client.ChangeAsync(), "agentId"));
        Assert.Equal(["agent-registered"], await nodes.TypesAsync(ben));
    }

    [Fact]
    public async Task A_supervisor_is_no_agent_who_could_sign_in()
    {
        var ana = await _service.AgentAsync();
        await using var client = await HubClient.ConnectAsync(_service.Url, actor: OpenService.Supervisor);
        Assert.Equal("forbidden", (await client.SignInAsync(new { agentId = ana })).Code);
        AssertBad(await client.SignInAsync(), "agentId");
        Assert.Equal(["agent-registered"], await nodes.TypesAsync(ana));
    }

    [Fact]
    public async Task A_call_that_cannot_be_read_is_answered_with_a_problem()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        object?[][] wrong =
        [
            ["ana"],
            [5],
            [new { agentId = 5 }],
            [new { statusId = "away", more = 1 }],
            [new { reason = "x" }],
            [],
            [null, null],
        ];
        foreach (var arguments in wrong)
            AssertBad(await client.CallAsync("SignIn", arguments), "SignIn");
        AssertBad(await client.CallAsync("Heartbeat", [1]), "Heartbeat");
        AssertBad(await client.CallAsync("Explode", []), "Explode");
        Assert.Equal(ana, Text((await client.SignInAsync(new { agentId = ana })).Presence, "agentId"));
    }

    [Fact]
    public async Task Bad_input_is_refused_by_field_and_an_unknown_agent_is_said_so()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        AssertBad(await client.SignInAsync(new { agentId = "a\u0001b" }), "agentId");
        AssertBad(await client.SignInAsync(new { connectionId = "" }), "connectionId");
        AssertBad(await client.SignInAsync(new { client = new string('c', 1000) }), "client");
        await using var nobody = await nodes.ConnectAsync(_service.NewId("nobody"));
        Assert.Equal("agent-unknown", (await nobody.SignInAsync()).Code);
        Assert.Equal("connection-unknown", (await nobody.HeartbeatAsync()).Code);
    }

    [Fact]
    public async Task One_SignalR_connection_is_one_connection()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        var first = (await client.SignInAsync(new { connectionId = "tab-1" })).Presence;
        AssertBad(await client.SignInAsync(new { connectionId = "tab-2" }), "connectionId");
        Assert.Equal(Version(first), Version((await client.SignInAsync(new { connectionId = "tab-1" })).Presence));
        Assert.Equal("tab-1", Text((await client.SignInAsync()).Presence, "connectionId"));
        Assert.Equal(Version(first), Version(await client.ChangeAsync()));
        await client.SetPresenceAsync(new { statusId = "away" });
        // Each is pushed once, however often it signed in.
        Assert.Equal("away", Text(await client.ChangeAsync(), "statusId"));
        await client.SetPresenceAsync(new { statusId = "busy" });
        Assert.Equal("busy", Text(await client.ChangeAsync(), "statusId"));
    }

    [Fact]
    public async Task The_actor_may_stand_in_the_query()
    {
        var ana = await _service.AgentAsync();
        await using var client = await HubClient.ConnectAsync(_service.Url, "?actor=agent:" + ana);
        Assert.Equal(ana, Text((await client.SignInAsync()).Presence, "agentId"));
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => HubClient.ConnectAsync(_service.Url, "?actor=nonsense"));
        Assert.Contains("401", refused.ToString(), StringComparison.Ordinal);
    }

    private static void AssertBad(HubReply reply, string field)
    {
        Assert.Equal("validation", reply.Code);
        Assert.NotEmpty(reply.Problem!.Value.GetProperty("errors").GetProperty(field)[0].GetString()!);
    }
}
