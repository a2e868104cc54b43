using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Ledger.Agents;

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

    private static async Task<IResult> GetAsync(HttpContext http, string agentId, AgentStreams agents, NpgsqlDataSource database)
    {
        var agent = await agents.CurrentAsync(agentId, http.RequestAborted);
        if (!agent.IsRegistered)
            return Problems.Of(Refusal.AgentUnknown(agentId));
        var names = await Names.ReadAsync(database, [agentId], http.RequestAborted);
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
                [.. settings.Skills.Select(s => new SkillBody(s.Name, s.Proficiency))],
                agent.SignedIn,
                agent.ErasedAt
            ),
            WireJson.Options
        );
    }
}

/// <summary>The settings of an agent.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Version">Version of the agent's last event.</param>
/// <param name="DisplayName">The name in the directory.</param>
/// <param name="DefaultStatusId">Default presence; <c>available</c> where null.</param>
/// <param name="Units">Total capacity units; null for none.</param>
/// <param name="Profiles">Capacity profiles.</param>
/// <param name="Queues">Queues.</param>
/// <param name="Skills">Skills.</param>
/// <param name="SignedIn">Whether a connection lives.</param>
/// <param name="ErasedAt">When the person was erased last; null where never.</param>
public sealed record AgentSettingsAnswer(
    string AgentId,
    long Version,
    string? DisplayName,
    string? DefaultStatusId,
    int? Units,
    IReadOnlyList<AgentProfileBody> Profiles,
    IReadOnlyList<string> Queues,
    IReadOnlyList<SkillBody> Skills,
    bool SignedIn,
    DateTimeOffset? ErasedAt
);
