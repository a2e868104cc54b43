using System.Text.Json;

namespace PresenceLedger.Client.Tests;

/// <summary>Commands against the service as it is.</summary>
[Collection(ServiceCollection.Name)]
public sealed class CommandTests(OneNode service)
{
    [Fact]
    public async Task A_conversation_from_assignment_to_closure()
    {
        var (ana, _) = await SignedInAsync();
        var agent = service.Client("agent:" + ana).Agent(ana);
        var routing = service.Client(Service.Routing).Agent(ana);
        var work = new Work
        {
            Units = 100,
            Channel = "chat",
            Queue = "billing",
            WrapUp = WrapUp.BlockFor(TimeSpan.FromSeconds(60)),
            CreatedAt = DateTimeOffset.UtcNow,
        };

        var assigned = await routing.AssignAsync("c1", work);
        var conversation = Assert.Single(assigned.Presence.Conversations);
        Assert.Equal(("c1", "assigned", "chat", "billing", true), Shown(conversation));
        Assert.Equal(new CapacityUnits(100, 100, 0), assigned.Presence.Capacity.Units);
        Assert.Equal("conversation-assigned", assigned.Events[0].Type);
        Assert.NotNull(assigned.Position);

        var accepted = await agent.AcceptAsync("c1");
        Assert.Equal(("do-not-disturb", "capacity", "CAP-3"), (accepted.Presence.Base, accepted.Presence.Origin, accepted.Presence.Rule));
        await agent.WaitAsync("c1");
        await agent.ResumeAsync("c1");
        await routing.ActivityAsync("c1");
        var wrapUp = await agent.WrapUpAsync("c1");
        Assert.NotNull(wrapUp.Presence.Conversations[0].WrapUpBlockEndsAt);
        var closed = await agent.CloseAsync("c1");
        Assert.Empty(closed.Presence.Conversations);
        Assert.Equal("available", closed.Presence.StatusId);

        static (string, string, string?, string?, bool) Shown(Conversation c) =>
            (c.ConversationId, c.State, c.Channel, c.Queue, c.HoldsCapacity);
    }

    [Fact]
    public async Task Notifications_that_are_missed_or_rejected_and_the_way_back()
    {
        var (ana, agent) = await SignedInAsync();
        var routing = service.Client(Service.Routing).Agent(ana);
        await routing.AssignAsync("c1", new Work { Units = 10 });
        Assert.Equal("notification", (await routing.MissAsync("c1")).Presence.Origin);
        Assert.Equal("available", (await agent.ResetPresenceAsync()).Presence.StatusId);
        await routing.AssignAsync("c2", new Work { Units = 10 });
        Assert.Equal("do-not-disturb", (await agent.RejectAsync("c2")).Presence.Base);
    }

    [Fact]
    public async Task An_outbound_attempt_is_active_at_once_and_an_offer_may_not_be_delivered()
    {
        var (ana, _) = await SignedInAsync();
        var routing = service.Client(Service.Routing).Agent(ana);
        var begun = await routing.AssignAsync("c1", new Work { Units = 10, Outbound = true });
        Assert.Equal(
            ("active", "outbound"),
            (Assert.Single(begun.Presence.Conversations).State, begun.Presence.Conversations[0].Direction)
        );
        var offered = await routing.AssignAsync("c2", new Work { Units = 10 });
        Assert.Equal("inbound", offered.Presence.Conversations.Single(c => c.ConversationId == "c2").Direction);
        var undelivered = await routing.UndeliveredAsync("c2");
        Assert.Equal("conversation-undelivered", Assert.Single(undelivered.Events).Type);
        Assert.Equal(10, undelivered.Presence.Capacity.Units!.Used);
    }

