using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Access;

/// <summary>Who is let in as what (DIA-1): the section <c>Access</c> of the configuration, without its secrets.</summary>
internal static class AccessEndpoint
{
    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/access", Get)
            .Allow(Permissions.CheckSetup)
            .WithMetadata(new TellsOfTheService())
            .WithTags("Operations")
            .WithSummary("Who is let in, and which role is which persona, as the service is configured (DIA-1).")
            .Produces<AccessAnswer>()
            .ProducesProblem(StatusCodes.Status403Forbidden);

    private static IResult Get(AccessOptions options) =>
        Results.Json(
            new AccessAnswer(
                options.Mode,
                options.Authority,
                options.Audience,
                options.IdClaim,
                options.RoleClaim,
                [.. options.Roles.OrderBy(r => r.Key, StringComparer.OrdinalIgnoreCase).Select(r => new RoleAnswer(r.Key, r.Value))]
            ),
            WireJson.Options
        );
}
