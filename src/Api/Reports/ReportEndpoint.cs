using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Queries.Historical;

namespace PresenceLedger.Api.Reports;

/// <summary>What endpoints of reports share: they wait for what the caller has seen, and say how far the facts are.</summary>
internal static class ReportEndpoint
{
    /// <summary>Opens the facts.</summary>
    /// <exception cref="Queries.BehindException">They do not have in time what the caller has seen, or what was recorded by then.</exception>
    public static async Task<ReportFacts> OpenAsync(HttpContext http, ReportLedger ledger, ReportWindow window, string? agentId = null)
    {
        await ReadPositionHeaders.WaitAsync(http, agentId);
        var facts = await ledger.OpenAsync(window.KnownAt, http.RequestAborted);
        ReadPositionHeaders.Set(http, facts.Snapshot.Read.Position);
        http.Response.Headers["As-Of"] = Instant.Format(facts.AsOf);
        return facts;
    }

    /// <summary>The facts of one agent, as they are recorded, and up to when they are complete.</summary>
    /// <inheritdoc cref="OpenAsync" />
    public static async Task<(AgentFacts Facts, DateTimeOffset AsOf)> OfAgentAsync(
        HttpContext http,
        ReportLedger ledger,
        ReportWindow window,
        string agentId
    )
    {
        await using var facts = await OpenAsync(http, ledger, window, agentId);
        return (await facts.OfAgentAsync(agentId, window, http.RequestAborted), facts.AsOf);
    }
}
