using System.Globalization;
using NodaTime;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Simulation;
using PresenceLedger.Testing;
using Instant = PresenceLedger.Ledger.Instant;

namespace PresenceLedger.Projections.Tests.States;

/// <summary>States of the past, from those that are kept on the way, whatever keeps the log.</summary>
public abstract class StatesTests : ReadSideTests
{
    private protected static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly SimulationPlan ThreeWeeks = new(3, 21, 7, new DateOnly(2026, 3, 15), Berlin);

    private PastStates Past => new(_node.Database, _node.Log);

    [Fact]
    public async Task A_row_is_the_state_after_every_two_hundredth_event()
    {
        var ledger = await ImportAsync(ThreeWeeks);
        await CaughtUpAsync(await StartAsync(_node));

        Assert.All(ledger, agent => Assert.True(agent.Records.Length > 1000, $"{agent.Id} has {agent.Records.Length} events only"));
        Assert.Equal(Expected(ledger), await RowsAsync());
    }

    [Fact]
    public async Task Rebuilt_in_other_pages_the_rows_are_the_same_to_the_letter()
    {
        await ImportAsync(ThreeWeeks);
        await CaughtUpAsync(await StartAsync(_node));
        var before = await RowsAsync();

        foreach (var pageSize in new[] { 37, 800 })
        {
            await using var database = Api.Hosting.Serving.DataSource(_database.ServiceConnectionString);
            var paged = new PagedLog(_node.Log, pageSize, _ => Task.CompletedTask);
            await new Rebuild(new PresenceModel(), paged, database, TimeProvider.System).RunAsync(
                restart: true,
                new Progress<RebuildProgress>(),
                default
            );

            Assert.NotEmpty(before);
            Assert.Equal(before, await RowsAsync());
        }
        Assert.Equal(
            "state_known, state_occurred, state_pkey",
            await ScalarAsync(
                "select string_agg(indexname, ', ' order by indexname) from pg_indexes where schemaname = 'presence_v3' and tablename = 'state'"
            )
        );
    }

    [Fact]
    public async Task Live_a_row_comes_as_soon_as_the_stream_has_passed_it()
    {
        var reading = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        var signedIn = await _node.AcceptAsync("ana", new SignIn("main", null));
        await ConsultAsync(KeptState.Interval - 1 - (int)signedIn.Agent.Version);
        await CaughtUpAsync(reading);
        Assert.Equal(0L, await ScalarAsync("select count(*) from presence_v3.state"));

        await ConsultAsync(1);

        await CaughtUpAsync(reading);
        var agent = Told.Of("ana", await _node.EventsAsync("ana"));
        Assert.Equal(Expected([agent]), await RowsAsync());

        async Task ConsultAsync(int times)
        {
            var joined = (await _node.Agents.CurrentAsync("ana", default)).Consults.Count > 0;
            for (var n = 0; n < times; n++, joined = !joined)
                await _node.AcceptAsync("ana", joined ? new LeaveConsult("c1") : new JoinConsult("c1", ConsultMode.Monitor));
        }
    }

    [Fact]
    public async Task Rows_of_another_log_and_rows_that_cannot_be_read_are_passed_over()
    {
        var ledger = await ImportAsync(ThreeWeeks);
        await CaughtUpAsync(await StartAsync(_node));
        await ExecuteAsync(
            """
            update presence_v3.state set hash = '\x00', state = jsonb_set(state::jsonb, '{rule}', '"SPOILED"')::json where version = 1000;
            update presence_v3.state set state = '{"agentId": []}' where version = 400 and agent_id = 'agent-0001'
            """
        );

        foreach (var agent in ledger)
            for (var n = 0; n < agent.Records.Length; n += 97)
            {
                var (expected, record) = (agent.UpTo(n), agent.Records[n]);
                var state = await Past.AsOfAsync(agent.Id, new Horizon(Version: n), default);
                Assert.Equal(LedgerJson.Write(expected), LedgerJson.Write(state.Agent));
                Assert.Equal(record.Hash, state.Hash);
            }
    }

    /// <summary>Node's clocks that are apart: what was recorded early counts from when what it follows was recorded, and so it stays.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_is_known_before_what_it_follows(bool kept)
    {
        var begin = new DateTimeOffset(2026, 3, 2, 8, 0, 0, TimeSpan.Zero);
        await AppendAsync(
            "ana",
            begin,
            600,
            recorded: n =>
                n is >= 100 and < 200 ? TimeSpan.FromSeconds(n - 3600)
                : n is >= 450 and <= 510 ? TimeSpan.FromSeconds(n + 3600)
                : TimeSpan.FromSeconds(n)
        );
        if (kept)
            await CaughtUpAsync(await StartAsync(_node));

        await AssertAsync(known: -1, version: -1);
        await AssertAsync(known: 50, version: 50);
        await AssertAsync(known: 98, version: 98);
        await AssertAsync(known: 99, version: 199);
        await AssertAsync(known: 199, version: 199);
        await AssertAsync(known: 200, version: 200);
        await AssertAsync(known: 449, version: 449);
        await AssertAsync(known: 599, version: 449);
        await AssertAsync(known: 3600 + 480, version: 480);
        await AssertAsync(known: 3600 + 509, version: 509);
        await AssertAsync(known: 3600 + 510, version: 599);

        async Task AssertAsync(int known, long version) =>
            Assert.Equal(version, (await Past.AsOfAsync("ana", new Horizon(KnownAt: begin.AddSeconds(known)), default)).Agent.Version);
    }

