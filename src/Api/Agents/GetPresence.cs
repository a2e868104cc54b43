using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Agents;

/// <summary>The current presence of an agent, from the projection.</summary>
internal static class GetPresence
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/presence", GetAsync)
            .WithTags("Queries")
            .WithMetadata(new ReadsYourWrites())
            .WithSummary("The current presence.")
            .Produces<PresenceAnswer>()
            .ProducesProblems(404, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        NpgsqlDataSource database,
        ReadPosition position,
        ConfigurationStream configuration
    )
    {
        if (await ReadPositionHeaders.WaitAsync(http, position, agentId) is { } problem)
            return problem;
        var read = await position.ReadAsync(http.RequestAborted);
        if (await OpenFacts.FindAsync(database, agentId, http.RequestAborted) is not { } open)
            return Problems.Of(Refusal.AgentUnknown(agentId));
        ReadPositionHeaders.Set(http, read.Position);
        var answer = new PresenceAnswer(open.Agent, configuration.Current) { AsOf = read.AsOf };
        CommandEndpoint.SetVersion(http, answer.Version);
        return Results.Json(answer, WireJson.Options);
    }
}
