using System.Globalization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Ledger.Timers;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Projections.Tests;

/// <summary>And what is different where the log is not in the database of the read side.</summary>
public sealed class EventStoreDbProjectionLoopTests : ProjectionLoopTests
{
    private static readonly Work Chat = new("chat", null, null, 30, [], WrapUp.Default, null);

    protected override async Task<TestDatabase> OpenAsync() => await Node.CreateDatabaseAsync(await TestEventStore.StartAsync());

    [Fact]
    public async Task A_transfer_whose_service_died_after_its_first_half_is_completed_by_the_others_once()
    {
        await PrepareTransferAsync();
        await using var second = await Node.StartAsync(_database, _clock);
        var reading = await StartAsync(_node);
        await StartAsync(second);
        var command = Node.Envelope() with { Reason = new Reason("shift", "over") };
        await using (var dying = await Node.StartAsync(_database, _clock, log => new DyingLog(log, appends: 1)))
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => dying.SendAsync("ana", Transfer, _ => command));
        await _node.StartAsync(_node.Due);
        await second.StartAsync(second.Due);
        await CaughtUpAsync(reading);
        Assert.Equal(1L, await HandoversAsync());
        Assert.DoesNotContain(await _node.EventsAsync("ana"), e => e.Type == "conversation-transferred.v1");

        _clock.Advance(DueWorker.HandoverPatience + TimeSpan.FromSeconds(1));

