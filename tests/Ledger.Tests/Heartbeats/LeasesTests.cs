using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Heartbeats;

/// <summary>Heartbeats and due work on PostgreSQL. The rows that the projection keeps are put there by hand.</summary>
public sealed class LeasesTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(4);

    private readonly StillClock _clock = new() { Now = new(2026, 3, 2, 8, 0, 0, TimeSpan.Zero) };
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
        await RunAsync(_node);
        var openedAt = await SignInAsync("ana");

        await PassAsync(Timeout + TimeSpan.FromSeconds(1));
        var events = await _node.UntilAsync("ana", Lost);

        var lost = events.Single(e => e.Type == "connection-lost.v1");
        var data = (ConnectionLost)WireNames.Read(lost);
        Assert.Equal(openedAt, data.LastSeenAt);
        Assert.Equal(openedAt + Timeout, data.Deadline);
        Assert.Equal(_clock.Now, data.DetectedAt);
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
        await RunAsync(_node);
        await SignInAsync("ana");
        await _node.RegisterAsync("ben");
        await SignInAsync("ben");
        var before = await _node.EventsAsync("ana");

        // Ben says nothing: once he is lost, ana would be as well, had she said nothing.
        await PassAsync(Timeout + TimeSpan.FromSeconds(2), () => BeatAsync(_node, "ana"));
        await _node.UntilAsync("ben", Lost);

        Assert.Equal(before.Count, (await _node.EventsAsync("ana")).Count);
    }

    [Fact]
    public async Task Signing_in_again_on_a_connection_that_lives_is_a_sign_of_life()
    {
        await SignInAsync("ana");
        for (var n = 0; n < 3; n++)
        {
            _clock.Now += Timeout * 0.7;
            Assert.Empty((await _node.AcceptAsync("ana", new SignIn("main", null))).Events);
        }
        Assert.DoesNotContain(await _node.EventsAsync("ana"), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task Heartbeats_that_arrive_at_another_node_keep_a_connection_alive()
    {
        await RunAsync(_node);
        await SignInAsync("ana");
        await _node.RegisterAsync("ben");
        await SignInAsync("ben");
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        var before = await _node.EventsAsync("ana");

        await PassAsync(Timeout + TimeSpan.FromSeconds(2), () => BeatAsync(other, "ana"));
        await _node.UntilAsync("ben", Lost);

        Assert.Equal(before.Count, (await _node.EventsAsync("ana")).Count);
    }

    [Fact]
    public async Task A_connection_whose_grace_is_over_is_lost_at_its_deadline_also_where_a_sign_in_is_the_first_to_notice()
    {
        await _node.StartAsync(_node.Leases);
        await SignInAsync("ana");
        var closing = await _node.AcceptAsync("ana", new CloseConnection("main"));
        await PassAsync(Grace + TimeSpan.FromSeconds(1));

        var back = await _node.AcceptAsync("ana", new SignIn("main", null));

        Assert.Equal(
            ["connection-lost.v1", "presence-changed.v1", "agent-signed-in.v1", "presence-changed.v1"],
            back.Events.Select(e => e.Type)
        );
        Assert.Equal(closing.Events[0].OccurredAt + Grace, back.Events[0].OccurredAt);
        Assert.True(((AgentSignedIn)WireNames.Read(back.Events[2])).Returned);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_comes_after_the_grace_comes_too_late_also_at_a_node_that_remembers_the_connection_as_open(bool signsIn)
    {
        await RunAsync(_node);
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        await SignInAsync("ana");
        await PassAsync(TimeSpan.FromSeconds(1));
        // The other node has her in memory, and heard of her a moment ago.
        await other.AcceptAsync("ana", new SetPresence("away"), e => e with { ConnectionId = "main" });
        var closing = await _node.AcceptAsync("ana", new CloseConnection("main"));
        var deadline = closing.Events[0].OccurredAt + Grace;
        // Nobody looks for what is due meanwhile.
        await _node.Due.StopAsync(default);
        await PassAsync(Grace + TimeSpan.FromSeconds(1));

        if (signsIn)
            Assert.Equal(
                ["connection-lost.v1", "presence-changed.v1", "agent-signed-in.v1", "presence-changed.v1"],
                (await other.AcceptAsync("ana", new SignIn("main", null), e => e with { ArrivedAt = _clock.Now })).Events.Select(e =>
                    e.Type
                )
            );
        else
            Assert.False(await IsAliveAsync(other, "ana", _clock.Now));

        var lost = (await _node.EventsAsync("ana")).Single(e => e.Type == "connection-lost.v1");
        Assert.Equal(deadline, lost.OccurredAt);
    }

    [Fact]
    public async Task A_heartbeat_exactly_at_the_deadline_is_too_late_and_one_a_millisecond_before_is_not()
    {
        await _node.StartAsync(_node.Leases);
        await _node.RegisterAsync("ben");
        var ana = await SignInAsync("ana") + Timeout;
        var ben = await SignInAsync("ben") + Timeout;
        await PassAsync(Timeout + TimeSpan.FromSeconds(1));

        Assert.False(await IsAliveAsync(_node, "ana", ana));
        Assert.True(await IsAliveAsync(_node, "ben", ben.AddMilliseconds(-1)));

        var lost = (await _node.EventsAsync("ana")).Single(e => e.Type == "connection-lost.v1");
        Assert.Equal(ana, lost.OccurredAt);
        Assert.DoesNotContain(await _node.EventsAsync("ben"), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task A_heartbeat_that_arrived_in_time_at_a_node_that_does_not_know_the_connection_counts_before_its_flush()
    {
        var deadline = await SignInAsync("ana") + Timeout;
        await using var other = await Node.StartAsync(_database, _clock);
        // It arrives in time, and waits to be looked up.
        Assert.False(await other.Leases.TakeAsync("ana", "main", deadline.AddMilliseconds(-1), default));
        _clock.Now += Timeout + TimeSpan.FromSeconds(1);

        var settled = await other.AcceptAsync("ana", new SettleDue());

        Assert.True(settled.Agent.SignedIn);
    }

    [Fact]
    public async Task A_command_waits_until_it_is_known_what_another_node_heard()
    {
        await _node.StartAsync(_node.Leases);
        var openedAt = await SignInAsync("ana");
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        await PassAsync(Timeout - TimeSpan.FromSeconds(0.1));
        // Arrived before the deadline, and still on its way through the other node.
        var arrival = other.Arrivals.Begin();
        _clock.Now += TimeSpan.FromSeconds(0.5);

        var command = _node.AcceptAsync("ana", new SetPresence("away"), e => e with { ArrivedAt = _clock.Now });
        Assert.True(await IsAliveAsync(other, "ana", arrival.At));
        arrival.Dispose();
        var accepted = await command;

        Assert.True(arrival.At < openedAt + Timeout);
        Assert.Equal(["presence-changed.v1"], accepted.Events.Select(e => e.Type));
        Assert.DoesNotContain(await _node.EventsAsync("ana"), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task A_command_after_the_deadline_finds_the_connection_lost_at_it()
    {
        await _node.StartAsync(_node.Leases);
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        var deadline = await SignInAsync("ana") + Timeout;
        await PassAsync(Timeout - TimeSpan.FromSeconds(1));
        _clock.Now += TimeSpan.FromSeconds(1.1);

        var refused = await _node.SendAsync("ana", new SetPresence("away"), e => e with { ArrivedAt = _clock.Now });
        var back = await other.AcceptAsync("ana", new SignIn("main", null), e => e with { ArrivedAt = _clock.Now });

        Assert.Equal(RefusalCodes.AgentNotSignedIn, ((CommandOutcome.Refused)refused).Refusal.Code);
        Assert.Equal("connection-lost.v1", back.Events[0].Type);
        Assert.Equal(deadline, back.Events[0].OccurredAt);
    }

    [Fact]
    public async Task A_timeout_that_is_shortened_dates_no_loss_before_the_change()
    {
        await RunAsync(_node);
        await SignInAsync("ana");
        await PassAsync(TimeSpan.FromSeconds(20));
        await _node.ConfigureAsync(
            new AmendPolicy(policy =>
                policy with
                {
                    HeartbeatTimeout = TimeSpan.FromSeconds(10),
                    HeartbeatInterval = TimeSpan.FromSeconds(2),
                }
            )
        );
        var changedAt = (await _node.StreamAsync(StreamNames.Configuration))[^1].OccurredAt;

        await PassAsync(TimeSpan.FromSeconds(1));
        var events = await _node.UntilAsync("ana", Lost);

        Assert.Equal(changedAt, events.Single(e => e.Type == "connection-lost.v1").OccurredAt);
    }

    [Fact]
    public async Task Two_nodes_that_notice_a_loss_record_it_once()
    {
        await using var other = await Node.StartAsync(_database, _clock);
        await RunAsync(_node);
        await RunAsync(other);
        await SignInAsync("ana");
        await PassAsync(Timeout + TimeSpan.FromSeconds(1));
        await _node.UntilAsync("ana", Lost);
        // Both have looked again once what comes after is lost as well.
        await _node.RegisterAsync("ben");
        await SignInAsync("ben");
        await PassAsync(Timeout + TimeSpan.FromSeconds(1));
        await _node.UntilAsync("ben", Lost);

        Assert.Single(await _node.EventsAsync("ana"), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task A_connection_that_said_it_closes_is_lost_after_the_grace()
    {
        await RunAsync(_node);
        await SignInAsync("ana");
        var closing = await _node.AcceptAsync("ana", new CloseConnection("main"));
        await DueAsync("ana", closing.Events[0].OccurredAt + Grace);

        await PassAsync(Grace + TimeSpan.FromSeconds(1));
        // Looked at before it was known what other nodes heard, it is due again a moment later.
        await PassAsync(TimeSpan.FromSeconds(1));
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
        _clock.Now += Window + TimeSpan.FromSeconds(1);
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
        var endOfDay = new EndOfDay(TimeOnly.FromDateTime(_clock.Now.UtcDateTime), "Etc/UTC");
        await _node.ConfigureAsync(new ChangePolicy(new Policy { EndOfDay = endOfDay }));
        var dueAt = TzdbCalendar.Instance.Next(endOfDay, (await _node.Agents.CurrentAsync("ana", default)).DayCounts["calls"].Since)!.Value;
        await DueAsync("ana", dueAt);
        _clock.Now += TimeSpan.FromHours(25);
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
        _clock.Now += TimeSpan.FromHours(1);
        await using var restarted = await Node.StartAsync(_database, _clock);
        await RunAsync(restarted);
        var startedAt = _clock.Now;

        Assert.True((await restarted.AcceptAsync("ana", new SettleDue())).Agent.SignedIn);
        await PassAsync(restarted, Timeout + TimeSpan.FromSeconds(1));
        var lost = (ConnectionLost)WireNames.Read((await restarted.UntilAsync("ana", Lost)).Single(e => e.Type == "connection-lost.v1"));

        Assert.Equal(startedAt + Timeout, lost.Deadline);
        Assert.True(lost.LastSeenAt < startedAt - TimeSpan.FromMinutes(59));
    }

    [Fact]
    public async Task What_was_lost_before_the_service_stopped_is_lost_at_its_deadline_after_the_restart()
    {
        await _node.StartAsync(_node.Leases);
        var deadline = await SignInAsync("ana") + Timeout;
        await PassAsync(Timeout + TimeSpan.FromSeconds(1));
        await _node.StopAsync();
        _clock.Now += TimeSpan.FromHours(1);
        await using var restarted = await Node.StartAsync(_database, _clock);
        await restarted.StartAsync(restarted.Leases);

        var settled = await restarted.AcceptAsync("ana", new SettleDue());

        Assert.Equal(deadline, settled.Events[0].OccurredAt);
        Assert.Equal("connection-lost.v1", settled.Events[0].Type);
    }

    [Fact]
    public async Task Who_asks_first_after_a_standstill_finds_nobody_lost()
    {
        await SignInAsync("ana");
        await _node.StartAsync(_node.Leases);

        _clock.Now += TimeSpan.FromHours(1);
        var settled = await _node.AcceptAsync("ana", new SettleDue(), e => e with { ArrivedAt = _clock.Now });

        Assert.True(settled.Agent.SignedIn);
    }

    [Fact]
    public async Task A_heartbeat_that_comes_while_the_table_is_read_counts()
    {
        await SignInAsync("ana");
        _clock.Now += Timeout - TimeSpan.FromSeconds(2);
        var seenAt = _clock.Now;
        _clock.Now += TimeSpan.FromSeconds(10);
        var agent = await _node.Agents.CurrentAsync("ana", default);
        await using var connection = await _node.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("lock table ledger.lease in access exclusive mode", connection))
            await hold.ExecuteNonQueryAsync();
        var reading = _node.Leases.OfAsync(agent, _node.Configuration.Current, _clock.Now, wait: true, default).AsTask();
        await WaitForLockAsync();

        _node.Leases.Arrived("ana", "main", seenAt);
        await transaction.CommitAsync();
        var heard = await reading;

        Assert.Equal(seenAt, heard.Signs["main"].LastSeenAt);
    }

    [Fact]
    public async Task An_agent_whose_events_cannot_be_read_does_not_keep_the_others_waiting()
    {
        await _node.Log.AppendAsync(Log.Some.Commit(StreamNames.Agent("broken"), -1));
        await DueAsync("broken", _clock.Now.AddHours(-1));
        await RunAsync(_node);
        await SignInAsync("ana");

        await PassAsync(Timeout + TimeSpan.FromSeconds(1));
        await _node.UntilAsync("ana", Lost);
    }

    [Fact]
    public async Task A_node_that_has_not_heard_of_a_connection_finds_its_lease_with_the_next_flush()
    {
        await SignInAsync("ana");
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);

        Assert.True(await other.Leases.TakeAsync("ana", "main", _clock.Now, default));
        Assert.False(await other.Leases.TakeAsync("ana", "another", _clock.Now, default));
    }

    [Fact]
    public async Task A_connection_that_was_opened_here_is_known_at_once_and_forgotten_once_its_lease_is_gone()
    {
        await _node.StartAsync(_node.Leases);
        await _node.AcceptAsync("ana", new SignIn("main", "web"));
        Assert.True(_node.Leases.TakeAsync("ana", "main", _clock.Now, default).AsTask().IsCompletedSuccessfully);
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(1, await LeasesAsync());

        // As the projection does when another node recorded the loss.
        await ExecuteAsync("delete from ledger.lease where agent_id = $1 and $2 > '-infinity'", "ana", _clock.Now);
        _clock.Now += TimeSpan.FromSeconds(1);
        await _node.Leases.TakeAsync("ana", "main", _clock.Now, default);
        await PassAsync(TimeSpan.FromSeconds(1));

        Assert.False(await _node.Leases.TakeAsync("ana", "main", _clock.Now, default));
        Assert.Equal(0, await LeasesAsync());
    }

    [Fact]
    public async Task Very_many_connections_that_a_node_has_not_heard_of_cost_few_statements()
    {
        await SignInAsync("ana");
        await ExecuteAsync(
            "insert into ledger.lease (agent_id, connection_id, last_seen_at) select $1, n::text, $2 from generate_series(1, 5000) n",
            "ana",
            _clock.Now
        );
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        using var statements = new Statements(_database);

        var taken = await Task.WhenAll(
            Enumerable.Range(1, 5000).Select(n => other.Leases.TakeAsync("ana", $"{n}", _clock.Now, default).AsTask())
        );

        Assert.All(taken, Assert.True);
        Assert.InRange(statements.Sent.Count(sql => sql.Contains("unnest", StringComparison.Ordinal)), 1, 3);
    }

    [Fact]
    public async Task What_many_nodes_find_overdue_at_once_each_is_lost_once()
    {
        var ids = Enumerable.Range(1, 100).Select(n => $"agent-{n}").ToArray();
        await using var second = await Node.StartAsync(_database, _clock);
        await using var third = await Node.StartAsync(_database, _clock);
        await Task.WhenAll(RunAsync(_node), RunAsync(second), RunAsync(third));
        foreach (var id in ids)
        {
            await _node.RegisterAsync(id);
            await SignInAsync(id);
        }
        await PassAsync(Timeout + TimeSpan.FromSeconds(1));

        foreach (var id in ids)
            Assert.Single(await _node.UntilAsync(id, Lost), e => e.Type == "connection-lost.v1");
    }

    [Fact]
    public async Task What_a_node_claimed_and_did_not_do_another_does_once_the_claim_is_over()
    {
        await RunAsync(_node);
        await SignInAsync("ana");
        await ExecuteAsync(
            "update ledger.lease set claimed_until = now() + interval '1.5 s' where agent_id = $1 and $2 > '-infinity'",
            "ana",
            _clock.Now
        );
        await using var claimed = _node.Database.CreateCommand("select claimed_until from ledger.lease");
        var claimedUntil = (DateTime)(await claimed.ExecuteScalarAsync())!;

        await PassAsync(Timeout + TimeSpan.FromSeconds(1));
        await _node.UntilAsync("ana", Lost);

        await using var now = _node.Database.CreateCommand("select now()");
        Assert.True((DateTime)(await now.ExecuteScalarAsync())! >= claimedUntil);
    }

    [Fact]
    public async Task A_node_that_was_killed_is_found_out_by_its_lock_and_is_no_loss_of_its_connections()
    {
        await _node.StartAsync(_node.Leases);
        var openedAt = await SignInAsync("ana");
        await PassAsync(TimeSpan.FromSeconds(20));
        // It last told what it heard a moment ago, and nobody holds its lock.
        await using (
            var dead = _node.Database.CreateCommand(
                "insert into ledger.node (node_id, lock_key, heard_until, seen_at) values (gen_random_uuid(), 1, $1, now() - interval '1.1 s')"
            )
        )
        {
            dead.Parameters.Add(new() { Value = _clock.Now });
            await dead.ExecuteNonQueryAsync();
        }
        await PassAsync(Timeout - TimeSpan.FromSeconds(18));

        var settled = await _node.AcceptAsync("ana", new SettleDue(), e => e with { ArrivedAt = _clock.Now });

        Assert.True(_clock.Now > openedAt + Timeout);
        Assert.True(settled.Agent.SignedIn);
    }

    [Fact]
    public async Task A_node_that_lives_is_not_taken_for_gone_while_it_is_silent_for_a_moment()
    {
        await using var other = await Node.StartAsync(_database, _clock);
        await other.StartAsync(other.Leases);
        await using (var late = _node.Database.CreateCommand("update ledger.node set seen_at = now() - interval '3 s'"))
            await late.ExecuteNonQueryAsync();
        await using (var hold = _node.Database.CreateCommand("select count(*) from ledger.outage where cause = 'a node is gone'"))
        {
            await _node.StartAsync(_node.Leases);
            Assert.Equal(0L, await hold.ExecuteScalarAsync());
        }
    }

    private static bool Lost(IReadOnlyList<EventRecord> events) => events.Any(e => e.Type == "connection-lost.v1");

    private static async Task RunAsync(Node node)
    {
        await node.StartAsync(node.Leases);
        await node.StartAsync(node.Due);
    }

    /// <summary>Lets time pass, in steps that no node takes for a standstill.</summary>
    private Task PassAsync(TimeSpan time, Func<Task>? each = null) => PassAsync(_node, time, each);

    private async Task PassAsync(Node node, TimeSpan time, Func<Task>? each = null)
    {
        for (var until = _clock.Now + time; _clock.Now < until; )
        {
            _clock.Now += until - _clock.Now < Step ? until - _clock.Now : Step;
            if (each is not null)
                await each();
            await node.Leases.KnownThroughAsync(_clock.Now, default);
        }
    }

    private Task BeatAsync(Node node, string agentId) => IsAliveAsync(node, agentId, _clock.Now);

    /// <summary>Takes a heartbeat as the service does.</summary>
    private static async Task<bool> IsAliveAsync(Node node, string agentId, DateTimeOffset at)
    {
        try
        {
            return await node.Leases.TakeAsync(agentId, "main", at, default) || await node.Agents.IsOpenAsync(agentId, "main", at, default);
        }
        finally
        {
            node.Leases.Decided(agentId, "main", at);
        }
    }

    private async Task<DateTimeOffset> SignInAsync(string agentId)
    {
        var accepted = await _node.AcceptAsync(agentId, new SignIn("main", "web"));
        var at = accepted.Agent.Connections["main"].OpenedAt;
        await ExecuteAsync(
            "insert into ledger.lease (agent_id, connection_id, last_seen_at) values ($1, 'main', $2) on conflict do nothing",
            agentId,
            at
        );
        return at;
    }

    private async Task<long> LeasesAsync()
    {
        await using var command = _node.Database.CreateCommand("select count(*) from ledger.lease");
        return (long)(await command.ExecuteScalarAsync())!;
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
