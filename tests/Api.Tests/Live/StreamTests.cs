using System.Diagnostics;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.Live.StreamNodes;
using static PresenceLedger.Api.Tests.Live.TwoNodes;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>Presence as server-sent events: the snapshot, and who is told of what.</summary>
[Collection(StreamNodesCollection.Name)]
public sealed class StreamTests(StreamNodes nodes)
{
    private readonly OpenService _service = nodes.First;

    [Fact]
    public async Task A_snapshot_comes_first_of_those_who_are_asked_for()
    {
        var ana = await nodes.KnownAsync(await _service.WithConversationAsync());
        var ben = await _service.AgentAsync(new { displayName = "Ben" });
        await _service.AgentAsync();
        using var stream = await EventStreamClient.OpenAsync(_service.Url, $"agents={ben},{ana},{_service.NewId("nobody")}");
        var snapshot = await stream.NextAsync();
        Assert.Equal("snapshot", snapshot.Name);
        Assert.Equal(["position", "asOf", "more", "items"], snapshot.Data.EnumerateObject().Select(p => p.Name));
        Assert.Equal(Text(snapshot.Data, "position"), snapshot.Id);
        Assert.False(snapshot.Data.GetProperty("more").GetBoolean());

        var items = snapshot.Data.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(new[] { ana, ben }.Order(StringComparer.Ordinal), items.Select(i => Text(i, "agentId")));
        foreach (var item in items)
        {
            var presence = await _service.DoneAsync("GET", $"agents/{Text(item, "agentId")}/presence", null, null);
            Assert.Equal(Shown(presence), Shown(item));
            Assert.True(item.GetProperty("since").GetDateTimeOffset() <= snapshot.Data.GetProperty("asOf").GetDateTimeOffset());
        }
    }

    [Fact]
    public async Task A_large_snapshot_comes_in_parts_of_which_the_last_has_the_id()
    {
        var queue = _service.NewId("crowd");
        var ids = new string[201];
        await Parallel.ForAsync(
            0,
            ids.Length,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (n, _) => ids[n] = await _service.AgentAsync(new { queues = new[] { queue } })
        );
        using var stream = await EventStreamClient.OpenAsync(_service.Url, "queue=" + queue);
        var (one, two) = (await stream.NextAsync("snapshot"), await stream.NextAsync("snapshot"));
        Assert.Equal((true, false), (one.Data.GetProperty("more").GetBoolean(), two.Data.GetProperty("more").GetBoolean()));
        Assert.Null(one.Id);
        Assert.Equal(Text(one.Data, "position"), two.Id);
        Assert.Equal(Text(two.Data, "position"), two.Id);
        Assert.Equal(200, one.Data.GetProperty("items").GetArrayLength());
        Assert.Equal(ids.Order(StringComparer.Ordinal), Expect.Ids(one.Data, "agentId").Concat(Expect.Ids(two.Data, "agentId")));
    }

    [Fact]
    public async Task Each_change_comes_once_and_in_order_as_a_query_shows_it()
    {
        var ana = await _service.AgentAsync();
        using var stream = await nodes.FollowAsync("agents=" + ana);
        foreach (
            var (method, path, body, actor) in new (string, string, object?, string)[]
            {
                ("POST", "sign-in", new { connectionId = "main" }, "agent:" + ana),
                ("PUT", "presence", new { statusId = "away" }, "agent:" + ana),
                ("PUT", "presence", new { statusId = "available" }, Supervisor),
                ("PUT", "conversations/c1", new { units = 40, channel = "chat" }, Routing),
                ("POST", "conversations/c1/accept", null, "agent:" + ana),
                ("POST", "conversations/c1/close", null, "agent:" + ana),
                ("PUT", "", new { units = 50 }, Administrator),
                ("POST", "sign-out", null, "agent:" + ana),
            }
        )
        {
            var version = Version(await _service.DoneAsync(method, $"agents/{ana}/{path}".TrimEnd('/'), body, actor));
            var change = await stream.NextAsync("change");
            var presence = await _service.DoneAsync("GET", $"agents/{ana}/presence?minVersion={version}", null, null);
            Assert.Equal(Shown(presence), Shown(change.Data));
        }
        using var again = await EventStreamClient.OpenAsync(_service.Url, "agents=" + ana, "0");
        var changes = await nodes.ChangesAsync(ana);
        // The registration, which nobody followed, and the eight.
        Assert.Equal(9, changes.Length);
        Assert.Equal(changes, await ReadAsync(again, 9));
    }

