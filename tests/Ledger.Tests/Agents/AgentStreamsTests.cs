using System.Globalization;
using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Agents;

/// <summary>Commands on agents, by one node or two, on every log.</summary>
public abstract class AgentStreamsTests : IAsyncLifetime
{
    protected static readonly Work Chat = new("chat", null, null, 30, [], WrapUp.Default, null);

    private protected TestDatabase _database = null!;
    private protected Node _node = null!;

    protected abstract Task<TestDatabase> OpenAsync();

    /// <summary>Two events were appended in one, where the log can.</summary>
    protected abstract Task AssertTogetherAsync(Guid one, Guid other);

    public async Task InitializeAsync()
    {
        _database = await OpenAsync();
        _node = await Node.StartAsync(_database);
        await _node.RegisterAsync("ana");
        await _node.AcceptAsync("ana", new SignIn("main", "web"));
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task What_changes_nothing_has_no_position_even_where_its_answer_is_remembered()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"));

        var outcome = await _node.SendAsync("ana", new SetPresence("away"), WithKey("again"), _ => "nothing to do");

        Assert.Equal(LogPosition.Start, Assert.IsType<AgentAccepted>(outcome).Position);
    }

    [Fact]
    public async Task Two_nodes_that_command_one_agent_lose_nothing()
    {
        await using var other = await Node.StartAsync(_database);

        await Task.WhenAll(
            Enumerable
                .Range(0, 60)
                .Select(n =>
                    Task.Run(() =>
                        (n % 2 == 0 ? _node : other).AcceptAsync(
                            "ana",
                            new AssignConversation(n.ToString(CultureInfo.InvariantCulture), Chat)
                        )
                    )
                )
        );

        var events = await _node.EventsAsync("ana");
        var replayed = Replay("ana", events);
        Assert.Equal(60, replayed.Conversations.Count);
        Assert.Equal(60, events.Count(e => e.Type == "conversation-assigned.v1"));
        Assert.Equal(Enumerable.Range(0, events.Count).Select(n => (long)n), events.Select(e => e.Version));
        AssertChain(events);
        Assert.Equal(LedgerJson.Write(replayed), LedgerJson.Write(await _node.Agents.CurrentAsync("ana", default)));
        Assert.Equal(LedgerJson.Write(replayed), LedgerJson.Write(await other.Agents.CurrentAsync("ana", default)));
    }

