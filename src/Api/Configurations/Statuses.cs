using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Configurations;

/// <summary>The status catalogue (CAT).</summary>
internal static class Statuses
{
    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/statuses", Get)
            .WithMetadata(new TellsOfConfiguration())
            .WithTags("Configuration")
            .WithMetadata(new Paged())
            .WithSummary("The statuses, those out of the box and custom ones.")
            .Produces<Page<StatusAnswer>>();
        api.MapPut(
                "/statuses/{statusId}",
                (HttpContext http, string statusId, Body<StatusBody> body) =>
                    ConfigurationEndpoints.SendAsync(
                        http,
                        body,
                        b => new DefineStatus(statusId, b.Name ?? b.Text!, b.Text ?? b.Name!, b.Base!.Value, b.Description),
                        c => StatusAnswer.Of(c.Statuses[statusId])
                    )
            )
            .Allow(Permissions.CheckConfigure)
            .WithTags("Configuration")
            .WithSummary("Add a custom status, or edit it (CAT-2).")
            .Produces<StatusAnswer>()
            .ProducesProblem(StatusCodes.Status409Conflict);
        api.MapPost(
                "/statuses/{statusId}/retire",
                (HttpContext http, string statusId, Body<NoBody> body) =>
                    ConfigurationEndpoints.SendAsync(
                        http,
                        body,
                        _ => new RetireStatus(statusId),
                        c => StatusAnswer.Of(c.Statuses[statusId]),
                        RefusalCodes.StatusUnknown
                    )
            )
            .Allow(Permissions.CheckConfigure)
            .WithTags("Configuration")
            .WithSummary("Retire a custom status (CAT-5).")
            .Produces<StatusAnswer>()
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static IResult Get(HttpContext http, ConfigurationStream configuration)
    {
        var paging = PageQuery.Read(http);
        // The version that a change of one of them may name in If-Match.
        CommandEndpoint.SetVersion(http, configuration.Current.Version);
        return Results.Json(paging.OfAll(configuration.Current.Statuses.Values, s => s.Id, s => StatusAnswer.Of(s)), WireJson.Options);
    }
}
