using NodaTime;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Projections.Divergences;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Simulation;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests.Divergences;

/// <summary>What is kept beside the log, compared with a replay of it.</summary>
public abstract class ReplayCheckTests : ReadSideTests
{
    private static readonly SimulationPlan Fortnight = new(
        12,
        14,
        9,
        new DateOnly(2026, 3, 15),
        DateTimeZoneProviders.Tzdb["Europe/Berlin"]
    );

    private ReplayCheck Check => new(_node.Log, _node.Database, _node.Texts);

    private LedgerAgents Agents => new(_node.Log, _node.Database);

    [Fact]
    public async Task Where_nothing_was_touched_nothing_differs()
    {
        var reading = await ReadAsync();
        var lived = await LiveAsync(new Random(41), commands: 250);
        await CaughtUpAsync(reading);

        var all = await Agents.AllAsync(default);

        Assert.Equal(12 + lived.Length, all.Count);
        Assert.Empty((await Agents.SampleAsync(5, default)).Except(all));
        foreach (var id in all)
        {
            await _node.Agents.CurrentAsync(id, default);
            var cached = _node.Agents.Cached(id);
            Assert.NotNull(cached);
            var whole = await Check.WholeAsync(id, cached, default);
            Assert.Empty(whole.Divergences);
            Assert.Equal((await _node.EventsAsync(id)).Count, whole.Events);
            var present = await Check.PresentAsync(id, cached, default);
            Assert.Empty(present.Divergences);
            Assert.True(present.Events <= whole.Events);
        }
    }

    [Fact]
    public async Task While_events_come_nothing_differs_though_read_models_are_behind()
    {
        var reading = await ReadAsync();
        var looked = 0;
        using var done = new CancellationTokenSource();
        var living = Task.Run(async () =>
        {
            // For as long as there is something to look at beside it, however slow that is.
            for (var round = 0; round < 3 || Volatile.Read(ref looked) <= 10; round++)
                await LiveAsync(new Random(50 + round), commands: 120);
            await done.CancelAsync();
        });
        while (!done.IsCancellationRequested)
            foreach (var id in new[] { "ana", "ben", "agent-0002" })
            {
                Assert.Empty((await Check.WholeAsync(id, _node.Agents.Cached(id), default)).Divergences);
                Assert.Empty((await Check.PresentAsync(id, _node.Agents.Cached(id), default)).Divergences);
                looked++;
            }

        await living;
        Assert.True(looked > 10, $"looked {looked} times only");
        Assert.Null(reading.Loop.Stopped);
    }