    [Fact]
    public async Task A_conversation_goes_to_another_agent_a_queue_a_number_or_back()
    {
        var (ana, agent) = await SignedInAsync();
        var (ben, _) = await SignedInAsync();
        var routing = service.Client(Service.Routing).Agent(ana);
        foreach (var id in new[] { "c1", "c2", "c3", "c4", "c5" })
        {
            await routing.AssignAsync(id, new Work { Units = 10 });
            await agent.AcceptAsync(id);
        }
        await agent.TransferToAgentAsync("c1", ben);
        var taken = await service
            .Client(Service.Routing)
            .FollowAsync(new FollowOptions { Agents = [ben] })
            .SelectMany(e => e is Snapshot s ? s.Items : [((Change)e).Presence])
            .FirstAsync(p => p.Conversations.Count > 0)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("c1", taken.Conversations[0].ConversationId);
        await agent.TransferToQueueAsync("c2", "billing");
        await agent.TransferToExternalAsync("c3", "+49 30 1234");
        await agent.ReleaseAsync("c4");
        var supervisor = service.Client(Service.Supervisor).Agent(ana);
        var last = await supervisor.ForceReleaseAsync("c5", new Reason("stuck", "nobody there"));
        Assert.Empty(last.Presence.Conversations);
        var reason = (await service.TimelineAsync(ana))[^1].GetProperty("reason");
        Assert.Equal("stuck", reason.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_consult_is_joined_and_left()
    {
        var (_, agent) = await SignedInAsync();
        var joined = await agent.JoinConsultAsync("c1", "monitor");
        Assert.Equal(("c1", "monitor"), (joined.Presence.Consults[0].ConversationId, joined.Presence.Consults[0].Mode));
        Assert.Empty((await agent.LeaveConsultAsync("c1", new CommandOptions { Reason = new Reason(Text: "done") })).Presence.Consults);
    }

    [Fact]
    public async Task Connections_live_by_heartbeats_and_close()
    {
        var ana = await service.AgentAsync();
        var agent = service.Client("agent:" + ana).Agent(ana);
        var gateway = service.Client(Service.Routing);
        var signedIn = await agent.SignInAsync("tab-1", "desktop 7");
        Assert.Equal(("tab-1", 1), (signedIn.ConnectionId, signedIn.Presence.Connections));
        Assert.Equal(TimeSpan.FromSeconds(75), signedIn.HeartbeatTimeout);
        Assert.Equal(32, (await agent.SignInAsync()).ConnectionId.Length);

        Assert.True(await agent.HeartbeatAsync("tab-1"));
        Assert.False(await agent.HeartbeatAsync("tab-9"));
        Assert.Equal([new Heartbeat(ana, "tab-9")], await gateway.HeartbeatsAsync([new(ana, "tab-1"), new(ana, "tab-9")]));
        Assert.True(await agent.CloseConnectionAsync("tab-1"));
        Assert.False(await agent.CloseConnectionAsync("tab-9"));
        Assert.Contains("connection-closing", await service.EventsAsync(ana));
        Assert.False((await agent.SignOutAsync()).Presence.SignedIn);
    }

    [Fact]
    public async Task A_query_sees_what_the_command_before_it_did()
    {
        var (_, agent) = await SignedInAsync();
        var done = await agent.SetPresenceAsync("away");
        var presence = await agent.GetPresenceAsync(done.Position);
        Assert.Equal(("away", "manual", done.Presence.Version), (presence.StatusId, presence.Origin, presence.Version));
        Assert.NotNull(presence.AsOf);
    }

    [Fact]
    public async Task Who_and_why_and_from_where_stand_in_the_audit()
    {
        var (ana, agent) = await SignedInAsync();
        await agent.SetPresenceAsync("away", new CommandOptions { ConnectionId = "main", Reason = new Reason("lunch", "Mahlzeit") });
        var entry = (await service.TimelineAsync(ana))[^1];
        Assert.Equal(ana, entry.GetProperty("actor").GetProperty("id").GetString());
        Assert.Equal("main", entry.GetProperty("connectionId").GetString());
        Assert.Equal("Mahlzeit", entry.GetProperty("reason").GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_presence_stands_until_an_instant_or_for_minutes()
    {
        var (_, agent) = await SignedInAsync();
        var until = DateTimeOffset.UtcNow.AddHours(1);

        var timed = await agent.SetPresenceAsync("away", until);
        Assert.Equal(until.ToUnixTimeMilliseconds(), timed.Presence.Until?.ToUnixTimeMilliseconds());
        var forMinutes = (await agent.SetPresenceAsync("away", 15)).Presence.Until!.Value;
        Assert.InRange(forMinutes, DateTimeOffset.UtcNow.AddMinutes(13), DateTimeOffset.UtcNow.AddMinutes(15.1));
        Assert.Null((await agent.SetPresenceAsync("away")).Presence.Until);

        var refused = await Assert.ThrowsAsync<RefusedException>(() => agent.SetPresenceAsync("away", DateTimeOffset.UtcNow.AddDays(2)));
        Assert.Equal(("validation", "until"), (refused.Code, Assert.Single(refused.Errors).Key));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => agent.SetPresenceAsync("away", 0));
    }

    [Fact]
    public async Task Refusals_say_what_is_wrong()
    {
        var (ana, agent) = await SignedInAsync();
        var version = (await agent.SetPresenceAsync("away")).Presence.Version;

        await RefusedAsync(404, "agent-unknown", () => service.Client("agent:nobody").Agent("nobody").SignInAsync());
        await RefusedAsync(404, "agent-unknown", () => agent.TransferToAgentAsync("c1", "nobody"), orCode: "conversation-unknown");
        await RefusedAsync(404, "conversation-unknown", () => agent.AcceptAsync("c1"));
        await RefusedAsync(409, "status-unknown", () => agent.SetPresenceAsync("nowhere"));
        await RefusedAsync(403, "forbidden", () => service.Client("agent:ben").Agent(ana).SetPresenceAsync("busy"));
        await RefusedAsync(412, "version-conflict", () => agent.SetPresenceAsync("busy", new CommandOptions { IfMatch = version - 1 }));
        var e = await RefusedAsync(
            400,
            "validation",
            () => service.Client(Service.Routing).Agent(ana).AssignAsync("c1", new Work { Units = -1 })
        );
        Assert.Equal("units", Assert.Single(e.Errors).Key);
        Assert.Equal(version, (await agent.SetPresenceAsync("away", new CommandOptions { IfMatch = version })).Presence.Version);

        static async Task<RefusedException> RefusedAsync(int status, string code, Func<Task> command, string? orCode = null)
        {
            var e = await Assert.ThrowsAsync<RefusedException>(command);
            Assert.Equal(status, e.Status);
            Assert.True(e.Code == code || e.Code == orCode, e.Message);
            Assert.NotEmpty(e.Detail);
            return e;
        }
    }

    [Fact]
    public async Task A_lost_answer_is_asked_for_again_and_the_ledger_has_the_command_once()
    {
        var (ana, _) = await SignedInAsync();
        using var network = new Between
        {
            Does = async (_, number, sendOn, _) =>
            {
                var answer = await sendOn();
                if (number > 1)
                    return answer;
                answer.Dispose();
                throw new HttpRequestException("The answer is lost.");
            },
        };
        var before = await service.EventsAsync(ana);
        var done = await service.Client("agent:" + ana, network).Agent(ana).SetPresenceAsync("away");
        Assert.True(done.Replayed);
        Assert.Equal("away", done.Presence.StatusId);
        var after = await service.EventsAsync(ana);
        Assert.Equal([.. before, "presence-changed"], after);
    }

    [Fact]
    public async Task A_key_of_the_callers_own_makes_one_command_of_two()
    {
        var (_, agent) = await SignedInAsync();
        var options = new CommandOptions { IdempotencyKey = "ticket-17" };
        var first = await agent.SetPresenceAsync("away", options);
        var between = await agent.SetPresenceAsync("busy");
        var second = await agent.SetPresenceAsync("away", options);
        Assert.Equal((false, true), (first.Replayed, second.Replayed));
        Assert.Equal(JsonSerializer.Serialize(first.Presence), JsonSerializer.Serialize(second.Presence));
        Assert.Equal("busy", (await agent.GetPresenceAsync(between.Position)).StatusId);
    }

    private async Task<(string Id, AgentClient Agent)> SignedInAsync()
    {
        var id = await service.AgentAsync();
        var agent = service.Client("agent:" + id).Agent(id);
        await agent.SignInAsync("main");
        return (id, agent);
    }
}
