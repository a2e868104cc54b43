using PresenceLedger.Contracts;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Agents;

/// <summary>How an agent is set up: what a registration says, as it stands now.</summary>
internal static class GetAgent
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("", GetAsync)
            .WithTags("Configuration")
            .WithSummary("The settings of an agent, as the ledger has them now.")
            .Produces<AgentSettingsAnswer>()
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IResult> GetAsync(HttpContext http, string agentId, AgentStreams agents, Names directory)
    {
        var agent = await agents.CurrentAsync(agentId, http.RequestAborted);
        if (!agent.IsRegistered)
            throw RefusedException.AgentUnknown(agentId);
        var names = await directory.ReadAsync([agentId], http.RequestAborted);
        CommandEndpoint.SetVersion(http, agent.Version);
        var settings = agent.Settings;
        return Results.Json(
            new AgentSettingsAnswer(
                agentId,
                agent.Version,
                names.GetValueOrDefault(agentId),
                settings.DefaultStatusId,
                settings.Units,
                [.. settings.Profiles.Select(p => new AgentProfileBody(p.Key, p.Value))],
                settings.Queues,
                SkillBody.Of(agent),
                agent.SignedIn,
                agent.ErasedAt
            ),
            WireJson.Options
        );
    }
}
