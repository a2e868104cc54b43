using System.Diagnostics;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.Live.TwoNodes;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>How streams end: a reader that does not read, and a service that stops.</summary>
[Collection(StreamNodesCollection.Name)]
public sealed class StreamEndTests(StreamNodes nodes)
{
    private readonly OpenService _service = nodes.First;

    [Fact]
    public async Task A_reader_that_does_not_read_is_dropped_alone()
    {
        const int changes = 2_600;
        var (queue, agents) = await AgentsAsync();
        using var slow = await nodes.FollowAsync("queue=" + queue, narrow: true);
        using var quick = await nodes.FollowAsync("queue=" + queue);
        var reading = ReadAsync(quick, changes);
        await ChangeAsync(agents, changes);
        var all = await reading;

        var told = new List<string>();
        StreamEvent? next;
        while ((next = await slow.ReadAsync()) is { Name: not "dropped" })
            if (next.Name == "change")
                told.Add(next.Id!);
        Assert.Contains("too slow", Text(next!.Data, "reason"), StringComparison.Ordinal);
        Assert.Null(await slow.ReadAsync());
        Assert.InRange(told.Count, 2_000, changes - 1);
        Assert.Equal(all[..told.Count], told);

        // It comes back and misses nothing.
        using var again = await EventStreamClient.OpenAsync(_service.Url, "queue=" + queue, slow.LastId);
        Assert.Equal(all[told.Count..], await ReadAsync(again, changes - told.Count));
    }

    [Fact]
    public async Task A_service_that_stops_says_so_and_does_not_wait_for_who_does_not_read()
    {
        var (queue, agents) = await AgentsAsync();
        await using var node = await _service.StartAnotherAsync();
        using var reader = await EventStreamClient.OpenAsync(node.Url, "queue=" + queue);
        using var deaf = await EventStreamClient.OpenAsync(node.Url, "queue=" + queue, narrow: true);
        await reader.SnapshotAsync();
        await deaf.SnapshotAsync();
        // More than the way holds.
        await ChangeAsync(agents, 400);
        await ReadAsync(reader, 400);

        var stopped = Stopwatch.GetTimestamp();
        var stop = node.StopAsync("TERM");
        Assert.Equal("the service stops", Text((await reader.NextAsync("dropped")).Data, "reason"));
        Assert.Null(await reader.ReadAsync());
        Assert.Equal(0, await stop);
        // A client that does not read would hold it up until its host gives up.
        Assert.InRange(Stopwatch.GetElapsedTime(stopped), TimeSpan.Zero, Serving.LongestStop);
        Assert.DoesNotContain("fail:", node.Output, StringComparison.Ordinal);
    }

    private async Task<(string Queue, string[] Agents)> AgentsAsync()
    {
        var queue = _service.NewId("noisy");
        var agents = await Task.WhenAll(
            Enumerable
                .Range(0, 20)
                .Select(async _ =>
                {
                    var id = await _service.SignedInAsync(new { queues = new[] { queue }, units = 100 });
                    var work = new { units = 1, channel = new string('c', 128) };
                    await _service.DoneAsync("PUT", $"agents/{id}/conversations/c1", work, OpenService.Routing);
                    await _service.DoneAsync("POST", $"agents/{id}/conversations/c1/accept", null, "agent:" + id);
                    return await nodes.KnownAsync(id);
                })
        );
        return (queue, agents);
    }

    /// <summary>Makes so many changes, as fast as they can be made.</summary>
    private Task ChangeAsync(string[] agents, int changes) =>
        Task.WhenAll(
            agents.Select(async id =>
            {
                for (var n = 0; n < changes / agents.Length; n++)
                    await _service.DoneAsync(
                        "POST",
                        $"agents/{id}/conversations/c1/{(n % 2 == 0 ? "wait" : "resume")}",
                        null,
                        "agent:" + id
                    );
            })
        );

    private static async Task<string[]> ReadAsync(EventStreamClient stream, int count)
    {
        var ids = new string[count];
        for (var n = 0; n < count; n++)
            ids[n] = (await stream.NextAsync("change")).Id!;
        return ids;
    }
}
