using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.Timers;

/// <summary>What the ledger waits for, kept from the log, where no read model is at work at all.</summary>
public sealed class TimerKeeperTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly Work Chat = new("chat", null, null, 30, [], new WrapUp(WrapUpPolicy.Custom, 60), null);

    private readonly StillClock _clock = new() { Now = new(2026, 3, 2, 8, 0, 0, TimeSpan.Zero) };
    private TestDatabase _database = null!;
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _node = await Node.StartAsync(_database, _clock);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_has_a_lease_until_it_is_gone()
    {
        await _node.StartAsync(_node.Timers);
        await _node.RegisterAsync("ana");

        await _node.AcceptAsync("ana", new SignIn("main", "web"));
        await KeptAsync();
        Assert.Equal("main", await LeasesAsync("ana"));

        var closing = await _node.AcceptAsync("ana", new CloseConnection("main"));
        await KeptAsync();
        Assert.Equal(
            closing.Events[0].OccurredAt.UtcDateTime,
            await ScalarAsync("select closing_at from ledger.lease where agent_id = 'ana'")
        );

        await _node.AcceptAsync("ana", new SignOut());
        await KeptAsync();
        Assert.Equal("", await LeasesAsync("ana"));
    }

    [Fact]
    public async Task A_wrap_up_block_is_due_at_its_end_and_nothing_once_it_has_ended()
    {
        await _node.StartAsync(_node.Timers);
        var started = await WrapUpAsync("ana");
        await KeptAsync();
        Assert.Equal(started + TimeSpan.FromSeconds(60), await DueAsync("ana"));

        await _node.AcceptAsync("ana", new MoveConversation("c1", ConversationVerb.Close));
        await KeptAsync();
        Assert.Null(await DueAsync("ana"));
    }

    [Fact]
    public async Task What_other_nodes_do_is_kept_as_well_by_whichever_node_keeps_the_timers()
    {
        await _node.StartAsync(_node.Timers);
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Timers);
        await _node.RegisterAsync("ana");
        await KeptAsync();

        await other.AcceptAsync("ana", new SignIn("main", "web"));
        await KeptAsync();
        Assert.Equal("main", await LeasesAsync("ana"));

        // The other one takes over where the first one stopped.
        await _node.Timers.StopAsync(default);
        await other.AcceptAsync("ana", new SignIn("phone", "app"));
        await KeptAsync();
        Assert.Equal("main,phone", await LeasesAsync("ana"));
    }

    [Fact]
    public async Task An_agent_whose_events_cannot_be_read_has_no_timers_and_all_others_do()
    {
        await _node.StartAsync(_node.Timers);
        var metadata = LedgerJson.Write(new EventMetadata(Actor.Ledger, Guid.Empty, "x", -1));
        var bad = new EventRecord("agent-broken", 0, Guid.CreateVersion7(), "unknown.v9", "{}", metadata, _clock.Now, _clock.Now, [0]);
        await _node.Log.AppendAsync(new Commit([new StreamAppend("agent-broken", -1, [bad])]));

        await _node.RegisterAsync("ana");
        await _node.AcceptAsync("ana", new SignIn("main", "web"));
        await KeptAsync();

        Assert.Equal("main", await LeasesAsync("ana"));
    }

    [Fact]
    public async Task Timers_of_a_ledger_that_is_there_already_are_found_but_for_agents_that_cannot_be_read()
    {
        var metadata = LedgerJson.Write(new EventMetadata(Actor.Ledger, Guid.Empty, "x", -1));
        var bad = new EventRecord("agent-broken", 0, Guid.CreateVersion7(), "unknown.v9", "{}", metadata, _clock.Now, _clock.Now, [0]);
        await _node.Log.AppendAsync(new Commit([new StreamAppend("agent-broken", -1, [bad])]));
        var started = await WrapUpAsync("ana");

        await _node.StartAsync(_node.Timers);
        await KeptAsync();

        Assert.Equal("main", await LeasesAsync("ana"));
        Assert.Equal(started + TimeSpan.FromSeconds(60), await DueAsync("ana"));
        await _node.AcceptAsync("ana", new SignIn("phone", "app"));
        await KeptAsync();
        Assert.Equal("main,phone", await LeasesAsync("ana"));
    }

    [Fact]
    public async Task A_change_of_policy_lets_all_that_is_due_be_looked_at_again()
    {
        await _node.StartAsync(_node.Timers);
        await WrapUpAsync("ana");
        await KeptAsync();
        _clock.Now += TimeSpan.FromSeconds(10);

        await _node.ConfigureAsync(new ChangePolicy(new Policy { RestoreWindow = TimeSpan.FromSeconds(1) }));
        await KeptAsync();

        Assert.Equal(_clock.Now, await DueAsync("ana"));
    }

    [Fact]
    public async Task Timers_of_a_log_elsewhere_that_was_restored_to_an_older_state_are_found_again()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
        _database = await Node.CreateDatabaseAsync(await TestEventStore.StartAsync());
        _node = await Node.StartAsync(_database, _clock);
        var started = await WrapUpAsync("ana");
        await ScalarAsync(
            $"""
            insert into ledger.timers (position, prepare, store) values (1000000, 1000000, '{_node.Log.Store}');
            insert into ledger.due (agent_id, due_at) values ('nobody', '2026-03-02Z')
            """
        );

        await _node.StartAsync(_node.Timers);
        await KeptAsync();

        Assert.Equal(started + TimeSpan.FromSeconds(60), await DueAsync("ana"));
        Assert.Null(await DueAsync("nobody"));
    }

    [Fact]
    public async Task Timers_that_were_kept_with_the_read_model_of_presence_go_on_where_that_stands()
    {
        await using (var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString))
        await using (
            var before = owner.CreateCommand(
                """
                drop table ledger.timers;
                delete from ledger.script where name = '010-timers.sql';
                create table read.read_model (name text, version int, place text, position bigint, prepare bigint, store text);
                insert into read.read_model values
                    ('facts', 2, 'live', 9, 0, 'Postgres'), ('presence', 2, 'next', 3, 0, 'Postgres'),
                    ('presence', 1, 'live', 2, 0, 'Postgres'), ('presence', 2, 'live', 7, 0, 'Postgres')
                """
            )
        )
            await before.ExecuteNonQueryAsync();

        await LedgerSchema.ApplyAsync(_database.SuperuserConnectionString, "presence_ledger", default);

        Assert.Equal("7 Postgres", await ScalarAsync("select position || ' ' || store from ledger.timers"));
    }

    /// <summary>Begins a wrap-up whose block ends after a minute.</summary>
    private async Task<DateTimeOffset> WrapUpAsync(string agentId)
    {
        await _node.RegisterAsync(agentId);
        await _node.AcceptAsync(agentId, new SignIn("main", "web"));
        await _node.AcceptAsync(agentId, new AssignConversation("c1", Chat, AutoAccept: true));
        var ended = await _node.AcceptAsync(agentId, new MoveConversation("c1", ConversationVerb.WrapUp));
        return ended.Events.Single(e => e.Type == "wrap-up-started.v1").OccurredAt;
    }

    /// <summary>Waits until timers are kept of all that was appended so far.</summary>
    private async Task KeptAsync()
    {
        var end = (await _node.Log.ReadAllAsync(LogPosition.Start, 1000, default))[^1].Position;
        using var patience = new CancellationTokenSource(Patience);
        while (await ScalarAsync($"select position from ledger.timers") is not long position || position != end.Number)
            await Task.Delay(10, patience.Token);
    }

    private async Task<DateTimeOffset?> DueAsync(string agentId) =>
        await ScalarAsync($"select due_at from ledger.due where agent_id = '{agentId}'") is DateTime at
            ? new DateTimeOffset(at, TimeSpan.Zero)
            : null;

    private async Task<string> LeasesAsync(string agentId) =>
        (string)
            (
                await ScalarAsync(
                    $"select coalesce(string_agg(connection_id, ',' order by connection_id), '') from ledger.lease where agent_id = '{agentId}'"
                )
            )!;

    private async Task<object?> ScalarAsync(string query)
    {
        await using var command = _node.Database.CreateCommand(query);
        return await command.ExecuteScalarAsync();
    }
}
