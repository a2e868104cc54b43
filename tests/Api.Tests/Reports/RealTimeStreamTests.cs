using System.Text.Json;
using PresenceLedger.Api.Tests.Live;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.Live.TwoNodes;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Reports;

/// <summary>The real-time report as it is pushed, between two nodes of one database.</summary>
[Collection(StreamNodesCollection.Name)]
public sealed class RealTimeStreamTests(StreamNodes nodes)
{
    private readonly OpenService _service = nodes.First;

    private Task<EventStreamClient> FollowAsync(string query, string? last = null) =>
        EventStreamClient.OpenAtAsync(
            new Uri(_service.Url, "/api/v1/reports/real-time/agents/stream?actor=supervisor:sue&" + query),
            last,
            narrow: false
        );

    private Task<string> SignedInAsync(string queue) => nodes.SignedInAsync(new { units = 100, queues = new[] { queue } });

    /// <summary>Reads on until a message of a name holds something.</summary>
    private static async Task<JsonElement> UntilAsync(EventStreamClient stream, string name, Func<JsonElement, bool> holds)
    {
        while (true)
        {
            var next = await stream.NextAsync();
            if (next.Name == name && holds(next.Data))
                return next.Data;
        }
    }

    [Fact]
    public async Task A_change_on_another_node_is_there_within_a_second()
    {
        var queue = _service.NewId("queue");
        var (ana, ben) = (await SignedInAsync(queue), await SignedInAsync(queue));
        using var stream = await FollowAsync("queue=" + queue);
        var report = await stream.NextAsync("report");
        Assert.NotNull(report.Id);
        Assert.Equal([ana, ben], Expect.Ids(report.Data, "agentId"));
        Assert.False(report.Data.GetProperty("more").GetBoolean());

        await nodes.SetOnSecondAsync(ana, "away");
        var rows = (await stream.NextAsync("rows")).Data;
        // That ben signed in may be told once more: it was on its way when the report was read.
        var row = Assert.Single(rows.GetProperty("items").EnumerateArray(), item => Text(item, "agentId") == ana);
        Assert.Equal("away", Text(row, "statusId"));
        Assert.Empty(rows.GetProperty("gone").EnumerateArray());
        var summary = (await stream.NextAsync("summary")).Data.GetProperty("summary");
        Assert.Equal((1, 1), (summary.GetProperty("byBase").GetProperty("away").GetInt32(), summary.GetProperty("routable").GetInt32()));

        // Who comes back gets a report anew.
        using var again = await FollowAsync("queue=" + queue, stream.LastId);
        Assert.Equal("away", Text((await again.NextAsync("report")).Data.GetProperty("items")[0], "statusId"));
    }

    [Fact]
    public async Task Who_no_longer_matches_is_gone_and_who_comes_to_match_is_a_row()
    {
        var queue = _service.NewId("queue");
        var (ana, ben) = (await SignedInAsync(queue), await SignedInAsync(queue));
        using var stream = await FollowAsync($"queue={queue}&tab=online&base=available");
        Assert.Equal([ana, ben], Expect.Ids((await stream.NextAsync("report")).Data, "agentId"));
        await nodes.SetAsync(ana, "away");
        var gone = await UntilAsync(stream, "rows", data => data.GetProperty("gone").GetArrayLength() > 0);
        Assert.Equal(ana, gone.GetProperty("gone")[0].GetString());
        await nodes.SetAsync(ana, "available");
        var back = await UntilAsync(stream, "rows", data => data.GetProperty("items").GetArrayLength() > 0);
        Assert.Equal([ana], Expect.Ids(back, "agentId"));
        var fresh = await SignedInAsync(queue);
        await UntilAsync(stream, "rows", data => Expect.Ids(data, "agentId").Contains(fresh));
    }

    [Fact]
    public async Task A_conversation_that_gets_stuck_is_flagged_though_nothing_happens()
    {
        var queue = _service.NewId("queue");
        await _service.DoneAsync(
            "PUT",
            "policy",
            new
            {
                heartbeatSeconds = 0.5,
                heartbeatTimeout = 3600,
                stuckAfterSeconds = new Dictionary<string, double> { [queue] = 2 },
            },
            Administrator
        );
        var ana = await SignedInAsync(queue);
        using var stream = await FollowAsync("queue=" + queue);
        await stream.NextAsync("report");
        await _service.DoneAsync("PUT", $"agents/{ana}/conversations/c1", new { channel = queue, autoAccept = true }, Routing);
        var stuck = await UntilAsync(
            stream,
            "rows",
            data => data.GetProperty("items").EnumerateArray().Any(row => row.GetProperty("stuck").GetBoolean())
        );
        Assert.Equal("c1", stuck.GetProperty("items")[0].GetProperty("stuckConversations")[0].GetString());
        var summary = await UntilAsync(stream, "summary", _ => true);
        Assert.Equal(1, summary.GetProperty("summary").GetProperty("stuckConversations").GetInt32());
    }

    [Fact]
    public async Task A_conflict_is_pushed_with_both_rows_within_a_second_and_so_is_its_end()
    {
        var (queue, conversation) = (_service.NewId("queue"), _service.NewId("c"));
        var (ana, ben) = (await SignedInAsync(queue), await SignedInAsync(queue));
        await _service.DoneAsync("PUT", $"agents/{ana}/conversations/{conversation}", new { autoAccept = true }, Routing);
        using var stream = await FollowAsync("queue=" + queue);
        await UntilAsync(stream, "report", _ => true);

        await _service.DoneAsync("PUT", $"agents/{ben}/conversations/{conversation}", new { }, Routing);
        var rows = await UntilAsync(stream, "rows", data => InConflict(data).Count() == 2);
        Assert.Equal(new[] { ana, ben }.ToHashSet(), InConflict(rows).ToHashSet());
        var summary = await UntilAsync(stream, "summary", _ => true);
        Assert.Equal(1, summary.GetProperty("summary").GetProperty("conflicts").GetInt32());

        await _service.DoneAsync("POST", $"agents/{ana}/conversations/{conversation}/close", null, Routing);
        await UntilAsync(stream, "rows", data => Expect.Ids(data, "agentId").Contains(ben) && !InConflict(data).Any());
        await UntilAsync(stream, "summary", data => data.GetProperty("summary").GetProperty("conflicts").GetInt32() == 0);

        static IEnumerable<string> InConflict(JsonElement data) =>
            data.GetProperty("items")
                .EnumerateArray()
                .Where(row => row.GetProperty("conflicts").GetArrayLength() > 0)
                .Select(row => Text(row, "agentId")!);
    }

    [Fact]
    public async Task Agents_may_not_follow_all()
    {
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            EventStreamClient.OpenAtAsync(
                new Uri(_service.Url, "/api/v1/reports/real-time/agents/stream"),
                null,
                false,
                ("X-Actor", "agent:ana")
            )
        );
        Assert.Contains("403", refused.Message, StringComparison.Ordinal);
    }
}
