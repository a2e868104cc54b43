using PresenceLedger.Domain.Reporting;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Historical;

/// <summary>The facts that one report is made of.</summary>
/// <param name="Snapshot">All as of one place in the ledger.</param>
/// <param name="AsOf">Where open intervals end.</param>
public sealed record ReportFacts(FactsSnapshot Snapshot, DateTimeOffset AsOf) : IAsyncDisposable
{
    /// <summary>The facts of one agent in a window, or of all time, with who, why and by which events.</summary>
    /// <exception cref="RefusedException">There is no such agent.</exception>
    public async Task<AgentFacts> OfAgentAsync(string agentId, ReportWindow window, CancellationToken ct)
    {
        var detailed = new FactsWindow(window.From ?? DateTimeOffset.MinValue, window.To ?? AsOf.AddMilliseconds(1))
        {
            KnownAt = window.KnownAt,
            InDetail = true,
        };
        var facts = await ReadAsync(agentId, detailed, ct);
        // A correction over an edge of the window may join what is in it with what is outside.
        return !window.IsRaw && facts.Corrections.Any(c => c.From <= detailed.From || c.To >= detailed.To)
            ? await ReadAsync(agentId, detailed with { From = DateTimeOffset.MinValue, To = AsOf.AddMilliseconds(1) }, ct)
            : facts;
    }

    private async Task<AgentFacts> ReadAsync(string agentId, FactsWindow window, CancellationToken ct)
    {
        await foreach (var record in Snapshot.ReadAsync([agentId], window, ct))
            return record.Facts;
        throw RefusedException.AgentUnknown(agentId);
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Snapshot.DisposeAsync();
}
