using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Authorization;

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

/// <summary>Who is let in as what.</summary>
/// <param name="Mode"><c>open</c>: whoever calls from this machine is believed; <c>jwt</c>: bearer tokens.</param>
/// <param name="Authority">Who issues tokens, where that is an authority.</param>
/// <param name="Audience">Whom tokens must be for.</param>
/// <param name="IdClaim">The claim of the id.</param>
/// <param name="RoleClaim">The claim of the roles.</param>
/// <param name="Roles">Custom roles; the personas' own names map to themselves.</param>
public sealed record AccessAnswer(
    AccessMode Mode,
    string? Authority,
    string? Audience,
    string IdClaim,
    string RoleClaim,
    IReadOnlyList<RoleAnswer> Roles
);

/// <summary>The persona of a custom role.</summary>
public sealed record RoleAnswer(string Role, Persona Persona);
