using Marten;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Projections.CurrentPresence;

namespace PresenceLedger.Api.Agents;

/// <summary>Registers an agent or changes the settings. The name goes to the directory, the rest to the ledger (WHO-3).</summary>
internal static class RegisterAgent
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapPut("", PutAsync)
            .WithTags("Configuration")
            .WithSummary("Register an agent, or change the settings.")
            .Produces<PresenceAnswer>()
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status409Conflict);

    private static async Task<IResult> PutAsync(HttpContext http, string agentId, Body<AgentBody> body, IDocumentStore store)
    {
        var answer = await CommandEndpoint.SendAsync(http, agentId, body, b => new ConfigureAgent(b.ToChange(body)));
        // An answer of an earlier time must not bring the name of that time back.
        var accepted =
            answer is IStatusCodeHttpResult { StatusCode: StatusCodes.Status200OK }
            && !http.Response.Headers.ContainsKey(CommandEndpoint.ReplayedHeader);
        if (accepted && body.Has("displayName"))
        {
            await using var session = store.LightweightSession();
            session.Store(new DirectoryEntry { Id = agentId, DisplayName = body.Value.DisplayName });
            await session.SaveChangesAsync(http.RequestAborted);
        }
        return answer;
    }
}
