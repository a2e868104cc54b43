using Marten;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Agents;

/// <summary>Registers an agent or changes the settings. The name goes to the directory, the rest to the ledger (WHO-3).</summary>
internal static class RegisterAgent
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapPut("", PutAsync)
            .Allow(Permissions.Check<ConfigureAgent>)
            .WithTags("Configuration")
            .WithSummary("Register an agent, or change the settings.")
            .Produces<PresenceAnswer>()
            .ProducesProblems(400, 403, 409);

    private static async Task<IResult> PutAsync(HttpContext http, string agentId, Body<AgentBody> body, IDocumentStore store)
    {
        var answer = await CommandEndpoint.SendAsync(http, agentId, body, b => new ConfigureAgent(b.ToChange(body.Has)));
        if (answer is IStatusCodeHttpResult { StatusCode: StatusCodes.Status200OK } && body.Has("displayName"))
            await KeepNameAsync(store, agentId, body.Value.DisplayName, http.Response.Headers.ContainsKey(CommandEndpoint.ReplayedHeader));
        return answer;
    }

    /// <summary>
    /// An answer of an earlier time must not bring the name of that time back; but a name that the first try did not come to keep
    /// is kept now.
    /// </summary>
    private static async Task KeepNameAsync(IDocumentStore store, string agentId, string? displayName, bool replayed)
    {
        await using var session = store.LightweightSession();
        if (replayed && await session.LoadAsync<DirectoryEntry>(agentId) is not null)
            return;
        session.Store(new DirectoryEntry { Id = agentId, DisplayName = displayName });
        await session.SaveChangesAsync();
    }
}
