using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Heartbeats;

/// <summary>Heartbeats and due work on PostgreSQL. The rows that the projection keeps are put there by hand.</summary>
public sealed class LeasesTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(300);

    private readonly ShiftedClock _clock = new();
    private TestDatabase _database = null!;
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _node = await Node.StartAsync(_database, _clock);
        await _node.ConfigureAsync(
            new ChangePolicy(
                new Policy
                {
                    HeartbeatTimeout = Timeout,
                    RefreshGrace = Grace,
                    RestoreWindow = Window,
                }
            )
        );
        await _node.RegisterAsync("ana");
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Silence_is_a_loss_as_of_the_deadline_whenever_it_is_noticed()
    {
        var openedAt = await SignInAsync("ana");
        await RunAsync(_node);

        var events = await _node.UntilAsync("ana", Lost);

        var lost = events.Single(e => e.Type == "connection-lost.v1");
        var data = (ConnectionLost)WireNames.Read(lost);
        Assert.Equal(openedAt, data.LastSeenAt);
        // The start of the service granted a full timeout (CON-8).
        Assert.InRange(data.Deadline, openedAt + Timeout, data.DetectedAt);
        Assert.Equal(data.Deadline, lost.OccurredAt);
        Assert.True(data.Last);
        Assert.Equal(LossCause.Heartbeat, data.Cause);
        var metadata = LedgerJson.Read<EventMetadata>(lost.Metadata);
        Assert.Equal(Rules.Con3, metadata.Rule);
        Assert.Equal("presence-ledger", metadata.Actor.Id);
        var offline = events[^1];
        Assert.Equal("presence-changed.v1", offline.Type);
        Assert.Equal(data.Deadline, offline.OccurredAt);
    }

    [Fact]
    public async Task Heartbeats_keep_a_connection_alive_and_are_no_events()
    {
        await SignInAsync("ana");
        await _node.RegisterAsync("ben");
        await SignInAsync("ben");
        var before = await _node.EventsAsync("ana");
        await RunAsync(_node);
        using var beating = Beat(_node, "ana");

        // Ben says nothing: once he is lost, ana would be as well, had she said nothing.
        await _node.UntilAsync("ben", Lost);

        Assert.Equal(before.Count, (await _node.EventsAsync("ana")).Count);
    }

    [Fact]
    public async Task Signing_in_again_on_a_connection_that_lives_is_a_sign_of_life()
    {
        await SignInAsync("ana");
        for (var n = 0; n < 3; n++)
        {
            _clock.Advance(Timeout * 0.7);
            Assert.Empty((await _node.AcceptAsync("ana", new SignIn("main", null))).Events);
        }
        Assert.DoesNotContain(await _node.EventsAsync("ana"), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task Heartbeats_that_arrive_at_another_node_keep_a_connection_alive()
    {
        await SignInAsync("ana");
        await _node.RegisterAsync("ben");
        await SignInAsync("ben");
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        await RunAsync(_node);
        var before = await _node.EventsAsync("ana");
        using var beating = Beat(other, "ana");

        await _node.UntilAsync("ben", Lost);

        Assert.Equal(before.Count, (await _node.EventsAsync("ana")).Count);
    }

    [Fact]
    public async Task Two_nodes_that_notice_a_loss_record_it_once()
    {
        await SignInAsync("ana");
        await using var other = await Node.StartAsync(_database, _clock);
        await RunAsync(_node);
        await RunAsync(other);

        await _node.UntilAsync("ana", Lost);
        // Both have looked again once what comes after is lost as well.
        await _node.RegisterAsync("ben");
        await SignInAsync("ben");
        await _node.UntilAsync("ben", Lost);

        Assert.Single(await _node.EventsAsync("ana"), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task A_connection_that_said_it_closes_is_lost_after_the_grace()
    {
        await SignInAsync("ana");
        await RunAsync(_node);
        var closing = await _node.AcceptAsync("ana", new CloseConnection("main"));
        await DueAsync("ana", closing.Events[0].OccurredAt + Grace);

        var events = await _node.UntilAsync("ana", Lost);

        var lost = (ConnectionLost)WireNames.Read(events.Single(e => e.Type == "connection-lost.v1"));
        Assert.Equal(LossCause.Closed, lost.Cause);
        Assert.Equal(closing.Events[0].OccurredAt + Grace, lost.Deadline);
    }

    [Fact]
    public async Task A_refresh_within_the_grace_is_no_loss()
    {
        await SignInAsync("ana");
        await _node.AcceptAsync("ana", new CloseConnection("main"));

        var back = await _node.AcceptAsync("ana", new SignIn("main", null));

        Assert.Equal(["connection-opened.v1"], back.Events.Select(e => e.Type));
        Assert.Null(back.Agent.Connections["main"].ClosingAt);
    }

    [Fact]
    public async Task A_wrap_up_block_and_a_consult_end_when_they_are_due()
    {
        var work = new Work("chat", null, null, 30, [], new WrapUp(WrapUpPolicy.Custom, 30), null);
        await SignInAsync("ana");
        await _node.AcceptAsync("ana", new AssignConversation("c1", work, AutoAccept: true));
        await _node.AcceptAsync("ana", new JoinConsult("c2", ConsultMode.Consult));
        var wrapUp = await _node.AcceptAsync("ana", new MoveConversation("c1", ConversationVerb.WrapUp));
        var endsAt = wrapUp.Agent.Conversations["c1"].BlockEndsAt!.Value;
        var signOut = await _node.AcceptAsync("ana", new SignOut());
        await DueAsync("ana", endsAt);
        _clock.Advance(TimeSpan.FromSeconds(30));
        await RunAsync(_node);

        var events = await _node.UntilAsync("ana", all => all.Any(e => e.Type == "wrap-up-block-ended.v1"));

        var ended = (WrapUpBlockEnded)WireNames.Read(events.Single(e => e.Type == "wrap-up-block-ended.v1"));
        Assert.Equal(endsAt, ended.OccurredAt);
        Assert.Equal(endsAt, ended.DueAt);
        var consult = (ConsultEnded)WireNames.Read(events.Single(e => e.Type == "consult-ended.v1"));
        Assert.Equal(signOut.Events[0].OccurredAt, consult.EndedAt);
        Assert.Equal(signOut.Events[0].OccurredAt + Window + DueWork.Beyond, consult.OccurredAt);
    }

    [Fact]
    public async Task A_profile_gives_back_at_the_end_of_the_day()
    {
        await _node.ConfigureAsync(new SetCapacityProfile(new CapacityProfile("calls", "Calls", 3, false, ProfileReset.EndOfDay)));
        await _node.AcceptAsync("ana", new ConfigureAgent(s => s with { Profiles = s.Profiles.Add("calls", null) }));
        await _node.AcceptAsync("ana", new AssignConversation("c1", new Work("voice", null, null, 1, ["calls"], WrapUp.Default, null)));
        var endOfDay = new EndOfDay(TimeOnly.FromDateTime(_clock.Now().UtcDateTime), "Etc/UTC");
        await _node.ConfigureAsync(new ChangePolicy(new Policy { EndOfDay = endOfDay }));
        var dueAt = endOfDay.NextAfter((await _node.Agents.CurrentAsync("ana", default)).DayCounts["calls"].Since);
        await DueAsync("ana", dueAt);
        _clock.Advance(TimeSpan.FromHours(25));
        await RunAsync(_node);

        var events = await _node.UntilAsync("ana", all => all.Any(e => e.Type == "capacity-reset.v1"));

        var reset = (CapacityReset)WireNames.Read(events.Single(e => e.Type == "capacity-reset.v1"));
        Assert.Equal(1, reset.GivenBack);
        Assert.Equal(dueAt, reset.OccurredAt);
    }

    [Fact]
    public async Task After_a_pause_of_the_service_every_connection_has_a_full_timeout()
    {
        await SignInAsync("ana");
        _clock.Advance(TimeSpan.FromHours(1));
        await using var restarted = await Node.StartAsync(_database, _clock);
        await RunAsync(restarted);
        var startedAt = _clock.Now();

        Assert.True((await restarted.AcceptAsync("ana", new SettleDue())).Agent.SignedIn);
        var lost = (ConnectionLost)WireNames.Read((await restarted.UntilAsync("ana", Lost)).Single(e => e.Type == "connection-lost.v1"));

        Assert.InRange(lost.Deadline, startedAt + Timeout - TimeSpan.FromMilliseconds(500), startedAt + Timeout);
        Assert.True(lost.LastSeenAt < startedAt - TimeSpan.FromMinutes(59));
    }

    [Fact]
    public async Task Who_asks_first_after_a_standstill_finds_nobody_lost()
    {
        await SignInAsync("ana");
        await _node.StartAsync(_node.Leases);

        _clock.Advance(TimeSpan.FromHours(1));
        var settled = await _node.AcceptAsync("ana", new SettleDue());

        Assert.True(settled.Agent.SignedIn);
    }

    [Fact]
    public async Task A_heartbeat_that_comes_while_the_table_is_read_counts()
    {
        await SignInAsync("ana");
        _clock.Advance(TimeSpan.FromSeconds(10));
        var agent = await _node.Agents.CurrentAsync("ana", default);
        await using var connection = await _node.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("lock table ledger.lease in access exclusive mode", connection))
            await hold.ExecuteNonQueryAsync();
        var reading = _node.Leases.OfAsync(agent, _node.Configuration.Current.Policy, _clock.Now(), default).AsTask();
        await WaitForLockAsync();

        var seenAt = _clock.Now();
        _node.Leases.Seen("ana", "main", seenAt);
        await transaction.CommitAsync();
        await reading;

        var signs = await _node.Leases.ReadAsync(agent, default);
        Assert.Equal(seenAt, signs["main"].LastSeenAt);
    }

    [Fact]
    public async Task An_agent_whose_events_cannot_be_read_does_not_keep_the_others_waiting()
    {
        await _node.Log.AppendAsync(Log.Some.Commit(StreamNames.Agent("broken"), -1));
        await DueAsync("broken", _clock.Now().AddHours(-1));
        await SignInAsync("ana");
        await RunAsync(_node);

        await _node.UntilAsync("ana", Lost);
    }

    [Fact]
    public async Task A_node_that_has_not_heard_of_a_connection_finds_its_lease_with_the_next_flush()
    {
        await SignInAsync("ana");
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);

        Assert.True(await other.Leases.TakeAsync("ana", "main", _clock.Now(), default));
        Assert.False(await other.Leases.TakeAsync("ana", "another", _clock.Now(), default));
    }

    [Fact]
    public async Task A_connection_that_was_opened_here_needs_no_lease_to_be_known_and_one_that_has_none_later_is_forgotten()
    {
        await _node.AcceptAsync("ana", new SignIn("main", "web"));
        await _node.StartAsync(_node.Leases);

        // Flushed, and there is no lease yet: the other one says when.
        await _node.Leases.TakeAsync("ana", "another", _clock.Now(), default);
        Assert.True(_node.Leases.TakeAsync("ana", "main", _clock.Now(), default).AsTask().IsCompletedSuccessfully);

        var later = _clock.Now() + Leases.Late + TimeSpan.FromSeconds(1);
        await _node.Leases.TakeAsync("ana", "main", later, default);
        await _node.Leases.TakeAsync("ana", "another", later, default);
        Assert.False(await _node.Leases.TakeAsync("ana", "main", later, default));
    }

    [Fact]
    public async Task Very_many_connections_that_a_node_has_not_heard_of_cost_few_statements()
    {
        await SignInAsync("ana");
        await ExecuteAsync("insert into ledger.lease select $1, n::text, $2, $2 from generate_series(1, 5000) n", "ana", _clock.Now());
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        using var statements = new Statements(_database);

        var taken = await Task.WhenAll(
            Enumerable.Range(1, 5000).Select(n => other.Leases.TakeAsync("ana", $"{n}", _clock.Now(), default).AsTask())
        );

        Assert.All(taken, Assert.True);
        Assert.InRange(statements.Sent.Count(sql => sql.Contains("unnest", StringComparison.Ordinal)), 1, 3);
    }

    [Fact]
    public async Task What_many_nodes_find_overdue_at_once_each_is_lost_once()
    {
        var ids = Enumerable.Range(1, 100).Select(n => $"agent-{n}").ToArray();
        foreach (var id in ids)
        {
            await _node.RegisterAsync(id);
            await SignInAsync(id);
        }
        await using var second = await Node.StartAsync(_database, _clock);
        await using var third = await Node.StartAsync(_database, _clock);
        await Task.WhenAll(RunAsync(_node), RunAsync(second), RunAsync(third));

        foreach (var id in ids)
            Assert.Single(await _node.UntilAsync(id, Lost), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task What_a_node_claimed_and_did_not_do_another_does_once_the_claim_is_over()
    {
        await SignInAsync("ana");
        await ExecuteAsync(
            "update ledger.lease set claimed_until = now() + interval '1.5 s' where agent_id = $1 and $2 > '-infinity'",
            "ana",
            _clock.Now()
        );
        await using var read = _node.Database.CreateCommand("select claimed_until from ledger.lease");
        var claimedUntil = new DateTimeOffset((DateTime)(await read.ExecuteScalarAsync())!);
        await RunAsync(_node);

        var lost = (ConnectionLost)WireNames.Read((await _node.UntilAsync("ana", Lost)).Single(e => e.Type == "connection-lost.v1"));

        Assert.True(lost.DetectedAt >= claimedUntil, $"{lost.DetectedAt:O} is within the claim until {claimedUntil:O}");
    }

    [Fact]
    public async Task A_node_that_is_gone_is_no_loss_of_its_connections()
    {
        await SignInAsync("ana");
        await _node.StartAsync(_node.Leases);
        await using (
            var dead = _node.Database.CreateCommand("insert into ledger.node values (gen_random_uuid(), now() - interval '1 minute')")
        )
            await dead.ExecuteNonQueryAsync();
        var signs = await _node.Leases.ReadAsync(await _node.Agents.CurrentAsync("ana", default), default);
        var startedAt = signs["main"].CountsFrom;

        var countsFrom = startedAt;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (countsFrom == startedAt)
        {
            await using var read = _node.Database.CreateCommand("select counts_from from ledger.lease");
            countsFrom = new DateTimeOffset((DateTime)(await read.ExecuteScalarAsync(patience.Token))!);
        }

        Assert.True(countsFrom > startedAt);
    }

    private static bool Lost(IReadOnlyList<EventRecord> events) => events.Any(e => e.Type == "connection-lost.v1");

    private static async Task RunAsync(Node node)
    {
        await node.StartAsync(node.Leases);
        await node.StartAsync(node.Due);
    }

    /// <summary>Sends heartbeats until it is disposed.</summary>
    private Timer Beat(Node node, string agentId) =>
        new(_ => node.Leases.Seen(agentId, "main", _clock.Now()), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));

    private async Task<DateTimeOffset> SignInAsync(string agentId)
    {
        var accepted = await _node.AcceptAsync(agentId, new SignIn("main", "web"));
        var at = accepted.Agent.Connections["main"].OpenedAt;
        await ExecuteAsync(
            "insert into ledger.lease (agent_id, connection_id, last_seen_at, counts_from) values ($1, 'main', $2, $2)",
            agentId,
            at
        );
        return at;
    }

    private Task DueAsync(string agentId, DateTimeOffset at) =>
        ExecuteAsync("insert into ledger.due (agent_id, due_at) values ($1, $2)", agentId, at);

    private async Task ExecuteAsync(string statement, string agentId, DateTimeOffset at)
    {
        await using var command = _node.Database.CreateCommand(statement);
        command.Parameters.Add(new() { Value = agentId });
        command.Parameters.Add(new() { Value = at });
        await command.ExecuteNonQueryAsync();
    }

    private async Task WaitForLockAsync()
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var waiting = owner.CreateCommand(
            "select count(*) from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database() and not l.granted"
        );
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((long)(await waiting.ExecuteScalarAsync(patience.Token))! == 0)
            await Task.Yield();
    }
}
