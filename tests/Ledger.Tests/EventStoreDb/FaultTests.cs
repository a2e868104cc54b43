using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.EventStoreDb;

/// <summary>What goes wrong between the ledger and an EventStoreDB, and what the ledger makes of it.</summary>
public sealed class FaultTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    private readonly List<IAsyncDisposable> _open = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _open.Reverse();
        foreach (var one in _open)
            await one.DisposeAsync();
    }

    [Fact]
    public async Task Appends_while_the_end_of_the_log_is_looked_up_are_no_sign_of_an_older_server()
    {
        var (store, log) = await StartAsync();
        await log.AppendAsync(Some.Commit("a", -1));
        store.Faults.DelayBy = TimeSpan.FromMilliseconds(300);
        store.Faults.Randomly("read", 1, seed: 1, Fault.Delay);

        // For longer than the end of the log has to be behind before that is said.
        var began = Stopwatch.GetTimestamp();
        for (var version = 0L; Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(4); version++)
            Assert.Equal(AppendVerdict.Appended, (await log.AppendAsync(Some.Commit("a", version))).Verdict);

        Assert.Null(log.Trouble);
    }

    [Fact]
    public async Task Ten_thousand_appends_with_retries_under_faults_leave_exactly_ten_thousand_events()
    {
        const int writers = 64;
        const int appends = 10_000;
        var (store, log) = await StartAsync(nodes: 3, options: "&defaultDeadline=400&gossipTimeout=400");
        store.Faults.DelayBy = TimeSpan.FromMilliseconds(20);
        store.Faults.Randomly("append", 0.005, seed: 1, [.. Enum.GetValues<Fault>().Where(f => f is not Fault.None)]);
        store.Faults.Randomly("gossip", 0.1, seed: 2, Fault.NotReady, Fault.CutBefore, Fault.Delay);
        store.Faults.Randomly("read", 0.02, seed: 3, Fault.NotLeader, Fault.CutMidAnswer, Fault.Unknown, Fault.TimeOut);
        var left = appends;
        var sent = new ConcurrentDictionary<string, ConcurrentQueue<Guid>>(StringComparer.Ordinal);

        await Task.WhenAll(
                Enumerable
                    .Range(0, writers)
                    .Select(writer =>
                        Task.Run(async () =>
                        {
                            var name = Some.Name("writer", writer);
                            for (var version = -1L; Interlocked.Decrement(ref left) >= 0; version++)
                            {
                                var commit = Some.Commit(name, version);
                                await UntilAppendedAsync(log, commit);
                                sent.GetOrAdd(name, _ => new()).Enqueue(commit.Streams[0].Events[0].EventId);
                            }
                        })
                    )
            )
            .WaitAsync(Patience);

        Assert.True(store.Faults.Injected > 30, $"only {store.Faults.Injected} faults");
        Assert.Equal(appends, store.Count);
        Assert.All(sent, s => Assert.Equal(s.Value, store.EventIds(Some.Stream(s.Key))));
    }

    [Fact]
    public async Task Of_writers_who_race_under_faults_one_wins_each_version()
    {
        const int writers = 16;
        const int versions = 60;
        var (store, log) = await StartAsync(options: "&defaultDeadline=300");
        store.Faults.Randomly(
            "append",
            0.15,
            seed: 5,
            Fault.CutAfter,
            Fault.CutBefore,
            Fault.TimeOutAfter,
            Fault.DuplicateAnswer,
            Fault.Delay
        );
        var wins = 0;

        await Task.WhenAll(
                Enumerable
                    .Range(0, writers)
                    .Select(_ =>
                        Task.Run(async () =>
                        {
                            while (true)
                            {
                                var head = await log.ReadStreamBackwardsAsync(Some.Stream("one"), long.MaxValue, 1, default);
                                var version = head.Count == 0 ? -1 : head[0].Record.Version;
                                if (version + 1 >= versions)
                                    return;
                                if (await UntilKnownAsync(log, Some.Commit("one", version)) is AppendVerdict.Appended)
                                    Interlocked.Increment(ref wins);
                            }
                        })
                    )
            )
            .WaitAsync(Patience);

        Assert.True(store.Faults.Injected > 10, $"only {store.Faults.Injected} faults");
        Assert.Equal(wins, store.Count);
        Assert.Equal(versions, store.Count);
    }

    [Theory]
    [InlineData(Fault.CutAfter)]
    [InlineData(Fault.TimeOutAfter)]
    [InlineData(Fault.DuplicateAnswer)]
    public async Task An_append_whose_answer_is_lost_or_comes_twice_is_written_once(Fault fault)
    {
        var (store, log) = await StartAsync(options: "&defaultDeadline=300");
        store.Faults.Next("append", fault);

        var result = await log.AppendAsync(Some.Commit("a", -1, count: 3)).WaitAsync(Soon);
        var next = await log.AppendAsync(Some.Commit("a", 2));

        Assert.Equal((AppendVerdict.Appended, AppendVerdict.Appended), (result.Verdict, next.Verdict));
        Assert.Equal(4, store.Count);
        Assert.Equal((await log.ReadStreamAsync(Some.Stream("a"), 2, 1, default))[0].Position, result.Position);
    }

    [Fact]
    public async Task An_append_whose_answer_is_lost_has_succeeded_also_where_others_came_after_it()
    {
        var (store, log) = await StartAsync(options: "&defaultDeadline=300");
        var (_, other) = (store, await OpenAsync(store.ConnectionString));
        await log.AppendAsync(Some.Commit("a", -1));
        store.Faults.Next("append", Fault.TimeOutAfter);

        var lost = log.AppendAsync(Some.Commit("a", 0));
        while (store.Count < 2)
            await Task.Delay(5);
        await other.AppendAsync(Some.Commit("a", 1));

        Assert.Equal(AppendVerdict.Appended, (await lost.WaitAsync(Soon)).Verdict);
        Assert.Equal(3, store.Count);
    }

    [Theory]
    [InlineData(Fault.NotLeader)]
    [InlineData(Fault.NoLeaderInfo)]
    [InlineData(Fault.NotReady)]
    [InlineData(Fault.CutBefore)]
    [InlineData(Fault.TimeOut)]
    [InlineData(Fault.Unknown)]
    [InlineData(Fault.Internal)]
    [InlineData(Fault.Unavailable)]
    [InlineData(Fault.Aborted)]
    public async Task What_may_pass_is_tried_again(Fault fault)
    {
        var (store, log) = await StartAsync(nodes: 3, options: "&defaultDeadline=300&gossipTimeout=300");
        store.Faults.Next("append", fault);
        store.Faults.Next("read", fault);
        store.Faults.Next("gossip", fault);
        store.Faults.Next("features", fault);

        var result = await log.AppendAsync(Some.Commit("a", -1)).WaitAsync(Soon);
        var read = await log.ReadStreamAsync(Some.Stream("a"), 0, 10, default).WaitAsync(Soon);

        Assert.Equal(AppendVerdict.Appended, result.Verdict);
        Assert.Single(read);
        Assert.Equal(1, store.Count);
    }

    [Fact]
    public async Task A_server_without_batches_is_appended_to_one_by_one()
    {
        var store = await FakeEventStore.StartAsync();
        _open.Add(store);
        store.SupportsBatchAppend = false;
        var log = await OpenAsync(store.ConnectionString + "&defaultDeadline=300");
        store.Faults.Next("append", Fault.CutAfter);

        var first = await log.AppendAsync(Some.Commit("a", -1, count: 2)).WaitAsync(Soon);
        var conflict = await log.AppendAsync(Some.Commit("a", 0));
        var second = await log.AppendAsync(Some.Commit("a", 1));

        Assert.Equal(
            [AppendVerdict.Appended, AppendVerdict.Conflict, AppendVerdict.Appended],
            new[] { first.Verdict, conflict.Verdict, second.Verdict }
        );
        Assert.Equal(3, store.Count);
        Assert.Equal((await log.ReadStreamAsync(Some.Stream("a"), 2, 1, default))[0].Position, second.Position);
    }

    [Fact]
    public async Task A_new_leader_is_found_whether_the_old_one_says_so_or_is_dead()
    {
        var (store, log) = await StartAsync(nodes: 3);
        await log.AppendAsync(Some.Commit("a", -1));

        store.Elect(1);
        Assert.Equal(AppendVerdict.Appended, (await log.AppendAsync(Some.Commit("a", 0)).WaitAsync(Soon)).Verdict);

        await store.KillAsync(1);
        store.Elect(2);
        Assert.Equal(AppendVerdict.Appended, (await log.AppendAsync(Some.Commit("a", 1)).WaitAsync(Soon)).Verdict);
        Assert.Equal(3, (await log.ReadStreamAsync(Some.Stream("a"), 0, 10, default).WaitAsync(Soon)).Count);
    }

    [Fact]
    public async Task A_leader_that_is_dead_is_not_gone_to_though_another_node_names_it()
    {
        var (store, log) = await StartAsync(nodes: 3);
        await log.AppendAsync(Some.Commit("a", -1));
        await store.KillAsync(0);

        var waiting = log.AppendAsync(Some.Commit("a", 0));
        await Assert.ThrowsAsync<TimeoutException>(() => waiting.WaitAsync(TimeSpan.FromMilliseconds(300)));
        store.Elect(2);

        Assert.Equal(AppendVerdict.Appended, (await waiting.WaitAsync(Soon)).Verdict);
        Assert.Equal(2, store.Count);
    }

    [Fact]
    public async Task A_leader_that_is_frozen_for_good_is_left_for_the_new_one()
    {
        var (store, log) = await StartAsync(nodes: 3, options: "&defaultDeadline=1000&gossipTimeout=500");
        await log.AppendAsync(Some.Commit("a", -1));
        store.Freeze(0);
        var waiting = Enumerable.Range(0, 50).Select(n => log.AppendAsync(Some.Commit(Some.Name("s", n), -1))).ToArray();
        var reading = log.ReadStreamAsync(Some.Stream("a"), 0, 10, default);
        await Assert.ThrowsAsync<TimeoutException>(() => waiting[0].WaitAsync(TimeSpan.FromMilliseconds(1200)));
        store.Elect(1);

        Assert.All(await Task.WhenAll(waiting).WaitAsync(Soon), result => Assert.Equal(AppendVerdict.Appended, result.Verdict));
        Assert.Single(await reading.WaitAsync(Soon));
        Assert.Equal(51, store.Count);
    }

    [Fact]
    public async Task Without_a_leader_for_long_the_caller_is_told_and_that_the_outcome_is_unknown()
    {
        var (store, log) = await StartAsync(options: "&defaultDeadline=500");
        store.Faults.Next("append", Fault.TimeOutAfter);
        var commit = Some.Commit("a", -1);
        var appending = log.AppendAsync(commit);
        while (store.Count < 1)
            await Task.Delay(5);
        await store.KillAsync(0);

        var e = await Assert.ThrowsAsync<LedgerUnavailableException>(() => appending.WaitAsync(EventStoreDbLog.Patience + Soon));

        Assert.True(e.OutcomeUnknown);
        await store.RestartAsync(0);
        Assert.Equal(AppendVerdict.Appended, await UntilKnownAsync(log, commit));
        Assert.Equal(1, store.Count);
    }

    [Fact]
    public async Task A_subscription_that_breaks_again_and_again_brings_every_event_once()
    {
        const int events = 600;
        var (store, log) = await StartAsync(nodes: 3, options: "&defaultDeadline=500&discoveryInterval=10");
        store.Faults.Randomly(
            "subscribe",
            0.7,
            seed: 8,
            Fault.CutMidAnswer,
            Fault.CutBefore,
            Fault.Unavailable,
            Fault.Unknown,
            Fault.NotReady
        );
        using var patience = new CancellationTokenSource(Patience);
        var following = Task.Run(() => FollowAsync(log, LogPosition.Start, events, patience.Token));

        for (var n = 0; n < events; n++)
        {
            await UntilAppendedAsync(log, Some.Commit(Some.Name("s", n % 7), (n / 7) - 1));
            // The connection that stands breaks as well; not after the last event, when nobody may follow any more.
            if (n % 30 != 20)
                continue;
            var begun = store.Subscriptions;
            await store.RestartAsync(store.Leader);
            while (store.Subscriptions < begun + 1)
                await Task.Delay(5, patience.Token);
        }

        var seen = await following;
        Assert.Equal(events, seen.Select(e => e.Record.EventId).Distinct().Count());
        Assert.Equal(seen.Select(e => e.Position).Order(), seen.Select(e => e.Position));
        Assert.All(
            seen.GroupBy(e => e.Record.Stream),
            stream => Assert.Equal(Enumerable.Range(0, stream.Count()).Select(n => (long)n), stream.Select(e => e.Record.Version))
        );
        Assert.True(store.Faults.Injected > 20, $"only {store.Faults.Injected} faults");
    }

    [Fact]
    public async Task A_subscription_on_an_empty_log_brings_what_comes_later()
    {
        var (store, log) = await StartAsync();
        using var patience = new CancellationTokenSource(Patience);
        var following = Task.Run(() => FollowAsync(log, LogPosition.Start, 3, patience.Token));
        while (store.Subscriptions < 1)
            await Task.Delay(5);
        store.Faults.Next("subscribe", Fault.None);

        await log.AppendAsync(Some.Commit("a", -1, count: 2));
        await store.RestartAsync(0);
        await UntilAppendedAsync(log, Some.Commit("a", 1));

        Assert.Equal([0L, 1, 2], (await following).Select(e => e.Record.Version));
    }

    [Fact]
    public async Task Checkpoints_move_the_position_past_what_is_not_the_ledgers()
    {
        var (store, log) = await StartAsync();
        store.CheckpointInterval = 1;
        await log.AppendAsync(Some.Commit("a", -1));
        var foreign = await OpenAsync(store.ConnectionString, prefix: "somebody-elses-");
        for (var n = -1; n < 200; n++)
            await foreign.AppendAsync(Some.Commit("b", n));
        using var patience = new CancellationTokenSource(Patience);
        var own = (await log.ReadAllAsync(LogPosition.Start, 10, default))[^1].Position;

        await foreach (var page in log.SubscribeAsync(LogPosition.Start, 10, patience.Token))
        {
            Assert.All(page.Events, e => Assert.Equal(Some.Stream("a"), e.Record.Stream));
            if (page.Position > own)
                break;
        }
    }

    [Fact]
    public async Task A_subscription_says_when_it_falls_behind_and_when_it_has_caught_up_again()
    {
        var (store, log) = await StartAsync();
        await log.AppendAsync(Some.Commit("a", -1));
        using var patience = new CancellationTokenSource(Patience);
        var said = new List<bool>();

        await foreach (var page in log.SubscribeAsync(LogPosition.Start, 10, patience.Token))
        {
            if (said.Count == 0 ? page.CaughtUp : said[^1] != page.CaughtUp)
                said.Add(page.CaughtUp);
            if (said.Count == 3)
                break;
            if (said is [true])
                store.FallBehind();
        }

        Assert.Equal([true, false, true], said);
    }

    [Fact]
    public async Task A_log_that_ends_before_the_position_is_not_followed()
    {
        var (store, log) = await StartAsync();
        await log.AppendAsync(Some.Commit("a", -1, count: 20));
        var position = (await log.ReadAllAsync(LogPosition.Start, 100, default))[^1].Position;
        store.Truncate(5);
        using var patience = new CancellationTokenSource(Patience);

        var e = await Assert.ThrowsAsync<LogEndsBeforeException>(async () =>
        {
            await foreach (var _ in log.SubscribeAsync(position, 10, patience.Token))
                Assert.Fail("it is followed");
        });

        Assert.Contains("restored to an older state", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_of_a_server_that_stands_still_can_be_cancelled()
    {
        var (store, log) = await StartAsync();
        await log.AppendAsync(Some.Commit("a", -1));
        store.Freeze(0);
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            log.ReadStreamAsync(Some.Stream("a"), 0, 10, cancelled.Token).WaitAsync(Soon)
        );
        store.Thaw(0);
    }

    [Fact]
    public async Task Events_that_are_too_large_together_are_refused_with_the_limit_and_others_are_not()
    {
        var (store, log) = await StartAsync();
        var large = Some.Append("a", -1, count: 12);
        var data = $$"""{"text":"{{new string('x', 100_000)}}"}""";
        large = large with { Events = [.. large.Events.Select(e => e with { Data = data })] };

        var e = await Assert.ThrowsAsync<LedgerUnavailableException>(() => log.AppendAsync(new Commit([large])));

        Assert.Contains("1048576", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, store.Count);
        Assert.Equal(AppendVerdict.Appended, (await log.AppendAsync(Some.Commit("a", -1))).Verdict);
    }

    [Fact]
    public async Task A_stream_that_was_deleted_is_named()
    {
        var (store, log) = await StartAsync();
        await log.AppendAsync(Some.Commit("a", -1));
        store.Tombstone(Some.Stream("a"));

        var append = await Assert.ThrowsAsync<LedgerUnavailableException>(() => log.AppendAsync(Some.Commit("a", 0)));
        var read = await Assert.ThrowsAsync<LedgerUnavailableException>(() => log.ReadStreamAsync(Some.Stream("a"), 0, 10, default));

        Assert.Contains("'agent-a' was deleted", append.Message, StringComparison.Ordinal);
        Assert.Contains("'agent-a' was deleted", read.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Over_tls_with_user_and_password_it_works_as_without()
    {
        var store = await FakeEventStore.StartAsync(nodes: 3, tls: true, user: "ledger", password: "a:b@c/d?e");
        _open.Add(store);
        var log = await OpenAsync(store.ConnectionString);

        await log.AppendAsync(Some.Commit("a", -1));

        Assert.Single(await log.ReadAllAsync(LogPosition.Start, 10, default));
    }

    [Fact]
    public async Task What_is_wrong_with_the_connection_is_said_in_plain_words()
    {
        var plain = await FakeEventStore.StartAsync();
        var secret = await FakeEventStore.StartAsync(tls: true, user: "ledger", password: "right");
        _open.Add(plain);
        _open.Add(secret);
        var (host, tlsHost) = ($"127.0.0.1:{plain.Address(0).Port}", $"127.0.0.1:{secret.Address(0).Port}");
        var authority = "&tlsCaFile=" + secret.CertificateAuthorityFile;

        string[] told = await Task.WhenAll(
            TroubleAsync("esdb://127.0.0.1:1?tls=false"),
            TroubleAsync($"esdb://{host}"),
            TroubleAsync($"esdb://{tlsHost}?tls=false"),
            TroubleAsync($"esdb://ledger:right@{tlsHost}"),
            TroubleAsync($"esdb://ledger:wrong@{tlsHost}?tls=true{authority}"),
            TroubleAsync($"esdb://{tlsHost}?tls=true{authority}")
        );

        Assert.Contains("127.0.0.1:1: Connection refused", told[0], StringComparison.Ordinal);
        Assert.Contains("does not speak TLS; where that is meant, say tls=false", told[1], StringComparison.Ordinal);
        Assert.Contains("does not speak plain HTTP/2", told[2], StringComparison.Ordinal);
        Assert.Contains("tlsCaFile names the authority", told[3], StringComparison.Ordinal);
        Assert.Contains("does not accept the password of user 'ledger'", told[4], StringComparison.Ordinal);
        Assert.Contains("user", told[5], StringComparison.Ordinal);
        Assert.All(told, t => Assert.DoesNotContain("right", t, StringComparison.Ordinal));
        Assert.All(told, t => Assert.DoesNotContain("wrong", t, StringComparison.Ordinal));
    }

    private static async Task UntilAppendedAsync(ILog log, Commit commit) =>
        Assert.Equal(AppendVerdict.Appended, await UntilKnownAsync(log, commit));

    /// <summary>Sends the same commit, with its ids and version, until its outcome is known.</summary>
    private static async Task<AppendVerdict> UntilKnownAsync(ILog log, Commit commit)
    {
        while (true)
            try
            {
                return (await log.AppendAsync(commit)).Verdict;
            }
            catch (LedgerUnavailableException)
            {
                // Once more.
            }
    }

    private static async Task<List<StoredEvent>> FollowAsync(ILog log, LogPosition after, int count, CancellationToken ct)
    {
        var seen = new List<StoredEvent>();
        await foreach (var page in log.SubscribeAsync(after, 50, ct))
        {
            seen.AddRange(page.Events);
            if (seen.Count >= count)
                break;
        }
        return seen;
    }

    /// <summary>What a service that cannot start on this is told.</summary>
    private static async Task<string> TroubleAsync(string connectionString)
    {
        using var log = Make(connectionString, "");
        return (await Assert.ThrowsAsync<LedgerUnavailableException>(() => log.StartAsync(default))).Message;
    }

    private async Task<(FakeEventStore, EventStoreDbLog)> StartAsync(int nodes = 1, string options = "")
    {
        var store = await FakeEventStore.StartAsync(nodes);
        _open.Add(store);
        return (store, await OpenAsync(store.ConnectionString + options));
    }

    private async Task<EventStoreDbLog> OpenAsync(string connectionString, string prefix = "")
    {
        var log = Make(connectionString, prefix);
        _open.Add(new Stopping(log));
        await log.StartAsync(default);
        return log;
    }

    private static EventStoreDbLog Make(string connectionString, string prefix) =>
        new(
            new EventStoreDbChoice(EventStoreDbSettings.Parse(connectionString), prefix),
            answers: null,
            TimeProvider.System,
            NullLogger<EventStoreDbLog>.Instance
        );

    private sealed class Stopping(EventStoreDbLog log) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await log.StopAsync(default);
            log.Dispose();
        }
    }
}
