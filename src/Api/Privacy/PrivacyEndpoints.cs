using PresenceLedger.Api.Hosting;
using PresenceLedger.Ledger.Access;
using PresenceLedger.Ledger.Reasons;

namespace PresenceLedger.Api.Privacy;

/// <summary>Privacy (docs/privacy.md): texts that can be erased, who read what, disputes, erasure.</summary>
internal static class PrivacyEndpoints
{
    /// <summary>What the endpoints need.</summary>
    /// <exception cref="MisconfiguredException">The section <c>Audit</c> cannot be read.</exception>
    public static void Add(WebApplicationBuilder builder)
    {
        var options = new AuditOptions();
        try
        {
            builder.Configuration.GetSection("Audit").Bind(options);
        }
        catch (InvalidOperationException e)
        {
            throw new MisconfiguredException("The section Audit of the configuration cannot be read: " + e.Message);
        }
        builder
            .Services.AddSingleton(options)
            .AddSingleton<IReasonTexts, PostgresReasonTexts>()
            .AddSingleton<AccessLog>()
            .AddSingleton<ReadRecording>();
    }

    public static void Map(RouteGroupBuilder api)
    {
        var agent = api.MapGroup("/agents/{agentId}");
        Disputes.Map(api, agent);
        Erasure.Map(agent);
    }
}
