using System.Globalization;
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
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

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
        string? minVersion,
        NpgsqlDataSource database,
        ReadPosition position,
        ConfigurationStream configuration
    )
    {
        var least = -1L;
        if (minVersion is not null && !long.TryParse(minVersion, NumberStyles.None, CultureInfo.InvariantCulture, out least))
            return Problems.Validation("minVersion", "must be a whole number from 0");
        if (await ReadPositionHeaders.WaitAsync(http, position) is { } problem)
            return problem;
        PresenceDocument? document = null;
        Read read = null!;
        var found = await position.WaitAsync(
            async () =>
            {
                read = await position.ReadAsync(http.RequestAborted);
                document = await FindAsync(database, agentId, http.RequestAborted);
                return minVersion is null || document?.Agent.Version >= least;
            },
            Longest,
            http.RequestAborted
        );
        if (!found)
            return ReadPositionHeaders.Behind(http);
        if (document is null)
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
