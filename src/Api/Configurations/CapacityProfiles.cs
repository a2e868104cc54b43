using MediatR;
using Npgsql;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Configurations;

/// <summary>Capacity profiles, and their reset by hand.</summary>
internal static class CapacityProfiles
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/capacity-profiles", Get)
            .WithMetadata(new TellsOfConfiguration())
            .WithTags("Configuration")
            .WithMetadata(new Paged())
            .WithSummary("The capacity profiles.")
            .Produces<Page<CapacityProfileAnswer>>();
        api.MapPut(
                "/capacity-profiles/{profileId}",
                (HttpContext http, string profileId, Body<CapacityProfileBody> body) =>
                    ConfigurationEndpoints.SendAsync(
                        http,
                        body,
                        b => new SetCapacityProfile(
                            new CapacityProfile(profileId, b.Name ?? profileId, b.Limit!.Value, b.Blocking, b.Reset)
                        ),
                        c => CapacityProfileAnswer.Of(c.Profiles[profileId])
                    )
            )
            .Allow(Permissions.CheckConfigure)
            .WithTags("Configuration")
            .WithSummary("Add or change a capacity profile; agents feel it at their next decision by capacity.")
            .Produces<CapacityProfileAnswer>();
        api.MapPost("/capacity-profiles/{profileId}/reset", ResetAsync)
            .Allow(Permissions.CheckConfigure)
            .WithTags("Configuration")
            .WithMetadata(new NeedsNoKey())
            .WithSummary("Give back what an end-of-day profile has counted, for every agent who has it (CAP-7).")
            .Produces<CapacityResetAnswer>()
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static IResult Get(HttpContext http, ConfigurationStream configuration)
    {
        var paging = PageQuery.Read(http);
        // The version that a change of one of them may name in If-Match.
        CommandEndpoint.SetVersion(http, configuration.Current.Version);
        return Results.Json(
            paging.OfAll(configuration.Current.Profiles.Values, p => p.Id, p => CapacityProfileAnswer.Of(p)),
            WireJson.Options
        );
    }

    private static async Task<IResult> ResetAsync(
        HttpContext http,
        string profileId,
        Body<NoBody> body,
        ConfigurationStream configuration,
        ReadPosition position,
        NpgsqlDataSource database,
        IMediator mediator,
        TimeProvider clock
    )
    {
        var ct = http.RequestAborted;
        if (body.Problem is { } bad)
            return bad;
        await configuration.RefreshAsync(ct);
        if (Permissions.CheckReset(http.Actor(), configuration.Current, profileId) is { } refused)
            return Results.Problem(Problems.Details(refused, RefusalCodes.ProfileUnknown));
        var envelope = CommandEndpoint.Envelope(http, body.Value.Reason, []);

        // All that was recorded before this request is to be reset; repeating it does nothing more, so it needs no key.
        var now = clock.Now();
        if (!await position.WaitAsync(read => read.AsOf >= now, Longest, ct))
            throw new BehindException();
        var reset = 0;
        foreach (var agentId in await AgentsWithAsync(database, profileId, ct))
        {
            var outcome = await mediator.Send(
                new AgentRequest(agentId, new ResetCapacity(profileId), envelope with { IdempotencyKey = null, IfMatch = null }),
                ct
            );
            if (outcome is AgentAccepted { Events.Count: > 0 })
                reset++;
        }
        return Results.Json(new CapacityResetAnswer(profileId, reset), WireJson.Options);
    }

    private static async Task<List<string>> AgentsWithAsync(NpgsqlDataSource database, string profileId, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            select agent_id from {PresenceModel.Agents} where $1 = any (profiles) order by agent_id
            """
        );
        command.Parameters.Add(new() { Value = profileId });
        var ids = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            ids.Add(reader.GetString(0));
        return ids;
    }
}