        var given = (await _node.UntilAsync("ana", events => events.Any(e => e.Type == "conversation-transferred.v1")))[^1];
        await CaughtUpAsync(reading);
        await UntilAsync(reading.Loop, async () => await HandoversAsync() == 0);
        var metadata = LedgerJson.Read<EventMetadata>(given.Metadata);
        Assert.Equal(
            (command.Actor, command.CommandId, command.CorrelationId),
            (metadata.Actor, metadata.CausationId, metadata.CorrelationId)
        );
        Assert.Equal(command.Reason, await _node.Texts.AsGivenAsync(metadata.Reason, CancellationToken.None));
        // A text of each stream's own, so that one agent's can be erased without the other's.
        var got = LedgerJson.Read<EventMetadata>(
            (await _node.EventsAsync("ben")).Single(e => e.Type == "conversation-assigned.v1").Metadata
        );
        Assert.NotEqual(metadata.Reason!.Digest, got.Reason!.Digest);
        Assert.Single(await _node.EventsAsync("ana"), e => e.Type == "conversation-transferred.v1");
        Assert.Single(await _node.EventsAsync("ben"), e => e.Type == "conversation-assigned.v1");
        await AssertReadSideAsync(["ana", "ben"]);
    }

    [Fact]
    public async Task A_transfer_that_another_service_is_still_at_is_left_to_it()
    {
        await PrepareTransferAsync();
        var reading = await StartAsync(_node);
        await using (var dying = await Node.StartAsync(_database, _clock, log => new DyingLog(log, appends: 1)))
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => dying.SendAsync("ana", Transfer));
        await _node.StartAsync(_node.Due);
        await CaughtUpAsync(reading);

        // What is due is worked off meanwhile; the transfer is not.
        await _node.ConfigureAsync(new ChangePolicy(new Policy { RefreshGrace = TimeSpan.FromSeconds(1) }));
        await _node.AcceptAsync("ben", new CloseConnection("main"));
        _clock.Advance(TimeSpan.FromSeconds(2));
        await _node.UntilAsync("ben", events => events.Any(e => e.Type == "connection-lost.v1"));

        Assert.Equal(1L, await HandoversAsync());
        Assert.DoesNotContain(await _node.EventsAsync("ana"), e => e.Type == "conversation-transferred.v1");
    }

    [Fact]
    public async Task A_transfer_that_went_well_leaves_nothing_to_be_completed()
    {
        await PrepareTransferAsync();
        var reading = await StartAsync(_node);
        await CaughtUpAsync(reading);

        await _node.AcceptAsync("ana", Transfer);

        await CaughtUpAsync(reading);
        Assert.Equal(0L, await HandoversAsync());
        await reading.StopAsync();
        await ExecuteAsync("delete from read.read_model");
        await CaughtUpAsync(await StartAsync(_node));
        Assert.Equal(0L, await HandoversAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_log_that_ends_before_the_checkpoint_stops_the_loop_with_the_reason_and_nothing_is_lost(bool whileItRuns)
    {
        var store = await UseFakeAsync();
        var reading = await StartAsync(_node);
        await LiveAsync(new Random(3), commands: 60);
        await CaughtUpAsync(reading);
        if (!whileItRuns)
            await reading.StopAsync();
        var (documents, checkpoint) = (await DocumentsAsync(), await CheckpointAsync());

        store.Truncate(20);
        if (!whileItRuns)
            reading = await StartAsync(_node);
        await UntilAsync(reading.Loop, () => Task.FromResult(reading.Loop.Stopped is not null));

        Assert.Contains("restored to an older state", reading.Loop.Stopped, StringComparison.Ordinal);
        Assert.Equal(documents, await DocumentsAsync());
        Assert.Equal(checkpoint, await CheckpointAsync());
    }

    [Fact]
    public async Task A_ledger_that_moved_to_another_store_has_its_read_side_rebuilt_with_the_same_documents()
    {
        await _node.DisposeAsync();
        var eventStore = _database.EventStore;
        _database.EventStore = null;
        _node = await Node.StartAsync(_database, _clock);
        var inPostgres = _node;
        _open.Add(inPostgres);
        var reading = await StartAsync(_node);
        var ids = await LiveAsync(new Random(5), commands: 150);
        await CaughtUpAsync(reading);
        var before = await DocumentsAsync();
        await reading.StopAsync();
        await inPostgres.Timers.StopAsync(default);

        _database.EventStore = eventStore;
        _node = await Node.StartAsync(_database, _clock);
        await new LogCopy(inPostgres.Log, _node.Log, new Progress<CopyProgress>()).RunAsync(default);
        var moved = await StartAsync(_node);
        await UntilAsync(moved.Loop, async () => (string?)await ScalarAsync("select store from read.read_model") == _node.Log.Store);
        await CaughtUpAsync(moved);

        Assert.NotEmpty(before);
        Assert.Equal(before, await DocumentsAsync());
        await AssertReadSideAsync(ids);
        await _node.RegisterAsync("dan");
        await CaughtUpAsync(moved);
        Assert.Equal(ids.Length + 1L, await ScalarAsync("select count(*) from presence_v3.agent"));
    }

    [Fact]
    public async Task A_subscription_that_breaks_again_and_again_is_projected_once()
    {
        var store = await UseFakeAsync(nodes: 3, "&defaultDeadline=500&discoveryInterval=10");
        store.Faults.Randomly("subscribe", 0.5, seed: 2, Fault.CutMidAnswer, Fault.CutBefore, Fault.Unavailable, Fault.NotReady);
        var reading = await StartAsync(_node);
        string[] ids = [];

        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        for (var round = 0; round < 8; round++)
        {
            ids = await LiveAsync(new Random(round), commands: 20);
            var begun = store.Subscriptions;
            await store.RestartAsync(store.Leader);
            store.Elect((store.Leader + 1) % 3);
            // What is broken has to stand again, or the next break meets nothing.
            while (store.Subscriptions == begun)
                await Task.Delay(5, patience.Token);
        }

        await CaughtUpAsync(reading);
        await AssertReadSideAsync(ids);
        Assert.Equal(0, reading.Failures);
        Assert.True(store.Faults.Injected > 5, $"only {store.Faults.Injected.ToString(CultureInfo.InvariantCulture)} faults");
    }

    [Fact]
    public async Task A_loop_that_ends_among_millions_of_others_events_goes_on_where_it_was()
    {
        var store = await UseFakeAsync();
        store.AddForeign(30_000_000);
        store.LooksAtPerSecond = 1_000_000;
        await _node.RegisterAsync("ana");
        var reading = await StartAsync(_node);

        await UntilAsync(
            reading.Loop,
            async () => (long)(await ScalarAsync("select coalesce(max(position), 0)::bigint from read.read_model"))! > 0
        );
        await reading.StopAsync();

        Assert.Equal(0L, await ScalarAsync("select count(*) from presence_v3.agent"));
        store.LooksAtPerSecond = null;
        await CaughtUpAsync(await StartAsync(_node));
        Assert.Equal(1L, await ScalarAsync("select count(*) from presence_v3.agent"));
    }

    private static TransferConversation Transfer => new("c1", "ben", null, null);

    private async Task PrepareTransferAsync()
    {
        foreach (var id in new[] { "ana", "ben" })
        {
            await _node.RegisterAsync(id);
            await _node.AcceptAsync(id, new SignIn("main", null));
        }
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));
    }

    private async Task<long> HandoversAsync() => (long)(await ScalarAsync("select count(*) from ledger.handover"))!;

    private async Task<object?> CheckpointAsync() =>
        await ScalarAsync("select (position, prepare, state::text, store)::text from read.read_model");

    /// <summary>Goes on with a server in this process, whatever the environment names.</summary>
    private async Task<FakeEventStore> UseFakeAsync(int nodes = 1, string options = "")
    {
        await _node.DisposeAsync();
        await _database.EventStore!.DisposeAsync();
        var store = await FakeEventStore.StartAsync(nodes);
        _database.EventStore = TestEventStore.Of(store, options);
        _node = await Node.StartAsync(_database, _clock);
        return store;
    }
}