    private protected async Task<IReadOnlyList<Told>> ImportAsync(SimulationPlan plan)
    {
        var portions = Center.Ledger(plan).ToArray();
        await ImportAsync(portions.ToAsyncEnumerable());
        return
        [
            .. portions
                .SelectMany(p => p)
                .Where(e => StreamNames.AgentId(e.Stream) is not null)
                .GroupBy(e => StreamNames.AgentId(e.Stream)!, StringComparer.Ordinal)
                .Select(a => Told.Of(a.Key, [.. a])),
        ];
    }

    private protected virtual Task ImportAsync(IAsyncEnumerable<IReadOnlyList<EventRecord>> portions) =>
        new LogImport(_node.Log).RunAsync(portions, new Progress<int>(), default);

    /// <summary>Registration, and then consults that are joined and left, one each second.</summary>
    private async Task AppendAsync(string agentId, DateTimeOffset begin, int count, Func<int, TimeSpan> recorded)
    {
        var records = new List<EventRecord>();
        for (var n = 0; n < count; n++)
        {
            AgentEvent e =
                n == 0 ? new AgentRegistered(AgentSettings.None)
                : n % 2 == 1 ? new ConsultJoined("c1", ConsultMode.Consult)
                : new ConsultLeft("c1");
            records.AddRange(
                EventRecords.Create(
                    StreamNames.Agent(agentId),
                    n - 1,
                    n == 0 ? HashChain.Genesis : records[^1].Hash,
                    [e with { OccurredAt = begin.AddSeconds(n) }],
                    due: 0,
                    Node.Envelope(),
                    policyVersion: -1,
                    begin + recorded(n)
                )
            );
        }
        var result = await _node.Log.AppendAsync(new Commit([new StreamAppend(StreamNames.Agent(agentId), -1, records)]));
        Assert.Equal(AppendVerdict.Appended, result.Verdict);
    }

    private static string[] Expected(IEnumerable<Told> ledger) =>
        [
            .. ledger
                .OrderBy(a => a.Id, StringComparer.Ordinal)
                .SelectMany(a => a.Records.Where(e => e.Version > 0 && e.Version % KeptState.Interval == 0).Select(e => Row(a, e))),
        ];

    private static string Row(Told agent, EventRecord e)
    {
        var known = agent.Records.Take((int)e.Version + 1).Max(r => r.RecordedAt);
        return $"{agent.Id} {e.Version} {Instant.Format(e.OccurredAt)} {Instant.Format(known)} {Convert.ToHexStringLower(e.Hash)} "
            + LedgerJson.Write(agent.UpTo((int)e.Version));
    }

    private async Task<string[]> RowsAsync()
    {
        await using var command = _node.Database.CreateCommand(
            "select agent_id, version, occurred_at, known_at, hash, state::text from presence_v3.state order by agent_id, version"
        );
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{reader.GetString(0)} {reader.GetInt64(1)} {Instant.Format(reader.GetFieldValue<DateTimeOffset>(2))} "
                )
                    + $"{Instant.Format(reader.GetFieldValue<DateTimeOffset>(3))} {Convert.ToHexStringLower(reader.GetFieldValue<byte[]>(4))} "
                    + reader.GetString(5)
            );
        return [.. rows];
    }

    /// <summary>An agent's events, and the states that they give one after another.</summary>
    private protected sealed record Told(string Id, EventRecord[] Records, Agent[] States)
    {
        public static Told Of(string id, IReadOnlyList<EventRecord> records)
        {
            var (agent, states) = (Agent.Unknown(id), new List<Agent>(records.Count));
            foreach (var e in records)
                states.Add(agent = agent.Evolve((AgentEvent)WireNames.Read(e)));
            return new Told(id, [.. records], [.. states]);
        }

        /// <summary>The state after an event; that of an unknown agent after none.</summary>
        public Agent UpTo(int version) => version < 0 ? Agent.Unknown(Id) : States[version];
    }
}

public sealed class EventStoreDbStatesTests : StatesTests
{
    protected override async Task<TestDatabase> OpenAsync() =>
        await Node.CreateDatabaseAsync(await PresenceLedger.Testing.EventStoreDb.TestEventStore.StartAsync());
}
