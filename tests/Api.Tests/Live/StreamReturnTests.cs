using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.Live.StreamNodes;
using static PresenceLedger.Api.Tests.Live.TwoNodes;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>Coming back to a stream with the last id.</summary>
[Collection(StreamNodesCollection.Name)]
public sealed class StreamReturnTests(StreamNodes nodes)
{
    private readonly OpenService _service = nodes.First;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_comes_back_gets_every_change_since_once_and_no_snapshot(bool sameNode)
    {
        var ana = await nodes.SignedInAsync();
        string last;
        using (var stream = await nodes.FollowAsync("agents=" + ana))
        {
            await nodes.SetAsync(ana, "away");
            await nodes.SetAsync(ana, "busy");
            Assert.Equal((await nodes.ChangesAsync(ana))[^2..], await ReadAsync(stream, 2));
            last = stream.LastId!;
        }
        await nodes.SetAsync(ana, "available");
        await nodes.SetOnSecondAsync(ana, "away");
        await _service.DoneAsync("PUT", $"agents/{ana}/conversations/c1", new { units = 1 }, OpenService.Routing);

        using var again = await EventStreamClient.OpenAsync(sameNode ? _service.Url : nodes.SecondUrl, "agents=" + ana, last);
        var missed = await ReadAsync(again, 3);
        await nodes.SetAsync(ana, "busy");
        Assert.Equal((await nodes.ChangesAsync(ana))[^4..], missed.Concat(await ReadAsync(again, 1)));
    }

    [Fact]
    public async Task Nothing_is_left_out_or_told_twice_however_busy_it_is_when_somebody_comes_or_comes_back()
    {
        var ana = await nodes.SignedInAsync();
        using var enough = new CancellationTokenSource();
        var changing = Task.Run(async () =>
        {
            for (var n = 0; !enough.IsCancellationRequested; n++)
                await nodes.SetAsync(ana, n % 2 == 0 ? "away" : "available");
        });
        var urls = new[] { _service.Url, nodes.SecondUrl };
        for (var round = 0; round < 10; round++)
        {
            string last;
            long version;
            using (var stream = await EventStreamClient.OpenAsync(urls[round % 2], "agents=" + ana))
            {
                version = Version((await stream.SnapshotAsync())[0]);
                for (var n = 0; n < 3; n++)
                    Assert.Equal(++version, Version((await stream.NextAsync("change")).Data));
                last = stream.LastId!;
            }
            foreach (var url in urls)
            {
                using var again = await EventStreamClient.OpenAsync(url, "agents=" + ana, last);
                for (var n = 1; n <= 3; n++)
                    Assert.Equal(version + n, Version((await again.NextAsync("change")).Data));
            }
        }
        await enough.CancelAsync();
        await changing;
    }

    [Fact]
    public async Task A_node_that_was_started_since_tells_what_was_missed_from_the_log()
    {
        var queue = _service.NewId("missed");
        var ana = await nodes.SignedInAsync(new { queues = new[] { queue } });
        var ben = await nodes.SignedInAsync(new { queues = new[] { queue } });
        string last;
        using (var stream = await nodes.FollowAsync("queue=" + queue))
            last = stream.LastId!;
        await nodes.SetAsync(ana, "away");
        await nodes.SetAsync(ben, "away");
        await _service.DoneAsync("PUT", "agents/" + ana, new { queues = Array.Empty<string>() }, OpenService.Administrator);
        await nodes.SetAsync(ana, "busy");
        await nodes.SetAsync(ben, "busy");
        await using var node = await _service.StartAnotherAsync();

        using var again = await EventStreamClient.OpenAsync(node.Url, "queue=" + queue, last);
        await nodes.SetOnSecondAsync(ben, "available");
        var (anas, bens) = (await nodes.ChangesAsync(ana), await nodes.ChangesAsync(ben));
        string[] expected = [anas[^3], bens[^3], anas[^2], bens[^2], bens[^1]];
        Assert.Equal(expected, await ReadAsync(again, 5));
    }

    [Fact]
    public async Task The_beginning_is_a_place_like_any_other()
    {
        var ana = await nodes.KnownAsync(await _service.WithConversationAsync());
        await _service.DoneAsync("POST", $"agents/{ana}/conversations/c1/wrap-up", null, "agent:" + ana);
        await _service.DoneAsync("POST", $"agents/{ana}/conversations/c1/close", null, "agent:" + ana);
        await _service.DoneAsync("POST", $"agents/{ana}/sign-out", null, "agent:" + ana);
        var changes = await nodes.ChangesAsync(ana);
        foreach (var node in new[] { _service.Url, nodes.SecondUrl })
        {
            using var stream = await EventStreamClient.OpenAsync(node, "agents=" + ana, "0");
            Assert.Equal(changes, await ReadAsync(stream, changes.Length));
        }
    }

    [Theory]
    [InlineData("9223372036854775807")]
    [InlineData("0.731.12")]
    [InlineData("99.1.1")]
    public async Task An_id_that_is_none_of_this_ledger_is_a_gap_and_begins_anew(string id)
    {
        var ana = await nodes.SignedInAsync();
        using var stream = await EventStreamClient.OpenAsync(_service.Url, "agents=" + ana, id);
        var gap = await stream.NextAsync("gap");
        var snapshot = await stream.NextAsync("snapshot");
        Assert.Equal((id, snapshot.Id), (Text(gap.Data, "from"), Text(gap.Data, "to")));
        Assert.Equal([ana], Expect.Ids(snapshot.Data, "agentId"));
        var version = await nodes.SetAsync(ana, "away");
        Assert.Equal(version, Version((await stream.NextAsync("change")).Data));
    }

    [Theory]
    [InlineData("yesterday")]
    [InlineData("1.2.3.4")]
    [InlineData("-1")]
    [InlineData("1.")]
    [InlineData("99999999999999999999999")]
    public async Task An_id_that_is_no_id_is_refused(string id) =>
        Expect.BadField(await _service.Client.GetAsync("stream?agents=ana", null, ("Last-Event-ID", id)), "Last-Event-ID");
}
