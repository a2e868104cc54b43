using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Simulation;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests.States;

public sealed class PostgresStatesTests : StatesTests
{
    private static readonly SimulationPlan Month = new(10, 30, 4, new DateOnly(2026, 3, 1), Berlin);

    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();

    private protected override Task ImportAsync(IAsyncEnumerable<IReadOnlyList<EventRecord>> portions) =>
        new LogImport(_node.Log).RunAsync(portions, new Progress<int>(), default);

    [Fact]
    public async Task At_a_thousand_random_instants_of_a_month_the_state_in_both_times_is_that_of_a_full_replay()
    {
        var ledger = await ImportAsync(Month);
        var random = new Random(4);
        var counted = new CountedLog(_node.Log);
        var past = new PastStates(_node.Database, counted);
        var (registered, differ) = (0, 0);

        // Before there is anything kept, all events are folded.
        for (var n = 0; n < 20; n++)
            await AskAsync();
        await CaughtUpAsync(await StartAsync(_node));
        counted.Read = 0;
        (registered, differ) = (0, 0);
        for (var n = 0; n < 1000; n++)
            await AskAsync();

        // Both times were put to the test, and few events were read for it.
        Assert.True(registered > 800, $"only {registered} were registered");
        Assert.True(differ > 5, $"only {differ} times it mattered when it was known");
        Assert.True(counted.Read < 1000 * 700, $"{counted.Read} events were read");

        async Task AskAsync()
        {
            var agent = ledger[random.Next(ledger.Count)];
            DateTimeOffset? at = random.Next(10) == 0 ? null : Any(agent);
            DateTimeOffset? knownAt = random.Next(3) switch
            {
                0 => null,
                1 => (at ?? Any(agent)).AddMilliseconds(random.Next(2) == 0 ? random.Next(4) : random.Next(-300_000, 300_000)),
                _ => Any(agent),
            };
            // In a simulated ledger both times go up, so that this is as plain as can be.
            var count = agent.Records.Count(e => !(e.OccurredAt > at) && !(e.RecordedAt > knownAt));
            registered += count > 0 ? 1 : 0;
            differ += count < agent.Records.Count(e => !(e.OccurredAt > at)) && knownAt >= at ? 1 : 0;

            var state = await past.AsOfAsync(agent.Id, new Horizon(at, knownAt), default);

            Assert.Equal(LedgerJson.Write(agent.UpTo(count - 1)), LedgerJson.Write(state.Agent));
            Assert.Equal(count == 0 ? HashChain.Genesis : agent.Records[count - 1].Hash, state.Hash);
        }

        // Often right beside an event, where it matters.
        DateTimeOffset Any(Told agent)
        {
            var e = agent.Records[random.Next(agent.Records.Length)];
            return random.Next(4) switch
            {
                0 => e.OccurredAt,
                1 => e.RecordedAt.AddMilliseconds(-1),
                2 => e.OccurredAt.AddSeconds(random.Next(-30, 30)),
                _ => Month.Begin.AddDays(-1) + (Month.End - Month.Begin + TimeSpan.FromDays(2)) * random.NextDouble(),
            };
        }
    }

    [Fact]
    public async Task Streams_that_are_not_of_agents_are_passed_over()
    {
        var reading = await StartAsync(_node);
        await AppendManyAsync("seals", 501);
        await AppendManyAsync("access-ana", 501);

        await CaughtUpAsync(reading);

        Assert.Null(reading.Loop.Stopped);
        Assert.Equal(0L, await ScalarAsync("select count(*) from presence_v3.state"));
    }

    /// <summary>A log that counts the events it gives of streams.</summary>
    private sealed class CountedLog(ILog log) : PassingLog(log)
    {
        public long Read { get; set; }

        public override async Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(
            string stream,
            long fromVersion,
            int count,
            CancellationToken ct
        )
        {
            var page = await base.ReadStreamAsync(stream, fromVersion, count, ct);
            Read += page.Count;
            return page;
        }
    }
}
