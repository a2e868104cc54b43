using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Access;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.Access;

/// <summary>Who read the audit of an agent, on every log.</summary>
public abstract class AccessLogTests : IAsyncLifetime
{
    private static readonly Actor Sue = new(Persona.Supervisor, "sue");
    private static readonly Actor Al = new(Persona.Auditor, "al");
    private static readonly AuditRead Timeline = new("timeline", null, null, "complaint 4711");

    private readonly ShiftedClock _clock = new();
    private TestDatabase _database = null!;
    private Node _node = null!;

    protected abstract Task<TestDatabase> OpenAsync();

    public async Task InitializeAsync()
    {
        _database = await OpenAsync();
        _node = await Node.StartAsync(_database, _clock);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_read_is_an_event_of_the_reader_in_a_stream_beside_the_agents()
    {
        await _node.Access.RecordAsync("ana", Sue, Timeline, "trace-1", default);

        var e = Assert.Single(await _node.StreamAsync("access-ana"));
        Assert.Equal(("audit-read.v1", """{"what":"timeline","purpose":"complaint 4711"}"""), (e.Type, e.Data));
        var metadata = LedgerJson.Read<EventMetadata>(e.Metadata);
        Assert.Equal((Sue, "trace-1", -1L), (metadata.Actor, metadata.CorrelationId, metadata.PolicyVersion));
        Assert.True(HashChain.Holds(HashChain.Genesis, e));
    }

    [Fact]
    public async Task The_same_read_within_a_minute_is_one_event_and_any_other_is_its_own()
    {
        var hour = _clock.Now().AddHours(-1);
        (Actor, AuditRead)[] different =
        [
            (Sue, Timeline),
            (Al, Timeline),
            (Sue, Timeline with { Purpose = null }),
            (Sue, Timeline with { What = "state" }),
            (Sue, Timeline with { From = hour }),
            (Sue, Timeline with { To = hour }),
        ];
        for (var round = 0; round < 3; round++)
            foreach (var (reader, read) in different)
                await _node.Access.RecordAsync("ana", reader, read, null, default);
        Assert.Equal(different.Length, (await _node.StreamAsync("access-ana")).Count);

        await _node.Access.RecordAsync("ben", Sue, Timeline, null, default);
        Assert.Single(await _node.StreamAsync("access-ben"));

        _clock.Advance(AccessLog.Together);
        await _node.Access.RecordAsync("ana", Sue, Timeline, null, default);
        Assert.Equal(different.Length + 1, (await _node.StreamAsync("access-ana")).Count);
    }

    [Fact]
    public async Task Two_nodes_record_into_one_stream_and_lose_nothing()
    {
        await using var second = await Node.StartAsync(_database, _clock);

        await Task.WhenAll(
            Enumerable
                .Range(0, 40)
                .Select(n =>
                    Task.Run(() =>
                        (n % 2 == 0 ? _node : second).Access.RecordAsync(
                            "ana",
                            new Actor(Persona.Auditor, $"al-{n}"),
                            Timeline,
                            null,
                            default
                        )
                    )
                )
        );

        var events = await _node.StreamAsync("access-ana");
        Assert.Equal(40, events.Select(e => LedgerJson.Read<EventMetadata>(e.Metadata).Actor).Distinct().Count());
        Assert.Equal(Enumerable.Range(0, 40).Select(n => (long)n), events.Select(e => e.Version));
        var hash = HashChain.Genesis;
        foreach (var e in events)
        {
            Assert.True(HashChain.Holds(hash, e));
            hash = e.Hash;
        }
    }

    [Fact]
    public async Task Many_at_once_who_read_the_same_as_the_same_reader_are_one_event()
    {
        await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => Task.Run(() => _node.Access.RecordAsync("ana", Sue, Timeline, null, default)))
        );

