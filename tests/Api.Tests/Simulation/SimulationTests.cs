using NodaTime;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.InMemory;
using PresenceLedger.Simulation;

namespace PresenceLedger.Api.Tests.Simulation;

/// <summary>The ledger that a simulated contact center leaves.</summary>
public sealed class SimulationTests
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly SimulationPlan TenDays = new(50, 10, 1, new DateOnly(2026, 3, 15), Berlin);
    private static readonly Lazy<EventRecord[]> Told = new(() => [.. Center.Ledger(TenDays).SelectMany(p => p)]);

    [Fact]
    public void The_same_arguments_give_the_same_bytes_and_another_seed_others()
    {
        var plan = TenDays with { Days = 3 };
        var first = Heads(Center.Ledger(plan));
        Assert.Equal(first, Heads(Center.Ledger(plan)));
        Assert.Empty(first.Intersect(Heads(Center.Ledger(plan with { Seed = 2 }))));
    }

    [Fact]
    public void No_team_lives_the_life_of_another()
    {
        var signIns = Told.Value.Where(e => e.Type == "agent-signed-in.v1").ToArray();
        Assert.InRange(signIns.Select(e => e.OccurredAt).Distinct().Count(), signIns.Length * 99 / 100, signIns.Length);
    }

    [Fact]
    public void A_day_more_changes_nothing_of_the_days_before()
    {
        var two = Center.Ledger(TenDays with { Days = 2 }).SelectMany(p => p).Select(Line).ToArray();
        Assert.Equal(two, Center.Ledger(TenDays with { Days = 3 }).SelectMany(p => p).Select(Line).Take(two.Length));
    }

    [Fact]
    public void Every_chain_holds_without_gaps_and_every_stream_folds()
    {
        foreach (var stream in Told.Value.GroupBy(e => e.Stream))
        {
            var hash = HashChain.Genesis;
            var agent = Agent.Unknown("anybody");
            var version = -1L;
            EventRecord? before = null;
            foreach (var e in stream)
            {
                Assert.Equal(++version, e.Version);
                Assert.True(HashChain.Holds(hash, e), $"{e.Stream}@{e.Version}");
                Assert.True(e.RecordedAt >= e.OccurredAt, $"{e.Stream}@{e.Version} was recorded before it occurred");
                Assert.True(before is null || e.OccurredAt >= before.OccurredAt, $"{e.Stream}@{e.Version} occurred before the last");
                Assert.True(before is null || e.RecordedAt >= before.RecordedAt, $"{e.Stream}@{e.Version} was recorded before the last");
                (hash, before) = (e.Hash, e);
                if (WireNames.Read(e) is AgentEvent told)
                    agent = agent.Evolve(told);
            }
        }
    }

    [Fact]
    public void It_is_written_in_the_order_in_which_it_was_recorded()
    {
        Assert.Equal(StreamNames.Configuration, Told.Value[0].Stream);
        Assert.Equal(Told.Value.Select(e => e.RecordedAt).Order(), Told.Value.Select(e => e.RecordedAt));
        Assert.Equal(Told.Value.Length, Told.Value.Select(e => e.EventId).Distinct().Count());
        Assert.All(Told.Value, e => Assert.Equal(7, e.EventId.Version));
    }

    [Fact]
    public void Everything_that_can_happen_to_an_agent_at_work_happens()
    {
        // Disputes and erasure come from people who read the ledger, not from a contact center at work.
        Type[] afterwards = [typeof(EntryDisputed), typeof(DisputeAnswered), typeof(PersonErased)];
        var expected = WireNames
            .All.Where(n => n.Key.IsAssignableTo(typeof(AgentEvent)) && !afterwards.Contains(n.Key))
            .Select(n => n.Value);
        Assert.Empty(expected.Except(Told.Value.Select(e => e.Type)));
    }

    [Fact]
    public void An_agent_has_some_hundred_and_fifty_events_in_a_shift()
    {
        var days = Told.Value.Where(e => e.Type == "agent-signed-in.v1").Select(e => (e.Stream, e.OccurredAt.Date)).Distinct().Count();
        Assert.InRange(Told.Value.Length / (double)days, 120, 200);
    }

    [Fact]
    public void Shifts_are_in_local_time()
    {
        // Of 25 agents the early ones begin between 06:56 and 07:06; on the 29th, a Sunday, the clocks go forward.
        var plan = TenDays with
        {
            Agents = 25,
            Start = new DateOnly(2026, 3, 27),
            Days = 4,
        };
        var signIns = Center.Ledger(plan).SelectMany(p => p).Where(e => e.Type == "agent-signed-in.v1").ToArray();
        var friday = signIns.Where(e => e.OccurredAt.Day == 27).Min(e => e.OccurredAt.TimeOfDay);
        var monday = signIns.Where(e => e.OccurredAt.Day == 30).Min(e => e.OccurredAt.TimeOfDay);
        Assert.InRange(friday, new TimeSpan(5, 56, 0), new TimeSpan(6, 6, 0));
        Assert.InRange(monday, new TimeSpan(4, 56, 0), new TimeSpan(5, 6, 0));
    }

    [Fact]
    public void A_transfer_is_in_both_streams_under_one_correlation()
    {
        var taken = Told
            .Value.Where(e => e.Type == "conversation-assigned.v1")
            .ToLookup(e => LedgerJson.Read<EventMetadata>(e.Metadata).CausationId);
        var away = Told
            .Value.Where(e => e.Type == "conversation-transferred.v1")
            .Select(e => (Event: (ConversationTransferred)WireNames.Read(e), Metadata: LedgerJson.Read<EventMetadata>(e.Metadata)))
            .Where(e => e.Event.ToAgentId is not null)
            .ToArray();
        Assert.NotEmpty(away);
        foreach (var (transferred, metadata) in away)
        {
            var assigned = Assert.Single(taken[metadata.CausationId]);
            Assert.Equal(StreamNames.Agent(transferred.ToAgentId!), assigned.Stream);
            Assert.Equal(metadata.CorrelationId, LedgerJson.Read<EventMetadata>(assigned.Metadata).CorrelationId);
        }
    }

    [Fact]
    public async Task Into_a_log_of_another_kind_it_is_appended()
    {
        var log = new InMemoryLog(TimeProvider.System);
        var plan = TenDays with { Agents = 5, Days = 2 };
        var portions = Center.Ledger(plan).ToArray();
        await new LogImport(log).RunAsync(portions.ToAsyncEnumerable(), new Progress<int>(), CancellationToken.None);

        var read = await log.ReadAllAsync(LogPosition.Start, int.MaxValue, CancellationToken.None);
        Assert.Equal(
            Heads(portions),
            Heads([
                [.. read.Select(e => e.Record)],
            ])
        );
    }

    private static string[] Heads(IEnumerable<IReadOnlyList<EventRecord>> portions) =>
        [.. portions.SelectMany(p => p).GroupBy(e => e.Stream).Select(s => s.Key + Line(s.Last())).Order()];

    /// <summary>By the hash all of an event, and of those before it.</summary>
    private static string Line(EventRecord e) => Convert.ToHexStringLower(e.Hash);
}
