using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Log;

/// <summary>What every log keeps to. The log of each test is empty at first, and nobody else's.</summary>
public abstract class LogContract : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected ShiftedClock Clock { get; } = new();

    protected ILog Log { get; private set; } = null!;

    public async Task InitializeAsync() => Log = await OpenAsync();

    public abstract Task DisposeAsync();

    protected abstract Task<ILog> OpenAsync();

    [Fact]
    public async Task A_stream_that_has_no_events_is_at_version_minus_one()
    {
        Assert.Empty(await ReadAsync("a"));
        Assert.Equal(AppendVerdict.Conflict, await AppendAsync(Some.Commit("a", 0)));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Commit("a", -1)));
        Assert.Single(await ReadAsync("a"));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(2)]
    public async Task An_append_at_another_version_than_the_streams_is_a_conflict_and_writes_nothing(long expected)
    {
        await AppendAsync(Some.Commit("a", -1, count: 2));

        Assert.Equal(AppendVerdict.Conflict, await AppendAsync(Some.Commit("a", expected)));

        Assert.Equal([0L, 1L], Versions(await ReadAsync("a")));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Commit("a", 1)));
    }

    [Fact]
    public async Task Versions_have_no_gaps()
    {
        await AppendAsync(Some.Commit("a", -1));
        await AppendAsync(Some.Commit("a", 0, count: 3));
        await AppendAsync(Some.Commit("a", 0));
        await AppendAsync(Some.Commit("a", 3, count: 2));

        Assert.Equal([0L, 1, 2, 3, 4, 5], Versions(await ReadAsync("a")));
    }

    [Theory]
    [InlineData("auth0|5f7c")]
    [InlineData("SIP/8007")]
    [InlineData("$all")]
    [InlineData("Jürgen Müller, 100%")]
    public async Task An_agent_of_any_name_has_a_stream_of_which_the_name_can_be_read(string agentId)
    {
        var stream = StreamNames.Agent(agentId);
        await AppendAsync(new Commit([new StreamAppend(stream, -1, [Some.Event(stream, 0) with { Stream = stream }])]));

        var read = Assert.Single(await Log.ReadStreamAsync(stream, 0, 10, CancellationToken.None));

        Assert.Equal(agentId, StreamNames.AgentId(read.Record.Stream));
        Assert.All(stream, c => Assert.True(char.IsAsciiLetterOrDigit(c) || "._~:@-%".Contains(c, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Events_come_back_to_the_letter()
    {
        const string data = """{ "b" : 1,"a":  [1.50, "ä\u00e4\t\u0000"] , "a":2}""";
        var written = Some.Event("ström-ä", 0, data);

        await AppendAsync(new Commit([new StreamAppend(Some.Stream("ström-ä"), -1, [written])]));

        var read = Assert.Single(await ReadAsync("ström-ä"));
        Assert.Equal(written with { Hash = read.Hash }, read);
        Assert.Equal(written.Hash, read.Hash);
    }

    [Fact]
    public async Task A_retry_with_the_same_event_ids_has_succeeded_and_writes_nothing()
    {
        var commit = Some.Commit("a", -1, count: 2);
        var first = await Log.AppendAsync(commit);
        Assert.Equal(AppendVerdict.Appended, first.Verdict);

        Assert.Equal(first, await Log.AppendAsync(commit));

        await AppendAsync(Some.Commit("a", 1, count: 3));
        Assert.Equal(first, await Log.AppendAsync(commit));
        Assert.Equal(5, (await ReadAsync("a")).Count);
    }

    [Fact]
    public async Task Other_events_at_a_version_that_is_taken_are_a_conflict()
    {
        var commit = Some.Commit("a", -1);
        await AppendAsync(commit);

        Assert.Equal(AppendVerdict.Conflict, await AppendAsync(Some.Commit("a", -1)));

        Assert.Equal(commit.Streams[0].Events[0].EventId, Assert.Single(await ReadAsync("a")).EventId);
    }

    [Fact]
    public async Task The_first_answer_under_a_key_is_kept_and_a_second_commit_under_it_writes_nothing()
    {
        var first = Some.Answer("key", Clock.Now(), "first");
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Commit("a", -1) with { Answer = first }));

        Assert.Equal(
            AppendVerdict.KeyTaken,
            await AppendAsync(Some.Commit("b", -1) with { Answer = Some.Answer("key", Clock.Now(), "second") })
        );

        Assert.Empty(await ReadAsync("b"));
        var found = await Log.FindAnswerAsync("key", default);
        Assert.Equal("first", found!.Answer);
        Assert.Equal(first.Fingerprint, found.Fingerprint);
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Commit("b", -1)));
    }

    [Fact]
    public async Task A_commit_that_is_refused_does_not_keep_its_key()
    {
        var answer = Some.Answer("key", Clock.Now());

        Assert.Equal(AppendVerdict.Conflict, await AppendAsync(Some.Commit("a", 4) with { Answer = answer }));

        Assert.Null(await Log.FindAnswerAsync("key", default));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Commit("a", -1) with { Answer = answer }));
    }

    [Fact]
    public async Task A_retry_of_a_commit_with_a_key_has_succeeded()
    {
        var commit = Some.Commit("a", -1) with { Answer = Some.Answer("key", Clock.Now()) };
        await AppendAsync(commit);

        Assert.Equal(AppendVerdict.Appended, await AppendAsync(commit));
    }

    [Fact]
    public async Task A_commit_may_have_nothing_but_an_answer()
    {
        var commit = new Commit([], Some.Answer("key", Clock.Now()));

        Assert.Equal(AppendVerdict.Appended, await AppendAsync(commit));
        Assert.Equal(AppendVerdict.KeyTaken, await AppendAsync(commit));

        Assert.Equal("done", (await Log.FindAnswerAsync("key", default))!.Answer);
        Assert.Empty(await Log.ReadAllAsync(LogPosition.Start, 10, default));
    }

    [Fact]
    public async Task An_answer_is_remembered_for_a_day()
    {
        await AppendAsync(new Commit([], Some.Answer("key", Clock.Now(), "first")));

        Clock.Advance(RecordedAnswer.Kept - TimeSpan.FromMinutes(1));
        Assert.Equal(AppendVerdict.KeyTaken, await AppendAsync(new Commit([], Some.Answer("key", Clock.Now(), "second"))));
        Assert.Equal("first", (await Log.FindAnswerAsync("key", default))!.Answer);

        Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(await Log.FindAnswerAsync("key", default));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(new Commit([], Some.Answer("key", Clock.Now(), "third"))));
        Assert.Equal("third", (await Log.FindAnswerAsync("key", default))!.Answer);
    }

    [Fact]
    public async Task A_stream_is_read_in_pages_both_ways()
    {
        await AppendAsync(Some.Commit("a", -1, count: 10));
        await AppendAsync(Some.Commit("ab", -1, count: 3));

        Assert.Equal([3L, 4, 5], Versions(await Log.ReadStreamAsync(Some.Stream("a"), 3, 3, default)));
        Assert.Equal([8L, 9], Versions(await Log.ReadStreamAsync(Some.Stream("a"), 8, 100, default)));
        Assert.Empty(await Log.ReadStreamAsync(Some.Stream("a"), 10, 100, default));
        Assert.Equal([6L, 5, 4], Versions(await Log.ReadStreamBackwardsAsync(Some.Stream("a"), 6, 3, default)));
        Assert.Equal([1L, 0], Versions(await Log.ReadStreamBackwardsAsync(Some.Stream("a"), 1, 100, default)));
        Assert.Equal([9L], Versions(await Log.ReadStreamBackwardsAsync(Some.Stream("a"), long.MaxValue, 1, default)));
        Assert.Empty(await Log.ReadStreamBackwardsAsync(Some.Stream("b"), long.MaxValue, 1, default));
    }

    [Fact]
    public async Task Of_many_that_append_at_the_same_version_one_wins()
    {
        await AppendAsync(Some.Commit("a", -1));

        var verdicts = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() => AppendAsync(Some.Commit("a", 0)))));

        Assert.Equal(1, verdicts.Count(v => v is AppendVerdict.Appended));
        Assert.Equal(31, verdicts.Count(v => v is AppendVerdict.Conflict));
        Assert.Equal([0L, 1], Versions(await ReadAsync("a")));
    }

    [Fact]
    public async Task Of_many_that_come_with_the_same_key_one_wins()
    {
        var verdicts = await Task.WhenAll(
            Enumerable
                .Range(0, 32)
                .Select(n =>
                    Task.Run(() =>
                        AppendAsync(Some.Commit(Some.Name("s", n), -1) with { Answer = Some.Answer("key", Clock.Now(), Some.Name("", n)) })
                    )
                )
        );

        Assert.Equal(31, verdicts.Count(v => v is AppendVerdict.KeyTaken));
        var winner = Array.IndexOf(verdicts, AppendVerdict.Appended);
        Assert.Equal(Some.Name("", winner), (await Log.FindAnswerAsync("key", default))!.Answer);
        Assert.Equal(Some.Stream(Some.Name("s", winner)), Assert.Single(await AllAsync()).Record.Stream);
    }

    [Fact]
    public async Task An_event_may_be_large()
    {
        var data = $$"""{"text":"{{new string('ä', 450_000)}}"}""";

        await AppendAsync(new Commit([new StreamAppend(Some.Stream("a"), -1, [Some.Event("a", 0, data)])]));

        Assert.Equal(data, Assert.Single(await ReadAsync("a")).Data);
    }

    [Fact]
    public async Task The_position_of_an_append_is_that_of_its_last_event()
    {
        var result = await Log.AppendAsync(Some.Commit("a", -1, count: 3));

        Assert.Equal((await AllAsync())[^1].Position, result.Position);
        Assert.DoesNotContain(await Log.ReadAllAsync(result.Position, 10, default), e => e.Record.Stream == Some.Stream("a"));
    }

    [Fact]
    public async Task A_reader_that_follows_sees_every_event_once_in_an_order_that_stays()
    {
        const int writers = 8;
        const int each = 60;
        using var patience = new CancellationTokenSource(Patience);
        var following = FollowAsync(writers * each, patience.Token);

        await Task.WhenAll(Enumerable.Range(0, writers).Select(n => Task.Run(() => WriteAsync(new Random(n), each))));

        var seen = await following;
        Assert.Equal(writers * each, seen.Select(e => e.Record.EventId).Distinct().Count());
        Assert.Equal(seen.Select(e => e.Position), (await AllAsync()).Select(e => e.Position));
        Assert.Equal(seen.Select(e => e.Record.EventId), (await AllAsync()).Select(e => e.Record.EventId));
        Assert.Equal(seen.Select(e => e.Position).Order(), seen.Select(e => e.Position));
        Assert.All(
            seen.GroupBy(e => e.Record.Stream),
            stream => Assert.Equal(Enumerable.Range(0, stream.Count()).Select(n => (long)n), stream.Select(e => e.Record.Version))
        );
    }

    [Fact]
    public async Task A_subscription_brings_what_is_there_and_then_what_comes_each_once_and_in_the_order_of_all()
    {
        const int writers = 4;
        const int each = 40;
        await WriteAsync(new Random(99), 60);
        using var patience = new CancellationTokenSource(Patience);
        var subscribed = SubscribeAsync(LogPosition.Start, 60 + writers * each, patience.Token);

        await Task.WhenAll(Enumerable.Range(0, writers).Select(n => Task.Run(() => WriteAsync(new Random(n), each))));

        var seen = await subscribed;
        var all = await AllAsync();
        Assert.Equal(all.Select(e => e.Record.EventId), seen.Select(e => e.Record.EventId));
        Assert.Equal(all.Select(e => e.Position), seen.Select(e => e.Position));
    }

    [Fact]
    public async Task A_subscription_goes_on_from_any_position_without_loss_or_duplicate()
    {
        await WriteAsync(new Random(7), 40);
        var all = await AllAsync();
        using var patience = new CancellationTokenSource(Patience);

        for (var n = 0; n < all.Count - 1; n += 5)
        {
            var rest = await SubscribeAsync(all[n].Position, all.Count - n - 1, patience.Token);
            Assert.Equal(all.Skip(n + 1).Select(e => e.Record.EventId), rest.Select(e => e.Record.EventId));
        }
    }

    [Fact]
    public async Task The_position_of_a_page_is_one_to_go_on_from()
    {
        await WriteAsync(new Random(3), 30);
        var all = await AllAsync();
        using var patience = new CancellationTokenSource(Patience);
        var seen = new List<Guid>();
        var position = LogPosition.Start;

        // Each page by a subscription of its own.
        while (seen.Count < all.Count)
            await foreach (var page in Log.SubscribeAsync(position, 4, patience.Token))
            {
                seen.AddRange(page.Events.Select(e => e.Record.EventId).Where(id => all.Any(e => e.Record.EventId == id)));
                position = page.Position;
                if (page.Events.Count > 0)
                    break;
            }

        Assert.Equal(all.Select(e => e.Record.EventId), seen);
    }

    [Fact]
    public async Task A_subscription_says_when_it_has_caught_up_and_as_of_when()
    {
        await AppendAsync(Some.Commit("a", -1, count: 3));
        var before = Clock.Now();
        using var patience = new CancellationTokenSource(Patience);
        var events = 0;

        await foreach (var page in Log.SubscribeAsync(LogPosition.Start, 10, patience.Token))
        {
            events += page.Events.Count;
            Assert.True(page.AsOf is null || events == 3, "complete, and yet something is missing");
            if (page is { CaughtUp: true, AsOf: { } asOf } && asOf >= before)
                break;
        }

        Assert.Equal(3, events);
    }

    [Fact]
    public async Task A_subscription_that_is_cancelled_ends()
    {
        using var cancelled = new CancellationTokenSource();
        var ended = Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in Log.SubscribeAsync(LogPosition.Start, 10, cancelled.Token))
                await cancelled.CancelAsync();
        });

        await ended.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_read_that_is_cancelled_ends()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Log.ReadStreamAsync(Some.Stream("a"), 0, 10, cancelled.Token).WaitAsync(Patience)
        );
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Log.ReadAllAsync(LogPosition.Start, 10, cancelled.Token).WaitAsync(Patience)
        );
    }

    [Fact]
    public async Task There_may_be_many_streams()
    {
        var names = Enumerable.Range(0, 1000).Select(n => Some.Name("s", n)).ToArray();

        await Task.WhenAll(names.Select(name => AppendAsync(Some.Commit(name, -1, count: 2))));

        var all = await AllAsync();
        Assert.Equal(2000, all.Count);
        Assert.Equal(
            names.Select(Some.Stream).Order(StringComparer.Ordinal),
            all.Select(e => e.Record.Stream).Distinct().Order(StringComparer.Ordinal)
        );
        Assert.All(all.GroupBy(e => e.Record.Stream), stream => Assert.Equal([0L, 1], Versions(stream)));
    }

    [Fact]
    public async Task An_append_wakes_who_waits_for_the_next()
    {
        var next = Log.NextAppend;

        await AppendAsync(Some.Commit("a", -1));

        await next.WaitAsync(Patience);
    }

    protected async Task<AppendVerdict> AppendAsync(Commit commit) => (await Log.AppendAsync(commit)).Verdict;

    protected async Task<IReadOnlyList<EventRecord>> ReadAsync(string stream) =>
        [.. (await Log.ReadStreamAsync(Some.Stream(stream), 0, 10_000, default)).Select(e => e.Record)];

    /// <summary>All events, once nothing that runs beside holds the reader back.</summary>
    protected async Task<IReadOnlyList<StoredEvent>> AllAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var result = await Log.AppendAsync(Some.Commit($"end-{Guid.NewGuid()}", -1));
        var all = await FollowAsync(e => e.Position == result.Position, patience.Token);
        return [.. all.Where(e => !IsEnd(e))];
    }

    private Task<List<StoredEvent>> FollowAsync(int count, CancellationToken ct)
    {
        var seen = 0;
        return FollowAsync(_ => ++seen == count, ct);
    }

    private async Task<List<StoredEvent>> FollowAsync(Predicate<StoredEvent> last, CancellationToken ct)
    {
        var seen = new List<StoredEvent>();
        while (true)
        {
            var next = Log.NextAppend;
            var page = await Log.ReadAllAsync(seen.Count == 0 ? LogPosition.Start : seen[^1].Position, 7, ct);
            seen.AddRange(page);
            if (page.Any(e => last(e)))
                return seen;
            if (page.Count == 0)
                await Task.WhenAny(next, Task.Delay(20, ct));
            ct.ThrowIfCancellationRequested();
        }
    }

    private async Task<List<StoredEvent>> SubscribeAsync(LogPosition after, int count, CancellationToken ct)
    {
        var seen = new List<StoredEvent>();
        await foreach (var page in Log.SubscribeAsync(after, 7, ct))
        {
            seen.AddRange(page.Events.Where(e => !IsEnd(e)));
            if (seen.Count >= count)
                break;
        }
        return seen;
    }

    private static bool IsEnd(StoredEvent e) => e.Record.Stream.StartsWith(Some.Stream("end-"), StringComparison.Ordinal);

    private async Task WriteAsync(Random random, int count)
    {
        while (count > 0)
        {
            var stream = Some.Name("s", random.Next(50));
            var head = await Log.ReadStreamBackwardsAsync(Some.Stream(stream), long.MaxValue, 1, default);
            if (await AppendAsync(Some.Commit(stream, head.Count == 0 ? -1 : head[0].Record.Version)) is AppendVerdict.Appended)
                count--;
        }
    }

    private static IEnumerable<long> Versions(IEnumerable<EventRecord> events) => events.Select(e => e.Version);

    private static IEnumerable<long> Versions(IEnumerable<StoredEvent> events) => events.Select(e => e.Record.Version);
}