        Assert.Single(await _node.StreamAsync("access-ana"));
    }

    [Fact]
    public async Task Reads_are_listed_the_newest_first_and_in_pages()
    {
        for (var n = 0; n < 5; n++)
            await _node.Access.RecordAsync("ana", Sue, Timeline with { Purpose = $"p{n}" }, null, default);

        var first = await _node.Access.ReadAsync("ana", null, 3, default);
        var rest = await _node.Access.ReadAsync("ana", first[^1].Version, 3, default);

        Assert.Equal([4L, 3, 2, 1, 0], first.Concat(rest).Select(e => e.Version));
        Assert.Empty(await _node.Access.ReadAsync("ana", 0, 3, default));
        Assert.Empty(await _node.Access.ReadAsync("ben", null, 3, default));
    }

    [Fact]
    public async Task A_clock_that_goes_back_takes_no_read_back()
    {
        await _node.Access.RecordAsync("ana", Sue, Timeline, null, default);
        _clock.Advance(TimeSpan.FromHours(-2));

        await _node.Access.RecordAsync("ana", Sue, Timeline, null, default);

        var events = await _node.StreamAsync("access-ana");
        Assert.Equal(2, events.Count);
        Assert.Equal(events[0].OccurredAt, events[1].OccurredAt);
    }

    [Fact]
    public async Task Reads_are_in_the_order_of_all_with_everything_else()
    {
        await _node.RegisterAsync("ana");
        await _node.Access.RecordAsync("ana", Sue, Timeline, null, default);
        await _node.AcceptAsync("ana", new SignIn("main", null));

        var all = await _node.Log.ReadAllAsync(LogPosition.Start, 100, default);

        Assert.Equal(["agent-ana", "access-ana", "agent-ana", "agent-ana"], all.Select(e => e.Record.Stream));
    }
}

/// <summary>Nodes that are busy, on a log that takes its time.</summary>
public sealed class BusyAccessLogTests
{
    [Fact]
    public async Task A_node_gets_its_turn_beside_one_that_records_without_a_pause()
    {
        var log = new SlowLog(new Ledger.InMemory.InMemoryLog());
        using var busy = new AccessLog(log, TimeProvider.System);
        using var other = new AccessLog(log, TimeProvider.System);
        using var done = new CancellationTokenSource();
        var recorded = 0;
        var working = Enumerable
            .Range(0, 8)
            .Select(worker =>
                Task.Run(async () =>
                {
                    for (var n = 0; !done.IsCancellationRequested; n++)
                    {
                        await busy.RecordAsync("ana", new Actor(Persona.Auditor, $"al-{worker}-{n}"), Read, null, default);
                        Interlocked.Increment(ref recorded);
                    }
                })
            )
            .ToArray();

        for (var n = 0; n < 10; n++)
            await other.RecordAsync("ana", new Actor(Persona.Supervisor, $"sue-{n}"), Read, null, default);

        await done.CancelAsync();
        await Task.WhenAll(working);
        var events = await log.ReadStreamAsync("access-ana", 0, 1_000_000, default);
        Assert.Equal(recorded + 10, events.Select(e => LedgerJson.Read<EventMetadata>(e.Record.Metadata).Actor).Distinct().Count());
        Assert.Equal(recorded + 10, events.Count);
    }

    [Fact]
    public async Task What_cannot_be_recorded_is_told_to_everybody_who_waits_for_it()
    {
        var log = new SlowLog(new Ledger.InMemory.InMemoryLog()) { IsAway = true };
        using var access = new AccessLog(log, TimeProvider.System);

        var all = Enumerable
            .Range(0, 5)
            .Select(n => access.RecordAsync("ana", new Actor(Persona.Auditor, $"al-{n}"), Read, null, default))
            .ToArray();

        foreach (var one in all)
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => one);
    }

    private static AuditRead Read => new("timeline", null, null, null);

    /// <summary>A log that is some way off.</summary>
    private sealed class SlowLog(ILog log) : PassingLog(log)
    {
        private static readonly TimeSpan Way = TimeSpan.FromMilliseconds(4);

        public bool IsAway { get; init; }

        public override async Task<AppendResult> AppendAsync(Commit commit)
        {
            await Task.Delay(Way);
            return IsAway ? throw new LedgerUnavailableException("away", null) : await base.AppendAsync(commit);
        }

        public override async Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
            string stream,
            long fromVersion,
            int count,
            CancellationToken ct
        )
        {
            await Task.Delay(Way, ct);
            return await base.ReadStreamAsync(stream, fromVersion, count, ct);
        }

        public override async Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(
            string stream,
            long fromVersion,
            int count,
            CancellationToken ct
        )
        {
            await Task.Delay(Way, ct);
            return await base.ReadStreamBackwardsAsync(stream, fromVersion, count, ct);
        }
    }
}

public sealed class PostgresAccessLogTests : AccessLogTests
{
    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();
}

public sealed class EventStoreDbAccessLogTests : AccessLogTests
{
    protected override async Task<TestDatabase> OpenAsync() => await Node.CreateDatabaseAsync(await TestEventStore.StartAsync());
}
