using PresenceLedger.Ledger;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;
using Xunit.Abstractions;

namespace PresenceLedger.Resilience.Tests;

/// <summary>
/// At the server that <c>LEDGER_TEST_EVENTSTOREDB</c> names; else at a cluster in this process, with fewer commands, where now and
/// then something goes wrong and the leader dies in the middle.
/// </summary>
public sealed class EventStoreDbConcurrencyTests(ITestOutputHelper output) : ConcurrencyTests(output)
{
    private readonly ITestOutputHelper _output = output;
    private FakeEventStore? _cluster;

    protected override int Commands => TestEventStore.Named is null ? 6_000 : 20_000;

    protected override async Task<TestDatabase> OpenAsync()
    {
        if (TestEventStore.Named is not null)
            return await TestPostgres.CreateDatabaseAsync(await TestEventStore.StartAsync());
        _cluster = await FakeEventStore.StartAsync(nodes: 3);
        _cluster.Faults.Randomly(
            "append",
            0.002,
            seed: 1,
            Fault.CutAfter,
            Fault.CutBefore,
            Fault.TimeOutAfter,
            Fault.NotLeader,
            Fault.DuplicateAnswer,
            Fault.Delay
        );
        _cluster.Faults.Randomly("read", 0.002, seed: 2, Fault.CutMidAnswer, Fault.NotLeader, Fault.Delay);
        _cluster.Faults.Randomly("subscribe", 0.2, seed: 3, Fault.CutMidAnswer, Fault.NotReady);
        return await TestPostgres.CreateDatabaseAsync(TestEventStore.Of(_cluster, "&defaultDeadline=1000"));
    }

    protected override async Task DisturbAsync()
    {
        if (_cluster is null)
            return;
        var leader = _cluster.Leader;
        await _cluster.KillAsync(leader);
        _cluster.Elect((leader + 1) % 3);
        await _cluster.RestartAsync(leader);
    }

    protected override async Task<List<EventRecord>> ReadAsync(TestDatabase database)
    {
        if (_cluster is not null)
        {
            _output.WriteLine($"{_cluster.Faults.Injected} faults, {_cluster.Appends} appends, {_cluster.Subscriptions} subscriptions");
            Assert.True(_cluster.Faults.Injected > 5, "hardly anything went wrong");
            _cluster.Faults.None();
        }
        await using var node = await Node.StartAsync(database);
        return await Audit.ReadAsync(node.Log);
    }
}
