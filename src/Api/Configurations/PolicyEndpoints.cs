using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Configurations;

/// <summary>The policy of the rules.</summary>
internal static class PolicyEndpoints
{
    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/policy", Get)
            .WithMetadata(new TellsOfConfiguration())
            .WithTags("Configuration")
            .WithSummary("The policy.")
            .Produces<PolicyAnswer>();
        api.MapPut(
                "/policy",
                (HttpContext http, Body<PolicyBody> body) =>
                    ConfigurationEndpoints.SendAsync(http, body, b => new AmendPolicy(p => b.Change(p, body.Has)), PolicyAnswer.Of)
            )
            .Allow(Permissions.CheckConfigure)
            .WithTags("Configuration")
            .WithSummary("Change the policy; what is left out stays as it is.")
            .Produces<PolicyAnswer>();
    }

    private static IResult Get(HttpContext http, ConfigurationStream configuration)
    {
        // The version stands in the header, so that what was got can be put back as it is.
        CommandEndpoint.SetVersion(http, configuration.Current.Version);
        return Results.Json(PolicyAnswer.Of(configuration.Current), WireJson.Options);
    }
}