    [Fact]
    public async Task The_state_after_a_command_is_what_its_stored_events_give()
    {
        var created = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 6, TimeSpan.FromHours(2));
        AgentCommand[] commands =
        [
            new AssignConversation("c1", Chat with { CreatedAt = created, WrapUp = new WrapUp(WrapUpPolicy.Custom, 30) }, AutoAccept: true),
            new MoveConversation("c1", ConversationVerb.WrapUp),
            new SignIn("second", null),
            new CloseConnection("second"),
            new JoinConsult("c9", ConsultMode.Monitor),
            new SetPresence("away"),
            new SignOut(),
        ];
        foreach (var command in commands)
        {
            var live = (await _node.AcceptAsync("ana", command)).Agent;
            Assert.Equal(LedgerJson.Write(Replay("ana", await _node.EventsAsync("ana"))), LedgerJson.Write(live));
        }
    }

    [Fact]
    public async Task A_refusal_by_what_another_node_has_changed_is_decided_again()
    {
        await using var other = await Node.StartAsync(_database);
        Assert.True((await other.Agents.CurrentAsync("ana", default)).SignedIn);
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));

        var accepted = Assert.IsType<AgentAccepted>(await other.SendAsync("ana", new MoveConversation("c1", ConversationVerb.Accept)));

        Assert.Equal(ConversationState.Active, accepted.Agent.Conversations["c1"].State);
    }

    [Fact]
    public async Task What_would_change_nothing_by_a_stale_state_is_decided_again()
    {
        await _node.AcceptAsync("ana", new SetPresence("away"));
        await using var other = await Node.StartAsync(_database);
        await other.Agents.CurrentAsync("ana", default);
        await _node.AcceptAsync("ana", new SetPresence("busy"));

        var accepted = await other.AcceptAsync("ana", new SetPresence("away"));

        Assert.Equal("away", accepted.Agent.Status.StatusId);
        Assert.Single(accepted.Events);
    }

    [Fact]
    public async Task A_status_that_another_node_just_added_can_be_set()
    {
        await using var other = await Node.StartAsync(_database);
        await other.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Away, null));

        Assert.IsType<AgentAccepted>(await _node.SendAsync("ana", new SetPresence("away-training")));
    }

    [Fact]
    public async Task The_first_use_of_a_status_is_noted_together_with_it()
    {
        await _node.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Away, null));

        var accepted = await _node.AcceptAsync("ana", new SetPresence("away-training"));
        await _node.AcceptAsync("ana", new SetPresence("busy"));
        await _node.AcceptAsync("ana", new SetPresence("away-training"));

        var configuration = await _node.StreamAsync(StreamNames.Configuration);
        Assert.Equal(["status-defined.v1", "status-used.v1"], configuration.Select(e => e.Type));
        AssertChain(configuration);
        Assert.Equal(
            LedgerJson.Read<EventMetadata>(Assert.Single(accepted.Events).Metadata).CausationId,
            LedgerJson.Read<EventMetadata>(configuration[1].Metadata).CausationId
        );
        await AssertTogetherAsync(configuration[1].EventId, accepted.Events[0].EventId);
        var refused = await _node.Configuration.TransactAsync(
            new DefineStatus("away-training", "Training", "In training", BaseStatus.Busy, null),
            Node.Envelope(),
            null,
            default
        );
        Assert.Equal(RefusalCodes.StatusInUse, Assert.IsType<CommandOutcome.Refused>(refused).Refusal.Code);
    }

    [Fact]
    public async Task Nodes_that_race_for_the_first_use_note_it_once()
    {
        await using var other = await Node.StartAsync(_database);
        string[] ids = [.. Enumerable.Range(0, 10).Select(n => Tests.Log.Some.Name("agent", n))];
        foreach (var id in ids)
        {
            await _node.RegisterAsync(id);
            await _node.AcceptAsync(id, new SignIn("main", null));
            await other.Agents.CurrentAsync(id, default);
        }
        await _node.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Away, null));
        await other.Configuration.RefreshAsync(default);

        await Task.WhenAll(
            ids.Select((id, n) => Task.Run(() => (n % 2 == 0 ? _node : other).AcceptAsync(id, new SetPresence("away-training"))))
        );

        var configuration = await _node.StreamAsync(StreamNames.Configuration);
        Assert.Single(configuration, e => e.Type == "status-used.v1");
        AssertChain(configuration);
        foreach (var id in ids)
            Assert.Equal("away-training", (await _node.Agents.CurrentAsync(id, default)).Status.StatusId);
    }

    [Fact]
    public async Task A_base_that_changes_while_it_is_first_used_is_decided_one_after_the_other()
    {
        await _node.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Away, null));
        await using var other = await Node.StartAsync(_database);
        await other.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Busy, null));

        // This node does not know of the change yet.
        var accepted = await _node.AcceptAsync("ana", new SetPresence("away-training"));

        Assert.Equal(BaseStatus.Busy, accepted.Agent.Status.Base);
    }

    [Fact]
    public async Task A_command_decided_on_another_version_is_refused_with_the_version_that_is()
    {
        var version = (await _node.AcceptAsync("ana", new SetPresence("away"))).Agent.Version;
        await using var other = await Node.StartAsync(_database);
        await other.AcceptAsync("ana", new SetPresence("busy"));

        var outcome = await _node.SendAsync("ana", new SetPresence("available"), e => e with { IfMatch = version });

        Assert.Equal(new CommandOutcome.VersionConflict(version, version + 1), outcome);
        Assert.IsType<AgentAccepted>(await _node.SendAsync("ana", new SetPresence("available"), e => e with { IfMatch = version + 1 }));
        // As this node knows nothing yet of what the other did, it is right after another look.
        Assert.IsType<AgentAccepted>(await other.SendAsync("ana", new SetPresence("away"), e => e with { IfMatch = version + 2 }));
    }

    [Fact]
    public async Task A_command_that_comes_again_with_its_key_is_answered_as_the_first_time()
    {
        var outcomes = new List<CommandOutcome>();
        for (var n = 0; n < 3; n++)
            outcomes.Add(await _node.SendAsync("ana", new SetPresence("away"), WithKey("k"), o => o.GetType().Name + n));
        await using var other = await Node.StartAsync(_database);
        outcomes.Add(await other.SendAsync("ana", new SetPresence("away"), WithKey("k"), _ => "other"));

        Assert.IsType<AgentAccepted>(outcomes[0]);
        Assert.All(outcomes.Skip(1), o => Assert.Equal("AgentAccepted0", Assert.IsType<CommandOutcome.Repeated>(o).Answer.Answer));
        Assert.Single(
            await _node.EventsAsync("ana"),
            e => e.Type == "presence-changed.v1" && e.Data.Contains("manual", StringComparison.Ordinal)
        );
        Assert.IsType<CommandOutcome.KeyReused>(
            await _node.SendAsync("ana", new SetPresence("busy"), e => WithKey("k")(e) with { Fingerprint = [9] }, _ => "")
        );
    }

    [Fact]
    public async Task A_refusal_that_comes_again_with_its_key_is_refused_as_the_first_time()
    {
        var first = await _node.SendAsync("ana", new SetPresence("nowhere"), WithKey("k"), _ => "refused");
        await _node.ConfigureAsync(new DefineStatus("nowhere", "Nowhere", "Nowhere", BaseStatus.Away, null));
        var second = await _node.SendAsync("ana", new SetPresence("nowhere"), WithKey("k"), _ => "accepted");

        Assert.IsType<CommandOutcome.Refused>(first);
        Assert.Equal("refused", Assert.IsType<CommandOutcome.Repeated>(second).Answer.Answer);
    }

    [Fact]
    public async Task A_transfer_is_recorded_with_both_agents_or_neither()
    {
        await _node.RegisterAsync("ben");
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));

        var refused = await _node.SendAsync("ana", new TransferConversation("c1", "nobody", null, null));
        var accepted = await _node.AcceptAsync("ana", new TransferConversation("c1", "ben", null, null));

        Assert.Equal(RefusalCodes.AgentUnknown, Assert.IsType<CommandOutcome.Refused>(refused).Refusal.Code);
        var given = Assert.Single(await _node.EventsAsync("ana"), e => e.Type == "conversation-transferred.v1");
        var taken = Assert.Single(await _node.EventsAsync("ben"), e => e.Type == "conversation-assigned.v1");
        Assert.Equal(given.EventId, accepted.Events[0].EventId);
        Assert.Equal(
            LedgerJson.Read<EventMetadata>(given.Metadata).CorrelationId,
            LedgerJson.Read<EventMetadata>(taken.Metadata).CorrelationId
        );
        await AssertTogetherAsync(given.EventId, taken.EventId);
        Assert.False((await _node.Agents.CurrentAsync("ana", default)).Conversations.ContainsKey("c1"));
        Assert.True((await _node.Agents.CurrentAsync("ben", default)).Conversations.ContainsKey("c1"));
    }

    [Fact]
    public async Task A_transfer_of_what_another_node_saw_end_is_refused_and_reaches_nobody()
    {
        await _node.RegisterAsync("ben");
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));
        await using var other = await Node.StartAsync(_database);
        await other.AcceptAsync("ana", new MoveConversation("c1", ConversationVerb.Close));

        var refused = await _node.SendAsync("ana", new TransferConversation("c1", "ben", null, null), WithKey("k"), _ => "refused");

        Assert.Equal(RefusalCodes.ConversationUnknown, Assert.IsType<CommandOutcome.Refused>(refused).Refusal.Code);
        Assert.DoesNotContain(await _node.EventsAsync("ben"), e => e.Type == "conversation-assigned.v1");
    }

    [Fact]
    public async Task A_transfer_that_the_second_agent_refuses_is_remembered_as_refused()
    {
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));

        var outcome = await _node.SendAsync("ana", new TransferConversation("c1", "nobody", null, null), WithKey("k"), _ => "refused");

        Assert.IsType<CommandOutcome.Refused>(outcome);
        Assert.True((await _node.Agents.CurrentAsync("ana", default)).Conversations.ContainsKey("c1"));
    }

    [Fact]
    public async Task What_a_transfer_records_names_the_client_that_asked()
    {
        await _node.RegisterAsync("ben");
        await _node.AcceptAsync("ben", new SignIn("main", "phone"));
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));

        await _node.AcceptAsync("ana", new TransferConversation("c1", "ben", null, null), e => e with { ConnectionId = "main" });

        var taken = Assert.Single(await _node.EventsAsync("ben"), e => e.Type == "conversation-assigned.v1");
        Assert.Equal("web", LedgerJson.Read<EventMetadata>(taken.Metadata).Client);
    }

    [Fact]
    public async Task Transfers_in_a_circle_do_not_wait_for_each_other()
    {
        await using var other = await Node.StartAsync(_database);
        string[] ids = ["ana", "ben", "cid"];
        foreach (var id in ids.Skip(1))
            await _node.RegisterAsync(id);
        for (var n = 0; n < 3; n++)
            await _node.AcceptAsync(ids[n], new AssignConversation("c" + n, Chat));

        for (var round = 0; round < 5; round++)
            await Task.WhenAll(
                Enumerable
                    .Range(0, 3)
                    .Select(n =>
                        (n == 0 ? other : _node).AcceptAsync(
                            ids[(n + round) % 3],
                            new TransferConversation("c" + n, ids[(n + round + 1) % 3], null, null)
                        )
                    )
            );

        for (var n = 0; n < 3; n++)
            Assert.Equal("c" + n, Assert.Single((await _node.Agents.CurrentAsync(ids[(n + 5) % 3], default)).Conversations).Key);
    }

    protected static Func<CommandEnvelope, CommandEnvelope> WithKey(string key) =>
        e => e with { IdempotencyKey = key, Fingerprint = [1, 2, 3] };

    private static Agent Replay(string agentId, IEnumerable<EventRecord> events) =>
        events.Aggregate(Agent.Unknown(agentId), (agent, e) => agent.Evolve((AgentEvent)WireNames.Read(e)));

    private static void AssertChain(IEnumerable<EventRecord> events)
    {
        var hash = HashChain.Genesis;
        foreach (var e in events)
        {
            Assert.True(HashChain.Holds(hash, e), $"{e.Stream}@{e.Version}");
            hash = e.Hash;
        }
    }

    private async Task<long> ScalarAsync(string query, params Guid[] ids)
    {
        await using var command = _node.Database.CreateCommand(query);
        foreach (var id in ids)
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
