using System.Globalization;
using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.Copying;

/// <summary>A ledger that moves from one store to the other.</summary>
public sealed class LogCopyTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<IAsyncDisposable> _open = [];
    private TestDatabase _database = null!;
    private ILog _source = null!;
    private ILog _target = null!;

    public async Task InitializeAsync()
    {
        (_database, _source) = await OpenAsync(null);
        (_, _target) = await OpenAsync(await TestEventStore.StartAsync());
    }

    public async Task DisposeAsync()
    {
        _open.Reverse();
        foreach (var one in _open)
            await one.DisposeAsync();
    }

    [Fact]
    public async Task There_and_back_the_events_are_the_same_to_the_letter()
    {
        await using (var node = await Node.StartAsync(_database))
            await LiveAsync(node);
        await _source.AppendAsync(new Commit([Sealed("ström-ä", -1, 2, """{ "b" : 1,"a":  [1.50, "ä\u00e4\t\u0000"] , "a":2}""")]));
        var (_, back) = await OpenAsync(null);

        var there = await CopyAsync(_source, _target);
        var andBack = await CopyAsync(_target, back);

        var events = await EventsAsync(_source);
        Assert.Equal(events, await EventsAsync(_target));
        Assert.Equal(events, await EventsAsync(back));
        Assert.Equal((events.Length, events.Length), (there.Events, there.Copied));
        Assert.Equal((events.Length, events.Length), (andBack.Events, andBack.Copied));
        Assert.Contains(events, e => e.StartsWith("configuration@3", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_configuration_keeps_its_place_before_what_came_after_it()
    {
        await using (var node = await Node.StartAsync(_database))
            await LiveAsync(node);

        await CopyAsync(_source, _target);

        Assert.Equal(await PlacesAsync(_source), await PlacesAsync(_target));
    }

    [Fact]
    public async Task A_copy_that_is_complete_copies_nothing_when_it_is_run_again_and_later_what_is_new()
    {
        await FillAsync(streams: 10, events: 5);
        await CopyAsync(_source, _target);

        Assert.Equal(new CopyResult(50, 10, 0), await CopyAsync(_source, _target));
        await _source.AppendAsync(new Commit([await SealedAsync("s003", 2)]));
        Assert.Equal(new CopyResult(52, 10, 2), await CopyAsync(_source, _target));
        Assert.Equal(await EventsAsync(_source), await EventsAsync(_target));
    }

    [Fact]
    public async Task A_copy_that_is_cancelled_goes_on_where_it_was()
    {
        await FillAsync(streams: 50, events: 50);
        using var cancelled = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            new LogCopy(_source, _target, new After(1, cancelled.Cancel)).RunAsync(cancelled.Token).WaitAsync(Patience)
        );
        await AssertGoesOnAsync();
    }

    [Fact]
    public async Task A_copy_whose_target_failed_in_the_middle_goes_on_where_it_was()
    {
        await FillAsync(streams: 50, events: 50);
        var failing = new DyingLog(_target, appends: 30);
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => CopyAsync(_source, failing));
        await AssertGoesOnAsync();
    }

    /// <summary>A part of the 2,500 events is there; another run copies the others.</summary>
    private async Task AssertGoesOnAsync()
    {
        var begun = (await EventsAsync(_target)).Length;

        var result = await CopyAsync(_source, _target);

        Assert.InRange(begun, 1, 2499);
        Assert.Equal(new CopyResult(2500, 50, 2500 - begun), result);
        Assert.Equal(await EventsAsync(_source), await EventsAsync(_target));
    }

    [Fact]
    public async Task Over_faults_of_the_target_everything_is_copied_once()
    {
        await FillAsync(streams: 40, events: 40);
        var store = await FakeEventStore.StartAsync(nodes: 3);
        var (_, target) = await OpenAsync(TestEventStore.Of(store, "&defaultDeadline=500"));
        store.Faults.Randomly("append", 0.1, seed: 6, Fault.CutAfter, Fault.CutBefore, Fault.TimeOutAfter, Fault.NotLeader, Fault.Unknown);
        store.Faults.Randomly("read", 0.1, seed: 7, Fault.CutMidAnswer, Fault.NotReady);

        var result = await CopyAsync(_source, target);

        store.Faults.None();
        Assert.Equal(new CopyResult(1600, 40, 1600), result);
        Assert.Equal(1600, store.Count);
        Assert.Equal(await EventsAsync(_source), await EventsAsync(target));
        Assert.True(store.Faults.Injected > 5, $"only {store.Faults.Injected} faults");
    }

    [Fact]
    public async Task Events_that_are_larger_together_than_a_server_takes_are_copied_in_portions()
    {
        var data = $$"""{"text":"{{new string('ä', 50_000)}}"}""";
        await _source.AppendAsync(new Commit([Sealed("large", -1, 30, data)]));

        var result = await CopyAsync(_source, _target);

        Assert.Equal(new CopyResult(30, 1, 30), result);
        Assert.Equal(await EventsAsync(_source), await EventsAsync(_target));
    }

    [Theory]
    [InlineData(
        "update ledger.event set data = '{\"changed\":1}' where stream = 'agent-s002' and version = 3",
        "'agent-s002' breaks at version 3"
    )]
    [InlineData(
        "update ledger.event set recorded_at = now() where stream = 'agent-s001' and version = 0",
        "'agent-s001' breaks at version 0"
    )]
    [InlineData("update ledger.event set hash = '\\x00' where stream = 'agent-s000' and version = 4", "'agent-s000' breaks at version 4")]
    [InlineData("delete from ledger.event where stream = 'agent-s002' and version = 3", "version 4 of 'agent-s002' comes after 2")]
    [InlineData("delete from ledger.event where stream = 'agent-s001' and version = 0", "version 1 of 'agent-s001' comes after -1")]
    public async Task A_source_that_is_damaged_is_named_with_stream_and_version(string damage, string named)
    {
        await FillAsync(streams: 3, events: 5);
        await DamageAsync(damage);

        var e = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(_source, _target));

        Assert.Contains("The source is damaged", e.Message, StringComparison.Ordinal);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
        Assert.Empty(await EventsAsync(_target));
    }

    [Fact]
    public async Task A_target_that_is_damaged_is_named_also_where_it_is_complete()
    {
        await FillAsync(streams: 3, events: 5);
        await CopyAsync(_source, _target);
        await DamageAsync("update ledger.event set type = 'changed.v1' where stream = 'agent-s002' and version = 2");

        var e = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(_target, _source));

        Assert.Contains("The target is damaged: the hash chain of 'agent-s002' breaks at version 2", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s001", 1, "'agent-s001'")]
    [InlineData("s001", 5, "'agent-s001'")]
    [InlineData("s001", 9, "'agent-s001'")]
    [InlineData("elsewhere", 1, "'agent-elsewhere'")]
    public async Task A_target_with_other_events_is_refused_with_the_stream(string name, int count, string named)
    {
        await FillAsync(streams: 3, events: 5);
        await _target.AppendAsync(new Commit([Sealed(name, -1, count)]));

        var e = await Assert.ThrowsAsync<CopyException>(() => CopyAsync(_source, _target));

        Assert.Contains("The target has", e.Message, StringComparison.Ordinal);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
        Assert.Equal(count, (await _target.ReadStreamAsync(Some.Stream(name), 0, 100, default)).Count);
    }

    private static Task<CopyResult> CopyAsync(ILog from, ILog to) => new LogCopy(from, to, new After(0, () => { })).RunAsync(default);

    /// <summary>Agents and a configuration that changes between them.</summary>
    private static async Task LiveAsync(Node node)
    {
        for (var n = 0; n < 5; n++)
        {
            var (id, profile) = ("ana" + n.ToString(CultureInfo.InvariantCulture), "p" + n.ToString(CultureInfo.InvariantCulture));
            await node.ConfigureAsync(new SetCapacityProfile(new CapacityProfile(profile, "Pröfile", 3, false, ProfileReset.EndOfDay)));
            await node.AcceptAsync(id, new ConfigureAgent(s => s with { Units = 100, Profiles = s.Profiles.Add(profile, null) }));
            await node.AcceptAsync(id, new SignIn("main", "web"));
            await node.AcceptAsync(
                "ana0",
                new SetPresence(n % 2 == 0 ? "away" : "busy"),
                e => e with { Reason = new Reason("x", "ä\0😀") }
            );
        }
    }

    private async Task FillAsync(int streams, int events)
    {
        for (var n = 0; n < streams; n++)
            await _source.AppendAsync(new Commit([Sealed(Some.Name("s", n), -1, events)]));
    }

    /// <summary>New events with a chain that holds.</summary>
    private static StreamAppend Sealed(string name, long after, int count, string data = "{}", byte[]? previous = null)
    {
        var events = new List<EventRecord>();
        for (var version = after + 1; events.Count < count; version++)
        {
            var e = Some.Event(name, version, data);
            previous = HashChain.Hash(
                previous ?? HashChain.Genesis,
                e.Stream,
                e.Version,
                e.EventId,
                e.Type,
                e.Data,
                e.Metadata,
                e.OccurredAt,
                e.RecordedAt
            );
            events.Add(e with { Hash = previous });
        }
        return new StreamAppend(Some.Stream(name), after, events);
    }

    private async Task<StreamAppend> SealedAsync(string name, int count)
    {
        var last = (await _source.ReadStreamBackwardsAsync(Some.Stream(name), long.MaxValue, 1, default))[0].Record;
        return Sealed(name, last.Version, count, previous: last.Hash);
    }

    /// <summary>All that is recorded of each event, stream by stream.</summary>
    private static async Task<string[]> EventsAsync(ILog log) =>
        [
            .. (await ReadAsync(log))
                .OrderBy(e => e.Stream, StringComparer.Ordinal)
                .ThenBy(e => e.Version)
                .Select(e =>
                    $"{e.Stream}@{e.Version} {e.EventId} {e.Type} {e.Data} {e.Metadata} {e.OccurredAt:O} {e.RecordedAt:O} "
                    + Convert.ToHexStringLower(e.Hash)
                ),
        ];

    /// <summary>What came before each event of the configuration.</summary>
    private static async Task<string[]> PlacesAsync(ILog log)
    {
        var before = new SortedSet<string>(StringComparer.Ordinal);
        var places = new List<string>();
        foreach (var e in await ReadAsync(log))
        {
            if (e.Stream == StreamNames.Configuration)
                places.Add($"{e.Version}: {string.Join(' ', before)}");
            before.Add($"{e.Stream}@{e.Version}");
        }
        return [.. places];
    }

    private static async Task<List<EventRecord>> ReadAsync(ILog log)
    {
        var (all, position) = (new List<EventRecord>(), LogPosition.Start);
        while (await log.ReadAllAsync(position, 1000, default) is { Count: > 0 } page)
        {
            all.AddRange(page.Select(e => e.Record));
            position = page[^1].Position;
        }
        return all;
    }

    /// <summary>As only the server's superuser could.</summary>
    private async Task DamageAsync(string statement)
    {
        await using var superuser = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = superuser.CreateCommand("set session_replication_role = replica; " + statement);
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }

    private async Task<(TestDatabase, ILog)> OpenAsync(TestEventStore? store)
    {
        var database = await Node.CreateDatabaseAsync(store);
        _open.Add(database);
        var node = await Node.StartAsync(database);
        _open.Add(node);
        return (database, node.Log);
    }

    /// <summary>Does something after a number of pages.</summary>
    private sealed class After(int pages, Action then) : IProgress<CopyProgress>
    {
        private int _pages = pages;

        public void Report(CopyProgress value)
        {
            if (--_pages == 0)
                then();
        }
    }
}
