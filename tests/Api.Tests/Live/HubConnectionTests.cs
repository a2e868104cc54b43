using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.Live.TwoNodes;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>How long a connection of the hub lives, and what becomes of one that closes, breaks, lies, or loses its node.</summary>
[Collection(HubNodesCollection.Name)]
public sealed class HubConnectionTests(HubNodes nodes)
{
    private readonly OpenService _service = nodes.First;

    [Fact]
    public async Task Heartbeats_keep_a_connection_and_an_open_socket_does_not()
    {
        var (ana, ben) = (await _service.AgentAsync(), await _service.AgentAsync());
        await using var beating = await nodes.ConnectAsync(ana);
        await beating.SignInAsync();

        await using var silent = await nodes.ConnectAsync(ben, beats: false);
        await silent.SignInAsync(new { connectionId = "main" });
        await silent.SetPresenceAsync(new { statusId = "away" });
        while (Text(await silent.ChangeAsync(), "statusId") != "offline") { }
        Assert.Equal(("connection-lost", "heartbeat"), Loss((await nodes.TimelineAsync(ben))[^2]));
        // Where the other node found the loss, this one knows of it from the next flush on.
        for (var beats = 0; (await silent.HeartbeatAsync()).Code != "connection-unknown"; beats++)
        {
            Assert.True(beats < 20, "a lost connection is taken for alive");
            await silent.AskedAsync();
        }

        // It comes back in time: what stood is restored (CON-4).
        Assert.Equal("away", Text((await silent.SignInAsync(new { connectionId = "main" })).Presence, "statusId"));
        Assert.Null((await silent.HeartbeatAsync()).Code);

        Assert.Null((await beating.HeartbeatAsync()).Code);
        Assert.DoesNotContain("connection-lost", await nodes.TypesAsync(ana));
    }

