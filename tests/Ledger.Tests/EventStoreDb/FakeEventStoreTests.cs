using Grpc.Core;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.EventStoreDb;

/// <summary>The stand-in for the real server: what tests of the adapter may rely on.</summary>
public sealed class FakeEventStoreTests : IDisposable
{
    private const ulong End = ulong.MaxValue;

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(30));

    [Fact]
    public async Task An_append_is_taken_at_the_revision_of_its_stream_and_answers_with_its_last_event()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        using var batches = client.OpenBatches();

        Assert.Equal(-1, (await client.AppendAsync("a", 0, Ids(1))).Actual);
        Assert.Equal(-1, (await batches.AppendAsync("a", WireClient.StreamExists, Ids(1))).Actual);
        var first = await client.AppendAsync("a", WireClient.NoStream, Ids(3));
        var second = await batches.AppendAsync("a", 2, Ids(2));
        Assert.Equal(4, (await client.AppendAsync("a", 1, Ids(1))).Actual);
        Assert.Equal(4, (await batches.AppendAsync("a", 5, Ids(1))).Actual);

        Assert.Equal((2L, 4L), (first.Revision, second.Revision));
        var events = await client.ReadStreamAsync("a");
        Assert.Equal([first.At!.Value, second.At!.Value], events!.Where(e => e.Revision is 2 or 4).Select(e => e.Commit));
        Assert.All(events!, e => Assert.Equal(e.Commit, e.Prepare));
    }

    [Fact]
    public async Task Of_many_appends_at_one_revision_one_wins()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 32).Select(_ => Task.Run(() => client.AppendAsync("a", WireClient.NoStream, Ids(1))))
        );

        Assert.Single(answers, a => a.Revision == 0);
        Assert.Equal(31, answers.Count(a => a.Actual == 0));
        Assert.Equal(1, server.CountOf("a"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_repeated_append_at_the_same_revision_writes_nothing_and_answers_as_the_first_did(bool inBatches)
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        using var batches = client.OpenBatches();
        Func<long, IEnumerable<Guid>, string, Task<WireAnswer>> append = inBatches
            ? (expected, ids, body) => batches.AppendAsync("a", expected, ids, body)
            : (expected, ids, body) => client.AppendAsync("a", expected, ids, body);
        var ids = Ids(3);
        var first = await append(WireClient.NoStream, ids, "{}");

        Assert.Equal(first, await append(WireClient.NoStream, ids, "{}"));
        await append(2, Ids(2), "{}");
        server.ForgetRecent();
        Assert.Equal(first, await append(WireClient.NoStream, ids, """{"other":1}"""));
        Assert.Equal(1, (await append(WireClient.NoStream, ids[..2], "{}")).Revision);
        Assert.Equal(2, (await append(0, ids[1..], "{}")).Revision);

        Assert.Equal(5, server.CountOf("a"));
        Assert.All((await client.ReadStreamAsync("a"))!, e => Assert.Equal("{}", e.Data));
    }

    [Fact]
    public async Task A_repeated_append_with_a_new_event_or_another_revision_is_not_known_again()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        var ids = Ids(3);
        await client.AppendAsync("a", WireClient.NoStream, ids);

        Assert.Equal(2, (await client.AppendAsync("a", WireClient.NoStream, [.. ids, .. Ids(1)])).Actual);
        Assert.Equal(2, (await client.AppendAsync("a", 0, ids)).Actual);
        Assert.Equal(3, (await client.AppendAsync("a", 2, ids[2..])).Revision);
        Assert.Equal(1, (await client.AppendAsync("b", WireClient.NoStream, [ids[0], ids[0]])).Revision);

        Assert.Equal([.. ids, ids[2]], server.EventIds("a"));
        Assert.Equal([ids[0], ids[0]], server.EventIds("b"));
    }

    [Theory]
    [InlineData(WireClient.Any)]
    [InlineData(WireClient.StreamExists)]
    public async Task A_repeated_append_at_any_revision_is_known_until_the_server_restarts(long expected)
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        await client.AppendAsync("a", WireClient.NoStream, Ids(1));
        var ids = Ids(2);
        var first = await client.AppendAsync("a", expected, ids);

        Assert.Equal(first, await client.AppendAsync("a", expected, ids));
        Assert.Equal(2, (await client.AppendAsync("a", expected, [.. ids, .. Ids(1)])).Actual);
        await server.RestartAsync(0);
        using var again = new WireClient(server.Address(0));
        Assert.Equal(4, (await again.AppendAsync("a", expected, ids)).Revision);

        Assert.Equal(5, server.CountOf("a"));
    }

    [Fact]
    public async Task An_append_that_is_too_large_is_refused_with_the_limit()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        using var batches = client.OpenBatches();
        var body = new string('x', 100_000);

        var error = await Assert.ThrowsAsync<RpcException>(() => client.AppendAsync("a", WireClient.NoStream, Ids(12), body));
        var answer = await batches.AppendAsync("a", WireClient.NoStream, Ids(12), body);

        Assert.Equal((StatusCode.InvalidArgument, "1048576"), (error.StatusCode, error.Trailers.GetValue("maximum-append-size")));
        Assert.Equal("3 MaximumAppendSizeExceeded (event_store.client.MaximumAppendSizeExceeded)", answer.Error);
        Assert.Equal(9, (await batches.AppendAsync("a", WireClient.NoStream, Ids(10), body)).Revision);
    }

    [Fact]
    public async Task A_stream_is_read_both_ways_with_the_start_a_missing_one_is_an_answer_and_a_deleted_one_an_error()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        await client.AppendAsync("a", WireClient.NoStream, Ids(5));

        Assert.Equal([2L, 3, 4], Revisions(await client.ReadStreamAsync("a", from: 2)));
        Assert.Equal([0L, 1], Revisions(await client.ReadStreamAsync("a", count: 2)));
        Assert.Equal([2L, 1, 0], Revisions(await client.ReadStreamAsync("a", from: 2, backwards: true)));
        Assert.Equal([4L], Revisions(await client.ReadStreamAsync("a", backwards: true, count: 1)));
        Assert.Empty((await client.ReadStreamAsync("a", from: 5))!);
        Assert.Null(await client.ReadStreamAsync("b"));

        server.Tombstone("a");
        var error = await Assert.ThrowsAsync<RpcException>(() => client.ReadStreamAsync("a"));
        Assert.Equal((StatusCode.FailedPrecondition, "stream-deleted"), (error.StatusCode, error.Trailers.GetValue("exception")));
        await Assert.ThrowsAsync<RpcException>(() => client.AppendAsync("a", 4, Ids(1)));
    }

    [Fact]
    public async Task All_is_read_forwards_with_the_place_given_and_backwards_without_it()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        await client.AppendAsync("own-a", WireClient.NoStream, Ids(30));
        await client.AppendAsync("other", WireClient.NoStream, Ids(3));

        var all = await client.ReadAllAsync();
        var own = await client.ReadAllAsync(prefix: "own-");

        Assert.Contains(all, e => e.Stream.StartsWith('$'));
        Assert.Equal(33, server.Count);
        Assert.Equal(all.Where(e => e.Stream == "own-a"), own);
        Assert.Equal(all.Reverse(), await client.ReadAllAsync(backwards: true));
        var place = (all[9].Commit, all[9].Prepare);
        Assert.Equal(all.Skip(9), await client.ReadAllAsync(place));
        Assert.Equal(all.Take(9).Reverse(), await client.ReadAllAsync(place, backwards: true));
        Assert.Equal([own[^1]], await client.ReadAllAsync(backwards: true, count: 1, prefix: "own-"));
        Assert.Empty(await client.ReadAllAsync((all[^1].Commit + 1_000_000, 0)));
        await Assert.ThrowsAsync<RpcException>(() => client.ReadAllAsync((all[9].Commit + 1, 0)));
    }

    [Fact]
    public async Task A_subscription_begins_after_the_place_given_tells_how_far_it_is_and_when_it_has_caught_up_and_goes_on_live()
    {
        await using var server = await FakeEventStore.StartAsync();
        server.CheckpointInterval = 4;
        using var client = new WireClient(server.Address(0));
        await client.AppendAsync("other", WireClient.NoStream, Ids(8));
        await client.AppendAsync("own-a", WireClient.NoStream, Ids(3));
        var own = await client.ReadAllAsync(prefix: "own-");

        await using var messages = Subscribe(client, after: (own[0].Commit, own[0].Prepare), prefix: "own-");
        Assert.Equal(["Confirmation", "Event", "Event"], await KindsAsync(messages, 3));
        Assert.Equal(new WireMessage("Checkpoint", own[2].Commit, own[2].Prepare), await NextAsync(messages));
        Assert.Equal("CaughtUp", (await NextAsync(messages)).Kind);

        var live = await client.AppendAsync("own-a", 2, Ids(1));
        Assert.Equal(live.At, (await NextAsync(messages)).Event!.Commit);
        var others = await client.AppendAsync("other", 7, Ids(3));
        Assert.Equal(new WireMessage("Checkpoint", others.At!.Value, others.At.Value), await NextAsync(messages));
        Assert.Equal(1, server.Subscriptions);
    }

    [Fact]
    public async Task While_it_catches_up_a_subscription_has_checkpoints_where_its_pages_begin_with_a_prepare_place_of_0()
    {
        await using var server = await FakeEventStore.StartAsync();
        server.CheckpointInterval = 10;
        using var client = new WireClient(server.Address(0));
        await client.AppendAsync("other", WireClient.NoStream, Ids(30));
        await client.AppendAsync("own-a", WireClient.NoStream, Ids(1));
        var all = await client.ReadAllAsync();

        await using var messages = Subscribe(client, prefix: "own-");
        Assert.Equal("Confirmation", (await NextAsync(messages)).Kind);
        Assert.Equal(new WireMessage("Checkpoint"), await NextAsync(messages));
        var second = new WireMessage("Checkpoint", all[10].Commit);
        Assert.Equal(second, await NextAsync(messages));
        Assert.Equal(new WireMessage("Checkpoint", all[20].Commit), await NextAsync(messages));

        // It can be read and subscribed from.
        Assert.Equal(all[10], (await client.ReadAllAsync((second.Commit, second.Prepare)))[0]);
        await using var again = Subscribe(client, after: (second.Commit, second.Prepare));
        Assert.Equal("Confirmation", (await NextAsync(again)).Kind);
        Assert.Equal(all[10], (await NextAsync(again)).Event);
    }

    [Fact]
    public async Task Where_there_is_nothing_a_subscription_from_the_start_has_the_checkpoint_of_the_end_and_no_other_after_it()
    {
        await using var server = await FakeEventStore.StartAsync();
        server.CheckpointInterval = 4;
        using var client = new WireClient(server.Address(0));

        await using var messages = Subscribe(client, prefix: "own-");
        Assert.Equal("Confirmation", (await NextAsync(messages)).Kind);
        Assert.Equal(new WireMessage("Checkpoint", End, End), await NextAsync(messages));
        Assert.Equal("CaughtUp", (await NextAsync(messages)).Kind);
        await client.AppendAsync("own-a", WireClient.NoStream, Ids(6));
        Assert.All(await KindsAsync(messages, 6), kind => Assert.Equal("Event", kind));

        await using var fromEnd = Subscribe(client, fromEnd: true, prefix: "own-");
        Assert.Equal(["Confirmation", "CaughtUp"], await KindsAsync(fromEnd, 2));
    }

    [Fact]
    public async Task A_subscription_past_the_end_waits_and_ends_when_the_server_is_restored()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        var ids = Ids(3);
        await client.AppendAsync("a", WireClient.NoStream, ids);
        var last = (await client.ReadAllAsync(backwards: true, count: 1))[0];
        await using var before = Subscribe(client, fromEnd: true);
        Assert.Equal(["Confirmation", "CaughtUp"], await KindsAsync(before, 2));

        server.Truncate(1);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => NextAsync(before))).StatusCode);
        Assert.Equal(ids[..1], server.EventIds("a"));

        await using var past = Subscribe(client, after: (last.Commit, last.Prepare));
        Assert.Equal(["Confirmation", "CaughtUp"], await KindsAsync(past, 2));
        var answers = new List<WireAnswer>();
        for (var revision = 0; revision < 4; revision++)
            answers.Add(await client.AppendAsync("a", revision, Ids(1)));
        Assert.Equal(answers.First(a => a.At > last.Commit).At, (await NextAsync(past)).Event!.Commit);
    }

    [Fact]
    public async Task A_subscription_that_falls_behind_says_so_and_catches_up_again()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        await using var messages = Subscribe(client, fromEnd: true);
        Assert.Equal(["Confirmation", "CaughtUp"], await KindsAsync(messages, 2));

        server.FallBehind();
        Assert.Equal(["FellBehind", "CaughtUp"], await KindsAsync(messages, 2));
        await client.AppendAsync("a", WireClient.NoStream, Ids(1));
        Assert.Equal("Event", (await NextAsync(messages)).Kind);
    }

    [Fact]
    public async Task A_node_that_does_not_lead_names_the_one_that_does_where_only_the_leader_is_to_answer()
    {
        await using var server = await FakeEventStore.StartAsync(nodes: 3);
        using var client = new WireClient(server.Address(0), requiresLeader: true);
        await client.AppendAsync("a", WireClient.NoStream, Ids(1));
        using var batches = client.OpenBatches();
        using var anyNode = new WireClient(server.Address(0));

        server.Elect(2);

        Assert.Equal(2, server.Leader);
        foreach (
            var call in (Func<Task>[])
                [() => client.AppendAsync("a", 0, Ids(1)), () => client.ReadAllAsync(), () => batches.AppendAsync("a", 0, Ids(1))]
        )
        {
            var error = await Assert.ThrowsAsync<RpcException>(call);
            Assert.Equal((StatusCode.NotFound, "not-leader"), (error.StatusCode, error.Trailers.GetValue("exception")));
            Assert.Equal(
                $"127.0.0.1:{server.Address(2).Port}",
                $"{error.Trailers.GetValue("leader-endpoint-host")}:{error.Trailers.GetValue("leader-endpoint-port")}"
            );
        }
        Assert.Equal(1, (await anyNode.AppendAsync("a", 0, Ids(1))).Revision);
        Assert.Equal(2, (await anyNode.ReadStreamAsync("a"))!.Count);
    }

    [Fact]
    public async Task Gossip_tells_who_leads_and_who_is_dead_and_a_killed_node_comes_back_on_its_port()
    {
        await using var server = await FakeEventStore.StartAsync(nodes: 3);
        using var client = new WireClient(server.Address(1));
        var ports = Enumerable.Range(0, 3).Select(n => server.Address(n).Port).ToList();

        await server.KillAsync(0);
        Assert.Equal([$"{ports[0]} Leader dead", $"{ports[1]} Follower", $"{ports[2]} Follower"], await client.GossipAsync());
        using var dead = new WireClient(server.Address(0));
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => dead.GossipAsync())).StatusCode);

        server.Elect(1);
        await server.RestartAsync(0);
        Assert.Equal([$"{ports[0]} Follower", $"{ports[1]} Leader", $"{ports[2]} Follower"], await client.GossipAsync());
        // A channel that was refused waits a while before it tries again.
        using var back = new WireClient(server.Address(0));
        Assert.Equal(3, (await back.GossipAsync()).Count);
    }

    [Fact]
    public async Task A_node_that_stands_still_takes_requests_and_answers_them_when_it_goes_on()
    {
        await using var server = await FakeEventStore.StartAsync(nodes: 2);
        using var client = new WireClient(server.Address(0));
        using var other = new WireClient(server.Address(1));
        await client.GossipAsync();

        server.Freeze(0);
        var append = client.AppendAsync("a", WireClient.NoStream, Ids(1));
        var soon = DateTime.UtcNow.AddMilliseconds(300);
        var error = await Assert.ThrowsAsync<RpcException>(() => client.GossipAsync(soon));
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.Equal($"{server.Address(0).Port} Leader", (await other.GossipAsync())[0]);
        Assert.False(append.IsCompleted);
        Assert.Equal(0, server.Appends);

        server.Thaw(0);
        Assert.Equal(0, (await append.WaitAsync(_patience.Token)).Revision);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_node_that_stands_still_can_be_killed_and_what_it_had_taken_is_not_done(bool tls)
    {
        await using var server = await FakeEventStore.StartAsync(tls: tls);
        using var client = new WireClient(server.Address(0), authorityFile: server.CertificateAuthorityFile);
        await using var messages = Subscribe(client);
        await NextAsync(messages);

        server.Freeze(0);
        var append = client.AppendAsync("a", WireClient.NoStream, Ids(1));
        using var late = new WireClient(server.Address(0), authorityFile: server.CertificateAuthorityFile);
        var gossip = late.GossipAsync();
        await server.RestartAsync(0);

        await Assert.ThrowsAsync<RpcException>(() => append);
        await Assert.ThrowsAsync<RpcException>(() => gossip);
        await Assert.ThrowsAsync<RpcException>(() => KindsAsync(messages, 100));
        Assert.Equal(0, server.Count);
        using var again = new WireClient(server.Address(0), authorityFile: server.CertificateAuthorityFile);
        Assert.Equal(0, (await again.AppendAsync("a", WireClient.NoStream, Ids(1))).Revision);
        server.Freeze(0);
    }

    [Fact]
    public async Task A_connection_can_break_before_an_append_after_it_and_in_the_middle_of_an_answer()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        using var batches = client.OpenBatches();
        var ids = Ids(20);

        server.Faults.Next("append", Fault.CutBefore);
        await Assert.ThrowsAsync<RpcException>(() => client.AppendAsync("a", WireClient.NoStream, ids));
        Assert.Equal(0, server.Count);
        await Assert.ThrowsAsync<RpcException>(batches.NextAsync);

        server.Faults.Next("append", Fault.CutAfter);
        await Assert.ThrowsAsync<RpcException>(() => client.AppendAsync("a", WireClient.NoStream, ids));
        Assert.Equal(20, server.Count);
        Assert.Equal(19, (await client.AppendAsync("a", WireClient.NoStream, ids)).Revision);

        server.Faults.Next("read", Fault.CutMidAnswer);
        await Assert.ThrowsAsync<RpcException>(() => client.ReadStreamAsync("a"));
        server.Faults.Next("subscribe", Fault.CutMidAnswer);
        await using var messages = Subscribe(client, prefix: "a");
        await Assert.ThrowsAsync<RpcException>(() => KindsAsync(messages, 21));
        Assert.Equal(4, server.Faults.Injected);
        Assert.Equal(20, (await client.ReadStreamAsync("a"))!.Count);
    }

    [Fact]
    public async Task Appends_of_a_batch_go_wrong_one_by_one()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        using var batches = client.OpenBatches();

        server.Faults.Next("append", Fault.TimeOut);
        server.Faults.Next("append", Fault.TimeOutAfter);
        server.Faults.Next("append", Fault.DuplicateAnswer);
        server.Faults.Next("append", Fault.NotReady);
        await batches.SendAsync("a", WireClient.NoStream, Ids(1));
        await batches.SendAsync("b", WireClient.NoStream, Ids(1));
        var twice = await batches.SendAsync("c", WireClient.NoStream, Ids(1));
        await batches.SendAsync("d", WireClient.NoStream, Ids(1));

        Assert.Equal(twice, (await batches.NextAsync()).Correlation);
        Assert.Equal(twice, (await batches.NextAsync()).Correlation);
        Assert.Equal("0 Server Is Not Ready (google.protobuf.Empty)", (await batches.NextAsync()).Answer.Error);
        Assert.Equal(0, (await batches.AppendAsync("d", WireClient.NoStream, Ids(1))).Revision);
        Assert.Equal([0, 1, 1, 1], ((string[])["a", "b", "c", "d"]).Select(server.CountOf));
        Assert.Equal(5, server.Appends);
    }

    [Fact]
    public async Task A_server_may_have_no_appends_in_batches()
    {
        await using var server = await FakeEventStore.StartAsync();
        using var client = new WireClient(server.Address(0));
        Assert.Contains("batchappend", await client.MethodsAsync());

        server.SupportsBatchAppend = false;

        Assert.DoesNotContain("batchappend", await client.MethodsAsync());
        using var batches = client.OpenBatches();
        var error = await Assert.ThrowsAsync<RpcException>(batches.NextAsync);
        Assert.Equal(StatusCode.Unimplemented, error.StatusCode);
    }

    [Fact]
    public async Task With_tls_and_a_password_only_who_knows_both_is_let_in()
    {
        await using var server = await FakeEventStore.StartAsync(tls: true, user: "admin", password: "p@ss");
        var port = server.Address(0).Port;
        Assert.Equal($"esdb://admin:p%40ss@127.0.0.1:{port}?tls=true&tlsCaFile={server.CertificateAuthorityFile}", server.ConnectionString);
        using var client = new WireClient(server.Address(0), false, "admin:p@ss", server.CertificateAuthorityFile);
        using var nobody = new WireClient(server.Address(0), authorityFile: server.CertificateAuthorityFile);
        using var wrong = new WireClient(server.Address(0), false, "admin:pass", server.CertificateAuthorityFile);
        using var distrustful = new WireClient(server.Address(0), false, "admin:p@ss");

        Assert.Equal(0, (await client.AppendAsync("a", WireClient.NoStream, Ids(1))).Revision);

        Assert.Single(await nobody.GossipAsync());
        Assert.Equal(StatusCode.PermissionDenied, await CodeAsync(() => nobody.ReadAllAsync()));
        Assert.Equal(StatusCode.Unauthenticated, await CodeAsync(() => wrong.AppendAsync("a", 0, Ids(1))));
        Assert.Equal(StatusCode.Unauthenticated, await CodeAsync(() => wrong.GossipAsync()));
        await Assert.ThrowsAsync<RpcException>(() => distrustful.GossipAsync());
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_faults()
    {
        Assert.Equal(await RunAsync(), await RunAsync());

        static async Task<string> RunAsync()
        {
            await using var server = await FakeEventStore.StartAsync();
            using var client = new WireClient(server.Address(0));
            server.Faults.Randomly("append", 0.4, 7, Fault.Unavailable, Fault.Aborted);
            var outcomes = new List<string>();
            for (var n = 0; n < 20; n++)
                try
                {
                    await client.AppendAsync("a", WireClient.Any, Ids(1));
                    outcomes.Add("done");
                }
                catch (RpcException e)
                {
                    outcomes.Add(e.StatusCode.ToString());
                }
            Assert.Equal(outcomes.Count(o => o != "done"), server.Faults.Injected);
            Assert.InRange(server.Faults.Injected, 1, 19);
            server.Faults.None();
            await client.AppendAsync("a", WireClient.Any, Ids(1));
            return string.Join(' ', outcomes);
        }
    }

    public void Dispose() => _patience.Dispose();

    private IAsyncEnumerator<WireMessage> Subscribe(
        WireClient client,
        (ulong Commit, ulong Prepare)? after = null,
        bool fromEnd = false,
        string? prefix = null
    ) => client.SubscribeAsync(after, fromEnd, prefix, ct: _patience.Token).GetAsyncEnumerator();

    private static async Task<WireMessage> NextAsync(IAsyncEnumerator<WireMessage> messages) =>
        await messages.MoveNextAsync() ? messages.Current : throw new InvalidOperationException("The subscription ended.");

    private static async Task<List<string>> KindsAsync(IAsyncEnumerator<WireMessage> messages, int count)
    {
        var kinds = new List<string>();
        while (kinds.Count < count)
            kinds.Add((await NextAsync(messages)).Kind);
        return kinds;
    }

    private static async Task<StatusCode> CodeAsync(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(call)).StatusCode;

    private static IEnumerable<long> Revisions(IReadOnlyList<WireEvent>? events) => events!.Select(e => e.Revision);

    private static Guid[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => Guid.NewGuid())];
}