    [Fact]
    public async Task Two_events_of_one_command_come_as_one_change()
    {
        var ana = await nodes.SignedInAsync();
        using var stream = await nodes.FollowAsync("agents=" + ana);
        await _service.DoneAsync("PUT", $"agents/{ana}/conversations/c1", new { units = 40 }, Routing);
        var accepted = await _service.DoneAsync("POST", $"agents/{ana}/conversations/c1/accept", null, "agent:" + ana);
        Assert.Equal(2, accepted.GetProperty("events").GetArrayLength());
        var closed = await _service.DoneAsync("POST", $"agents/{ana}/conversations/c1/release", null, "agent:" + ana);

        var assignment = await stream.NextAsync("change");
        Assert.Equal(("conversation-assigned", "available"), (Text(assignment.Data, "type"), Text(assignment.Data, "statusId")));
        var acceptance = await stream.NextAsync("change");
        Assert.Equal(("presence-changed", "busy"), (Text(acceptance.Data, "type"), Text(acceptance.Data, "statusId")));
        Assert.Equal(Version(accepted), Version(acceptance.Data));
        Assert.Equal(40, acceptance.Data.GetProperty("capacity").GetProperty("units").GetProperty("used").GetInt32());
        Assert.Equal(Version(closed), Version((await stream.NextAsync("change")).Data));
    }

    [Fact]
    public async Task A_transfer_shows_both_agents()
    {
        var (ana, ben) = (await nodes.KnownAsync(await _service.WithConversationAsync()), await nodes.SignedInAsync());
        using var stream = await nodes.FollowAsync($"agents={ana},{ben}");
        await _service.DoneAsync("POST", $"agents/{ana}/conversations/c1/transfer", new { toAgentId = ben }, "agent:" + ana);
        var changes = new[] { (await stream.NextAsync("change")).Data, (await stream.NextAsync("change")).Data };
        var conversations = changes.ToDictionary(c => Text(c, "agentId"), c => c.GetProperty("conversations").GetArrayLength());
        Assert.Equal((0, 1), (conversations[ana], conversations[ben]));
    }

    [Fact]
    public async Task Who_follows_a_queue_sees_who_comes_and_who_leaves()
    {
        var (left, joined) = (_service.NewId("left"), _service.NewId("joined"));
        var ana = await nodes.SignedInAsync(new { queues = new[] { left } });
        var ben = await nodes.SignedInAsync(new { queues = new[] { left } });
        using var ofLeft = await EventStreamClient.OpenAsync(_service.Url, "queue=" + left);
        using var ofJoined = await EventStreamClient.OpenAsync(_service.Url, "queue=" + joined);
        Assert.Equal(2, (await ofLeft.SnapshotAsync()).Count);
        Assert.Empty(await ofJoined.SnapshotAsync());

        var moved = Version(await _service.DoneAsync("PUT", "agents/" + ana, new { queues = new[] { joined } }, Administrator));
        var away = await nodes.SetAsync(ana, "away");
        var bens = await nodes.SetAsync(ben, "away");
        Assert.Equal((ana, moved), Who(await ofLeft.NextAsync("change")));
        Assert.Equal((ben, bens), Who(await ofLeft.NextAsync("change")));
        Assert.Equal((ana, moved), Who(await ofJoined.NextAsync("change")));
        Assert.Equal((ana, away), Who(await ofJoined.NextAsync("change")));
    }

    [Fact]
    public async Task Who_follows_one_agent_hears_of_no_other_though_it_be_unknown_as_yet()
    {
        var (ana, ben) = (_service.NewId("new"), await nodes.SignedInAsync());
        using var stream = await EventStreamClient.OpenAsync(_service.Url, "agents=" + ana);
        Assert.Empty(await stream.SnapshotAsync());
        await nodes.SetAsync(ben, "away");
        await _service.DoneAsync("PUT", "agents/" + ana, new { units = 1 }, Administrator);
        await nodes.SetOnSecondAsync(ben, "busy");
        await _service.DoneAsync("PUT", "agents/" + ana, new { units = 2 }, Administrator);
        Assert.Equal((ana, 0), Who(await stream.NextAsync("change")));
        Assert.Equal((ana, 1), Who(await stream.NextAsync("change")));
    }