    [Fact]
    public async Task Who_closes_is_lost_after_the_refresh_grace()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        await client.SignInAsync();
        using var stream = await nodes.FollowAsync(ana);
        Assert.Equal("available", Text((await client.CloseAsync()).Presence, "statusId"));
        Assert.Equal("connection-unknown", (await client.HeartbeatAsync()).Code);
        await AssertLostAsync(ana, stream, "agent");
    }

    [Fact]
    public async Task A_connection_that_breaks_is_lost_after_the_refresh_grace()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        await client.SignInAsync();
        using var stream = await nodes.FollowAsync(ana);
        client.Break();
        await AssertLostAsync(ana, stream, "system");
    }

    [Fact]
    public async Task Who_comes_back_within_the_grace_on_whichever_node_is_not_lost()
    {
        var (ana, ben, cleo) = (await _service.AgentAsync(), await _service.AgentAsync(), await _service.AgentAsync());
        await using var anas = await nodes.ConnectAsync(ana);
        await anas.SignInAsync(new { connectionId = "main" });
        await using var bens = await nodes.ConnectAsync(ben);
        await bens.SignInAsync(new { connectionId = "main" });
        await using var cleos = await nodes.ConnectAsync(cleo);
        await cleos.SignInAsync(new { connectionId = "main" });

        await using var anasSecond = await nodes.ConnectAsync(ana, nodes.SecondUrl);
        await using var bensSecond = await nodes.ConnectAsync(ben, nodes.SecondUrl);

        // Ana breaks and comes back; Ben is on the other node before this one notices that he left; Cleo closes, and stays.
        anas.Break();
        await anasSecond.SignInAsync(new { connectionId = "main" });
        await bensSecond.SignInAsync(new { connectionId = "main" });
        bens.Break();
        await cleos.CloseAsync();
        await cleos.SignInAsync(new { connectionId = "main" });

        // Longer than any doubt and grace, by the clock of the heartbeats.
        for (var beats = 0; beats * HubNodes.HeartbeatSeconds < HubNodes.RefreshGrace + 1.5; beats++)
        {
            await Task.WhenAll(anasSecond.AskedAsync(), bensSecond.AskedAsync(), cleos.AskedAsync());
        }
        Assert.DoesNotContain("connection-lost", await nodes.TypesAsync(ana));
        Assert.DoesNotContain("connection-lost", await nodes.TypesAsync(cleo));
        Assert.Equal(["agent-registered", "agent-signed-in", "presence-changed"], await nodes.TypesAsync(ben));
    }

    [Fact]
    public async Task A_service_that_stops_closes_no_connection_of_an_agent()
    {
        var agents = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => _service.AgentAsync()));
        await using var node = await _service.StartAnotherAsync();
        var clients = await Task.WhenAll(agents.Select(id => nodes.ConnectAsync(id, node.Url)));
        try
        {
            await Task.WhenAll(clients.Select(c => c.SignInAsync(new { connectionId = "main" })));
            Assert.Equal(0, await node.StopAsync("TERM"));
            await Task.WhenAll(clients.Select(c => c.Closed));
            Assert.DoesNotContain("fail:", node.Output, StringComparison.Ordinal);
            foreach (var id in agents)
            {
                await using var again = await nodes.ConnectAsync(id);
                Assert.Equal("available", Text((await again.SignInAsync(new { connectionId = "main" })).Presence, "statusId"));
                Assert.DoesNotContain("connection-closing", await nodes.TypesAsync(id));
            }
            // That it is gone gives every connection a full timeout (CON-8), those of the next test too, until the others have noticed.
            await using var two = _service.Database.CreateCommand("select count(*) = 2 from ledger.node");
            while (await two.ExecuteScalarAsync() is not true)
                await Task.Delay(50);
        }
        finally
        {
            foreach (var client in clients)
                await client.DisposeAsync();
        }
    }

    public static TheoryData<string, string> Lies =>
        new()
        {
            { "no handshake", "{\"type\":1}\u001e" },
            { "no JSON", "{\"protocol\":\"json\",\"version\":1}\u001e{{{{\u001e" },
            { "no message of the protocol", "{\"protocol\":\"json\",\"version\":1}\u001e[1,2,3]\u001e" },
            {
                "a message that is too large",
                "{\"protocol\":\"json\",\"version\":1}\u001e{\"type\":1,\"target\":\"SignIn\",\"arguments\":[{\"client\":\""
                    + new string('x', 100_000)
                    + "\"}]}\u001e"
            },
        };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Who_does_not_speak_the_protocol_is_left_and_nobody_else(string what, string said)
    {
        Assert.NotEmpty(what);
        var ana = await _service.AgentAsync();
        await using var other = await nodes.ConnectAsync(ana, nodes.SecondUrl);
        await other.SignInAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var liar = new ClientWebSocket();
        liar.Options.SetRequestHeader("X-Actor", "agent:" + ana);
        await liar.ConnectAsync(new UriBuilder(nodes.SecondUrl) { Scheme = "ws", Path = "/hubs/presence" }.Uri, patience.Token);
        await liar.SendAsync(Encoding.UTF8.GetBytes(said), WebSocketMessageType.Text, true, patience.Token);
        await EndAsync(liar, patience.Token);
        Assert.NotEqual(WebSocketState.Open, liar.State);
        Assert.Null((await other.HeartbeatAsync()).Code);
    }

    [Fact]
    public async Task A_call_that_there_is_not_is_an_error_of_the_call_alone()
    {
        var ana = await _service.AgentAsync();
        await using var client = await nodes.ConnectAsync(ana);
        await client.SignInAsync();
        foreach (
            var (method, arguments) in new (string, object?[])[]
            {
                ("Promote", []),
                ("Heartbeat", [1]),
                ("SetPresence", [42]),
                ("SignIn", []),
            }
        )
        {
            var answer = await client.CallAsync(method, arguments);
            Assert.Equal("validation", answer.Code);
            Assert.True(answer.Problem!.Value.GetProperty("errors").TryGetProperty(method, out _));
        }
        Assert.Null((await client.HeartbeatAsync()).Code);
    }

    /// <summary>Reads until the server has closed the socket.</summary>
    private static async Task EndAsync(ClientWebSocket socket, CancellationToken ct)
    {
        var buffer = new byte[4096];
        try
        {
            while ((await socket.ReceiveAsync(buffer, ct)).MessageType is not WebSocketMessageType.Close) { }
        }
        catch (WebSocketException)
        {
            // It was broken off.
        }
    }

    private async Task AssertLostAsync(string agentId, EventStreamClient stream, string closedBy)
    {
        while (Text((await stream.NextAsync("change")).Data, "statusId") != "offline") { }
        var events = (await nodes.TimelineAsync(agentId))[^3..];
        Assert.Equal("connection-closing", Text(events[0], "type"));
        Assert.Equal(closedBy, Text(events[0].GetProperty("actor"), "kind"));
        Assert.Equal(("connection-lost", "closed"), Loss(events[1]));
        var grace = events[1].GetProperty("occurredAt").GetDateTimeOffset() - events[0].GetProperty("occurredAt").GetDateTimeOffset();
        Assert.Equal(HubNodes.RefreshGrace, grace.TotalSeconds);
    }

    private static (string, string) Loss(JsonElement e) => (Text(e, "type"), Text(e.GetProperty("data"), "cause"));
}
