using MediatR;
using Microsoft.AspNetCore.SignalR;
using PresenceLedger.Api.Agents;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Heartbeats;

namespace PresenceLedger.Api.Live;

/// <summary>An agent's connection that a SignalR connection carries.</summary>
internal sealed record HubSession(string AgentId, string ConnectionId, Follower Follower)
{
    /// <summary>Whether its sign-in succeeded.</summary>
    public bool SignedIn { get; set; }

    /// <summary>When it was last heard of over this SignalR connection.</summary>
    public DateTimeOffset LastSeenAt { get; set; }
}

/// <summary>Which SignalR connection carries which connection of an agent on this node; what is pushed to them; and what becomes of it when one breaks.</summary>
internal sealed class HubSessions(
    PresenceFeed feed,
    IMediator mediator,
    AgentStreams agents,
    Leases leases,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<HubSessions> logger
)
{
    private static readonly object Key = new();

    /// <summary>What a SignalR connection carries; null before it signed in.</summary>
    public HubSession? Of(HubCallerContext context) => context.Items.TryGetValue(Key, out var session) ? (HubSession?)session : null;

    /// <summary>Begins to push the agent's presence.</summary>
    public async Task<HubSession> BeginAsync(HubCallerContext context, IClientProxy client, string agentId, string connectionId)
    {
        var only = new HashSet<string>(StringComparer.Ordinal) { agentId };
        var follower = await feed.FollowAsync(new Filter(only, null), context.ConnectionAborted);
        var session = new HubSession(agentId, connectionId, follower);
        context.Items[Key] = session;
        // Who is too slow is left, even where a message to them is stuck.
        follower.Ended.Register(context.Abort);
        _ = PushAsync(follower, client, context.ConnectionAborted);
        return session;
    }

    /// <summary>Pushes nothing more.</summary>
    public void End(HubCallerContext context)
    {
        Of(context)?.Follower.Dispose();
        context.Items.Remove(Key);
    }

    /// <summary>The SignalR connection broke: the connection has the refresh grace to come back (CON-1), unless the service itself stops (CON-8).</summary>
    public void Broke(HubCallerContext context)
    {
        if (Of(context) is not { } session)
            return;
        End(context);
        if (session.SignedIn && !lifetime.ApplicationStopping.IsCancellationRequested)
            _ = CloseAsync(session, clock.Now());
    }

    private static async Task PushAsync(Follower follower, IClientProxy client, CancellationToken ct)
    {
        try
        {
            await foreach (var change in follower.Waiting.ReadAllAsync(ct))
                if (change is null)
                    await client.SendAsync("Heartbeat", ct);
                else
                    await client.SendAsync("PresenceChanged", change.Presence, ct);
        }
        catch (OperationCanceledException)
        {
            // It is gone.
        }
    }

    private async Task CloseAsync(HubSession session, DateTimeOffset brokeAt)
    {
        try
        {
            // It may have come back already over another connection, or another node, that has not told yet.
            await leases.KnownThroughAsync(brokeAt, lifetime.ApplicationStopping);
            var agent = await agents.KnownAsync(session.AgentId, lifetime.ApplicationStopping);
            if (!agent.Connections.ContainsKey(session.ConnectionId))
                return;
            var signs = await leases.ReadAsync(agent, lifetime.ApplicationStopping);
            if (signs[session.ConnectionId].LastSeenAt > session.LastSeenAt)
                return;
            var id = Guid.CreateVersion7(brokeAt);
            var envelope = new CommandEnvelope(Actor.Ledger, id, id.ToString("N")) { ArrivedAt = brokeAt };
            await mediator.Send(new AgentRequest(session.AgentId, new CloseConnection(session.ConnectionId), envelope));
        }
        catch (OperationCanceledException)
        {
            // The service stops (CON-8).
        }
        catch (Exception e)
        {
            // Then its heartbeats, that do not come any more, tell.
            logger.LogWarning("A connection of {AgentId} broke, which could not be recorded: {Error}", session.AgentId, e.Message);
        }
    }
}
