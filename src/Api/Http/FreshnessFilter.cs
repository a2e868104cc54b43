using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Http;

/// <summary>Says that an endpoint answers from the configuration that this node holds in memory.</summary>
internal sealed record TellsOfConfiguration;

/// <summary>
/// Read-your-writes where no read model serves: what is read from the log waits for the agent's version (a log of several nodes may be
/// read at one that is behind), and the configuration is read from the log where the caller has seen more.
/// </summary>
internal sealed class FreshnessFilter(AgentStreams agents, ConfigurationStream configuration, TimeProvider clock) : IEndpointFilter
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var metadata = http.GetEndpoint()!.Metadata;
        if (
            RequestChecks.MinVersion(http) is { } least
            && metadata.GetMetadata<ReadsYourWrites>() is null
            && http.Request.RouteValues["agentId"] is string agentId
            && !await HasAsync(agentId, least, http.RequestAborted)
        )
            throw new BehindException();
        if (metadata.GetMetadata<TellsOfConfiguration>() is not null && http.Request.Headers.ContainsKey(ReadPositionHeaders.Header))
            await configuration.RefreshAsync(http.RequestAborted);
        return await next(context);
    }

    private async Task<bool> HasAsync(string agentId, long version, CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        while ((await agents.CurrentAsync(agentId, ct)).Version < version)
        {
            if (clock.GetElapsedTime(began) > Longest)
                return false;
            await Task.Delay(Poll, clock, ct);
        }
        return true;
    }
}
