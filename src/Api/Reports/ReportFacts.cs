using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Reports;

/// <summary>The facts that one report is made of.</summary>
/// <param name="Snapshot">All as of one place in the ledger.</param>
/// <param name="AsOf">Where open intervals end.</param>
internal sealed record ReportFacts(FactsSnapshot Snapshot, DateTimeOffset AsOf) : IAsyncDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Opens the facts once they have what the caller has seen, and all that was recorded by the instant that is asked about. Says in
    /// the headers how far they are. Null where that takes too long or was asked wrongly; then there is a problem.
    /// </summary>
    public static async Task<(ReportFacts? Facts, IResult? Problem)> OpenAsync(
        HttpContext http,
        DateTimeOffset? knownAt,
        string? agentId = null
    )
    {
        var services = http.RequestServices;
        var position = services.GetRequiredService<ReadPosition>();
        if (await ReadPositionHeaders.WaitAsync(http, position, agentId) is { } problem)
            return (null, problem);
        // So that the same instant gives the same number ever after.
        if (knownAt is { } at && !await position.WaitAsync(read => read.AsOf >= at, Longest, http.RequestAborted))
            return (null, ReadPositionHeaders.Behind(http));
        var snapshot = await services.GetRequiredService<FactsReader>().OpenAsync(http.RequestAborted);
        var facts = new ReportFacts(snapshot, knownAt ?? snapshot.Read.AsOf);
        ReadPositionHeaders.Set(http, snapshot.Read.Position);
        http.Response.Headers["As-Of"] = Instant.Format(facts.AsOf);
        return (facts, null);
    }

    /// <summary>The facts of one agent in a window, or of all time, with who, why and by which events; null where it is not registered.</summary>
    public async Task<AgentFacts?> OfAgentAsync(string agentId, ReportWindow window, CancellationToken ct)
    {
        var detailed = new FactsWindow(window.From ?? DateTimeOffset.MinValue, window.To ?? AsOf.AddMilliseconds(1))
        {
            KnownAt = window.KnownAt,
            InDetail = true,
        };
        var facts = await ReadAsync(agentId, detailed, ct);
        // A correction over an edge of the window may join what is in it with what is outside.
        return !window.IsRaw && facts?.Corrections.Any(c => c.From <= detailed.From || c.To >= detailed.To) == true
            ? await ReadAsync(agentId, detailed with { From = DateTimeOffset.MinValue, To = AsOf.AddMilliseconds(1) }, ct)
            : facts;
    }

    private async Task<AgentFacts?> ReadAsync(string agentId, FactsWindow window, CancellationToken ct)
    {
        await foreach (var record in Snapshot.ReadAsync([agentId], window, ct))
            return record.Facts;
        return null;
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Snapshot.DisposeAsync();
}
