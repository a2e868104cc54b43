using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.Agents;

/// <summary>And what is different where the log appends to one stream at a time.</summary>
public sealed class EventStoreDbAgentStreamsTests : AgentStreamsTests
{
    protected override async Task<TestDatabase> OpenAsync() => await Node.CreateDatabaseAsync(await TestEventStore.StartAsync());

    protected override Task AssertTogetherAsync(Guid one, Guid other) => Task.CompletedTask;

    [Fact]
    public async Task A_transfer_whose_service_died_after_its_first_half_is_completed_by_its_retry()
    {
        await _node.RegisterAsync("ben");
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));
        var transfer = new TransferConversation("c1", "ben", null, null);
        await using (var dying = await Node.StartAsync(_database, around: log => new DyingLog(log, appends: 1)))
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => dying.SendAsync("ana", transfer, WithKey("k"), _ => "first"));
        Assert.True((await _node.Agents.CurrentAsync("ana", default)).Conversations.ContainsKey("c1"));
        Assert.True((await _node.Agents.CurrentAsync("ben", default)).Conversations.ContainsKey("c1"));

        var retried = await _node.SendAsync("ana", transfer, WithKey("k"), _ => "retried");
        var again = await _node.SendAsync("ana", transfer, WithKey("k"), _ => "again");

        Assert.Equal("conversation-transferred.v1", Assert.IsType<AgentAccepted>(retried).Events[0].Type);
        Assert.Equal("retried", Assert.IsType<CommandOutcome.Repeated>(again).Answer.Answer);
        await AssertTransferredOnceAsync();
    }

    [Fact]
    public async Task A_transfer_that_another_node_completed_is_accepted_when_it_is_retried()
    {
        await _node.RegisterAsync("ben");
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));
        var transfer = new TransferConversation("c1", "ben", null, null);
        await using (var dying = await Node.StartAsync(_database, around: log => new DyingLog(log, appends: 1)))
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => dying.SendAsync("ana", transfer, WithKey("k"), _ => "first"));
        var got = (await _node.EventsAsync("ben")).Single(e => e.Type == "conversation-assigned.v1");
        var metadata = LedgerJson.Read<EventMetadata>(got.Metadata);
        var completing = new CommandEnvelope(metadata.Actor, metadata.CausationId, metadata.CorrelationId);
        await _node.Agents.TransactAsync("ana", new HandOver("c1", "ben", got.OccurredAt), completing, null, default);

        var retried = await _node.SendAsync("ana", transfer, WithKey("k"), _ => "retried");
        var another = await _node.SendAsync("ana", transfer, WithKey("other"), _ => "another");

        Assert.Equal("conversation-transferred.v1", Assert.IsType<AgentAccepted>(retried).Events[0].Type);
        Assert.IsType<CommandOutcome.Refused>(another);
        await AssertTransferredOnceAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_transfer_that_the_second_agent_is_done_with_does_not_come_to_him_again_by_its_retry(bool signedOut)
    {
        await _node.RegisterAsync("ben");
        await _node.AcceptAsync("ben", new SignIn("main", null));
        await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));
        var transfer = new TransferConversation("c1", "ben", null, null);
        await using (var dying = await Node.StartAsync(_database, around: log => new DyingLog(log, appends: 1)))
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => dying.SendAsync("ana", transfer, WithKey("k"), _ => "first"));
        await _node.AcceptAsync("ben", new MoveConversation("c1", ConversationVerb.Accept));
        await _node.AcceptAsync("ben", new MoveConversation("c1", ConversationVerb.Close));
        if (signedOut)
            await _node.AcceptAsync("ben", new SignOut());

        var retried = await _node.SendAsync("ana", transfer, WithKey("k"), _ => "retried");

        Assert.Equal("conversation-transferred.v1", Assert.IsType<AgentAccepted>(retried).Events[0].Type);
        Assert.Single(await _node.EventsAsync("ben"), e => e.Type == "conversation-assigned.v1");
        Assert.False((await _node.Agents.CurrentAsync("ana", default)).Conversations.ContainsKey("c1"));
        Assert.False((await _node.Agents.CurrentAsync("ben", default)).Conversations.ContainsKey("c1"));
    }

    [Fact]
    public async Task The_second_half_of_a_transfer_lets_go_only_of_what_was_there_before_it()
    {
        var assigned = await _node.AcceptAsync("ana", new AssignConversation("c1", Chat));
        var at = assigned.Events[0].OccurredAt;

        var earlier = await _node.AcceptAsync("ana", new HandOver("c1", "ben", at.AddMilliseconds(-1)));
        var unknown = await _node.AcceptAsync("ana", new HandOver("c2", "ben", at));
        var later = await _node.AcceptAsync("ana", new HandOver("c1", "ben", at));

        Assert.Empty(earlier.Events);
        Assert.Empty(unknown.Events);
        Assert.Equal("conversation-transferred.v1", later.Events[0].Type);
    }

    [Fact]
    public async Task A_status_is_noted_as_used_before_it_is()
    {
        await _node.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Away, null));
        await using (var dying = await Node.StartAsync(_database, around: log => new DyingLog(log, appends: 1)))
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => dying.SendAsync("ana", new SetPresence("away-training")));
        await _node.Configuration.RefreshAsync(default);

        Assert.True(_node.Configuration.Current.Status("away-training")!.Used);
        Assert.Equal("away-training", (await _node.AcceptAsync("ana", new SetPresence("away-training"))).Agent.Status.StatusId);
        Assert.Single(await _node.StreamAsync(StreamNames.Configuration), e => e.Type == "status-used.v1");
    }

    [Fact]
    public async Task A_service_that_died_between_claim_and_append_does_not_keep_the_key()
    {
        var version = (await _node.Agents.CurrentAsync("ana", default)).Version + 1;
        var envelope = WithKey("k")(Node.Envelope());
        await using (
            var claim = _node.Database.CreateCommand(
                "insert into ledger.claim values ($1, gen_random_uuid(), $2, 'first', 'agent-ana', $3, now())"
            )
        )
        {
            claim.Parameters.Add(new() { Value = envelope.IdempotencyKey });
            claim.Parameters.Add(new() { Value = envelope.Fingerprint });
            claim.Parameters.Add(new() { Value = version });
            await claim.ExecuteNonQueryAsync();
        }

        var retried = await _node.SendAsync("ana", new SetPresence("away"), WithKey("k"), _ => "retried");
        var again = await _node.SendAsync("ana", new SetPresence("away"), WithKey("k"), _ => "again");

        Assert.IsType<AgentAccepted>(retried);
        Assert.Equal("retried", Assert.IsType<CommandOutcome.Repeated>(again).Answer.Answer);
    }

    private async Task AssertTransferredOnceAsync()
    {
        var given = Assert.Single(await _node.EventsAsync("ana"), e => e.Type == "conversation-transferred.v1");
        var taken = Assert.Single(await _node.EventsAsync("ben"), e => e.Type == "conversation-assigned.v1");
        var (one, other) = (LedgerJson.Read<EventMetadata>(given.Metadata), LedgerJson.Read<EventMetadata>(taken.Metadata));
        Assert.Equal((other.CausationId, other.CorrelationId, other.Actor), (one.CausationId, other.CorrelationId, one.Actor));
        Assert.False((await _node.Agents.CurrentAsync("ana", default)).Conversations.ContainsKey("c1"));
        Assert.True((await _node.Agents.CurrentAsync("ben", default)).Conversations.ContainsKey("c1"));
    }
}