    [Fact]
    public async Task What_is_done_on_one_node_is_pushed_by_every_node_in_the_same_order()
    {
        var ana = await nodes.SignedInAsync();
        using var first = await nodes.FollowAsync("agents=" + ana);
        using var second = await EventStreamClient.OpenAsync(nodes.SecondUrl, "agents=" + ana);
        await second.SnapshotAsync();
        foreach (var status in new[] { "away", "busy", "available" })
        {
            await nodes.SetAsync(ana, status);
            await nodes.SetOnSecondAsync(ana, "do-not-disturb");
        }
        var changes = (await nodes.ChangesAsync(ana))[^6..];
        Assert.Equal(changes, await ReadAsync(first, 6));
        Assert.Equal(changes, await ReadAsync(second, 6));
    }

    [Fact]
    public async Task Heartbeats_come_at_their_times_whether_there_are_changes_or_not()
    {
        var ana = await nodes.SignedInAsync();
        var began = Stopwatch.GetTimestamp();
        using var stream = await nodes.FollowAsync("agents=" + ana);
        using var enough = new CancellationTokenSource();
        var changing = Task.Run(async () =>
        {
            for (var n = 0; !enough.IsCancellationRequested; n++)
                await nodes.SetAsync(ana, n % 2 == 0 ? "away" : "available");
        });
        var (beats, changes) = (0, 0);
        while (beats < 4)
        {
            var next = await stream.NextAsync();
            if (next.Name == "heartbeat")
            {
                Assert.Equal(("{}", null), (next.Data.GetRawText(), next.Id));
                beats++;
            }
            else
                changes++;
        }
        await enough.CancelAsync();
        await changing;
        Assert.True(Stopwatch.GetElapsedTime(began) >= TimeSpan.FromSeconds(2), "heartbeats came too often");
        Assert.True(changes > 0, "nothing changed meanwhile");
    }

    [Fact]
    public async Task Heartbeats_follow_the_policy_as_it_changes()
    {
        using var stream = await nodes.FollowAsync("agents=nobody");
        try
        {
            await _service.DoneAsync("PUT", "policy", new { heartbeatSeconds = 0.1 }, Administrator);
            await stream.NextAsync("heartbeat");
            var began = Stopwatch.GetTimestamp();
            for (var beats = 0; beats < 60; beats++)
                await stream.NextAsync("heartbeat");
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(29), "heartbeats came as seldom as before");
        }
        finally
        {
            await _service.DoneAsync("PUT", "policy", new { heartbeatSeconds = 0.5 }, Administrator);
        }
    }

    [Fact]
    public async Task Streams_do_not_use_up_the_requests_that_are_served_at_once()
    {
        var ana = await nodes.SignedInAsync();
        var streams = new List<EventStreamClient>();
        try
        {
            for (var n = 0; n < 40; n++)
                streams.Add(await EventStreamClient.OpenAsync(nodes.SecondUrl, "agents=" + ana));
            await Task.WhenAll(streams.Select(s => s.SnapshotAsync()));
            var version = await nodes.SetOnSecondAsync(ana, "away");
            foreach (var stream in streams)
                Assert.Equal((ana, version), Who(await stream.NextAsync("change")));
        }
        finally
        {
            streams.ForEach(s => s.Dispose());
        }
    }

    public static TheoryData<string, string> BadQueries =>
        new()
        {
            { "agents=", "agents" },
            { "agents=,", "agents" },
            { "agents=ana,a%01b", "agents" },
            { "agents=" + string.Join(',', Enumerable.Range(0, 1001)), "agents" },
            { "queue=", "queue" },
            { "queue=a%01b", "queue" },
            { "agents=ana&queue=" + new string('q', 201), "queue" },
        };

    [Theory]
    [MemberData(nameof(BadQueries))]
    public async Task A_bad_query_is_refused(string query, string field) =>
        Expect.BadField(await _service.Client.GetAsync("stream?" + query), field);

    [Fact]
    public async Task The_actor_may_stand_in_the_query_and_is_looked_at()
    {
        Expect.Problem(await _service.Client.GetAsync("stream?actor=root"), 401, "unauthorized");
        using var stream = await EventStreamClient.OpenAsync(_service.Url, "actor=" + Auditor + "&agents=nobody");
        Assert.Empty(await stream.SnapshotAsync());
    }

    private static (string AgentId, long Version) Who(StreamEvent change) => (Text(change.Data, "agentId"), Version(change.Data));
}
