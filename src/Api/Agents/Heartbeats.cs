using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Agents;

/// <summary>Signs of life, one by one and in batches, and the client's word that it closes (CON-1, CON-7, CON-9).</summary>
internal static class Heartbeats
{
    public static void Map(RouteGroupBuilder api, RouteGroupBuilder agent)
    {
        agent
            // Who may close a connection may keep it alive.
            .MapPost("/connections/{connectionId}/heartbeat", BeatAsync)
            .Allow(Permissions.Check<CloseConnection>)
            .WithTags("Connections")
            .WithSummary("A sign of life of a connection; no event (CON-7).")
            .Produces(StatusCodes.Status204NoContent)
            .ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPost("/heartbeats", BeatAllAsync)
            .Allow(Permissions.CheckGateway)
            .WithTags("Connections")
            .WithSummary("Signs of life of many connections, from a gateway.")
            .Produces<HeartbeatsAnswer>();
        agent
            .MapDelete("/connections/{connectionId}", CloseAsync)
            .Allow(Permissions.Check<CloseConnection>)
            .WithTags("Connections")
            .WithSummary("The client closes; it has the refresh grace to come back (CON-1, CON-6).")
            .Produces(StatusCodes.Status204NoContent)
            .ProducesProblem(StatusCodes.Status404NotFound);
        agent
            .MapPost(
                "/connections/{connectionId}/closing",
                (HttpContext http, string agentId, string connectionId) => CloseAsync(http, agentId, connectionId)
            )
            .Allow(Permissions.Check<CloseConnection>)
            .WithTags("Connections")
            .WithSummary("The same for navigator.sendBeacon; the actor may stand in the query (actor, or access_token).")
            .Produces(StatusCodes.Status204NoContent)
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> BeatAsync(HttpContext http, string agentId, string connectionId, AgentStreams agents, Leases leases)
    {
        return await IsAliveAsync(agentId, connectionId, agents, leases, http.ArrivedAt(), http.RequestAborted)
            ? Results.NoContent()
            : Results.Problem(Problems.Details(Refusal.ConnectionUnknown(agentId, connectionId), RefusalCodes.ConnectionUnknown));
    }

    private static async Task<IResult> BeatAllAsync(HttpContext http, Body<HeartbeatsBody> body, AgentStreams agents, Leases leases)
    {
        if (body.Problem is { } bad)
            return bad;
        var at = http.ArrivedAt();
        var heartbeats = body.Value.Heartbeats!;
        // All at once: those that this node does not know are looked up together.
        var alive = await Task.WhenAll(
            heartbeats.Select(h => IsAliveAsync(h.AgentId, h.ConnectionId, agents, leases, at, http.RequestAborted))
        );
        return Results.Json(new HeartbeatsAnswer([.. heartbeats.Where((_, n) => !alive[n])]), WireJson.Options);
    }

    /// <summary>Takes a heartbeat; false where the connection is none, or was lost by the time it arrived (CON-1, CON-9).</summary>
    public static async Task<bool> IsAliveAsync(
        string agentId,
        string connectionId,
        AgentStreams agents,
        Leases leases,
        DateTimeOffset at,
        CancellationToken ct
    )
    {
        try
        {
            return await leases.TakeAsync(agentId, connectionId, at, ct) || await agents.IsOpenAsync(agentId, connectionId, at, ct);
        }
        finally
        {
            leases.Decided(agentId, connectionId, at);
        }
    }

    private static async Task<IResult> CloseAsync(HttpContext http, string agentId, string connectionId)
    {
        var body = await Body<NoBody>.EmptyAsync(http);
        var answer = await CommandEndpoint.SendAsync(
            http,
            agentId,
            body,
            _ => new CloseConnection(connectionId),
            null,
            RefusalCodes.ConnectionUnknown
        );
        return answer is IStatusCodeHttpResult { StatusCode: StatusCodes.Status200OK } ? Results.NoContent() : answer;
    }
}
