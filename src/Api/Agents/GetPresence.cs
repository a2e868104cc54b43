using Npgsql;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.CurrentPresence;

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
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

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
        if (await FindAsync(database, agentId, http.RequestAborted) is not { } document)
            return Problems.Of(Refusal.AgentUnknown(agentId));
        ReadPositionHeaders.Set(http, read.Position);
        var answer = new PresenceAnswer(document.Agent, configuration.Current) { AsOf = read.AsOf };
        CommandEndpoint.SetVersion(http, answer.Version);
        return Results.Json(answer, WireJson.Options);
    }

    private static async Task<PresenceDocument?> FindAsync(NpgsqlDataSource database, string agentId, CancellationToken ct)
    {
        await using var command = database.CreateCommand($"select data::text from {PresenceModel.Agents} where agent_id = $1");
        command.Parameters.Add(new() { Value = agentId });
        return await command.ExecuteScalarAsync(ct) is string data ? LedgerJson.Read<PresenceDocument>(data) : null;
    }
}