    [Fact]
    public async Task Whatever_is_spoiled_is_found_and_named_with_both_values_and_nothing_else_is()
    {
        await ReadAsync();
        foreach (var id in Enumerable.Range(1, 12).Select(n => $"agent-{n:0000}"))
            await _node.Agents.CurrentAsync(id, default);
        Assert.Equal(12L, await ScalarAsync("select count(distinct agent_id) from presence_v3.state"));
        var newest = await ScalarAsync("select max(version)::text from presence_v3.state where agent_id = 'agent-0008'");
        await ExecuteAsync(
            """
            update presence_v3.agent set state = jsonb_set(state::jsonb, '{agent,rule}', '"SPOILED"')::json where agent_id = 'agent-0001';
            update presence_v3.agent set status_id = 'spoiled' where agent_id = 'agent-0002';
            update presence_v3.agent set state = '{}' where agent_id = 'agent-0003';
            delete from presence_v3.agent where agent_id = 'agent-0004';
            update presence_v3.agent set state = jsonb_set(state::jsonb, '{agent,assignedSinceSignIn}', '"maybe"')::json
                where agent_id = 'agent-0005';
            update presence_v3.agent set state = jsonb_set(state::jsonb, '{agent,registeredAt}', '"2001-01-01T00:00:00.000Z"')::json
                where agent_id = 'agent-0006';
            update presence_v3.state set state = jsonb_set(state::jsonb, '{settings,units}', '7')::json
                where agent_id = 'agent-0007'
                and version = (select max(version) from presence_v3.state where agent_id = 'agent-0007');
            delete from presence_v3.state where agent_id = 'agent-0008'
                and version = (select max(version) from presence_v3.state where agent_id = 'agent-0008');
            update presence_v3.state set known_at = '2001-01-01 00:00:00Z' where agent_id = 'agent-0009'
                and version = (select max(version) from presence_v3.state where agent_id = 'agent-0009');
            insert into presence_v3.agent select 'ghost', version, registered_at, base, status_id, signed_in, open_sessions, queues, skills,
                    profiles, disputing, state
                from presence_v3.agent where agent_id = 'agent-0012'
            """
        );
        var cached = _node.Agents.Cached("agent-0011")!;
        cached = cached with { Agent = cached.Agent with { Rule = "SPOILED" } };

        await AssertFoundAsync("agent-0001", "presence", "state.agent.rule", "\"SPOILED\"", replayed: null);
        await AssertFoundAsync("agent-0002", "presence", "status_id", "\"spoiled\"", replayed: null);
        var unreadable = Assert.Single((await Check.WholeAsync("agent-0003", null, default)).Divergences);
        Assert.Contains("not to be read", unreadable.Kept, StringComparison.Ordinal);
        await AssertFoundAsync("agent-0004", "presence", "version", null, await LastAsync("agent-0004"));
        Assert.Equal("presence", Assert.Single((await Check.WholeAsync("agent-0005", null, default)).Divergences).Model);
        await AssertFoundAsync("agent-0006", "presence", "state.agent.registeredAt", "\"2001-01-01T00:00:00.000Z\"", replayed: null);
        await AssertFoundAsync("agent-0007", "states", "state.settings.units", "7", replayed: null);
        await AssertFoundAsync("agent-0008", "states", "version", null, newest?.ToString());
        await AssertFoundAsync("agent-0009", "states", "known_at", "\"2001-01-01T00:00:00.000Z\"", replayed: null);
        await AssertFoundAsync("agent-0011", "memory", "state.rule", "\"SPOILED\"", replayed: null, cached);
        Assert.Empty((await Check.WholeAsync("agent-0012", null, default)).Divergences);
        Assert.Contains("ghost", await Agents.AllAsync(default));
        var ghost = Assert.Single((await Check.WholeAsync("ghost", null, default)).Divergences);
        Assert.Equal(("presence", "version", null), (ghost.Model, ghost.Member, ghost.Replayed));

        foreach (var id in new[] { "agent-0001", "agent-0004", "agent-0006" })
            Assert.Equal(
                (await Check.WholeAsync(id, null, default)).Divergences,
                (await Check.PresentAsync(id, null, default)).Divergences
            );
    }

    [Fact]
    public async Task A_rebuild_puts_right_what_differs()
    {
        await ReadAsync();
        await ExecuteAsync("update presence_v3.state set state = jsonb_set(state::jsonb, '{settings,units}', '7')::json");
        Assert.NotEmpty((await Check.WholeAsync("agent-0001", null, default)).Divergences);

        await using var database = Api.Hosting.Serving.DataSource(_database.ServiceConnectionString);
        await new Rebuild(new PresenceModel(), _node.Log, database, _clock).RunAsync(
            restart: false,
            new Progress<RebuildProgress>(),
            default
        );

        Assert.Empty((await Check.WholeAsync("agent-0001", null, default)).Divergences);
    }

    /// <summary>A simulated fortnight, and what is read of it.</summary>
    private async Task<Reading> ReadAsync()
    {
        await ImportAsync(Center.Ledger(Fortnight).ToAsyncEnumerable());
        await _node.Configuration.RefreshAsync(default);
        var reading = await StartAsync(_node);
        await CaughtUpAsync(reading);
        return reading;
    }

    private protected virtual Task ImportAsync(IAsyncEnumerable<IReadOnlyList<EventRecord>> portions) =>
        new LogImport(_node.Log).RunAsync(portions, new Progress<int>(), default);

    private async Task AssertFoundAsync(
        string agentId,
        string model,
        string member,
        string? kept,
        string? replayed,
        KeptState? cached = null
    )
    {
        var found = Assert.Single((await Check.WholeAsync(agentId, cached, default)).Divergences);
        Assert.Equal((agentId, model, member, kept), (found.AgentId, found.Model, found.Member, found.Kept));
        Assert.NotEqual(kept, found.Replayed);
        if (replayed is not null)
            Assert.Equal(replayed, found.Replayed);
    }

    private async Task<string> LastAsync(string agentId) =>
        ((await _node.EventsAsync(agentId)).Count - 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
}

public sealed class PostgresReplayCheckTests : ReplayCheckTests
{
    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();

    private protected override Task ImportAsync(IAsyncEnumerable<IReadOnlyList<EventRecord>> portions) =>
        new LogImport(_node.Log).RunAsync(portions, new Progress<int>(), default);
}

public sealed class EventStoreDbReplayCheckTests : ReplayCheckTests
{
    protected override async Task<TestDatabase> OpenAsync() =>
        await Node.CreateDatabaseAsync(await PresenceLedger.Testing.EventStoreDb.TestEventStore.StartAsync());
}
