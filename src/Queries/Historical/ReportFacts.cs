using PresenceLedger.Domain.Reporting;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Historical;

/// <summary>Opens the facts that reports are made of.</summary>
public sealed class ReportLedger(FactsReader reader, ReadPosition position)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>Opens the facts once they have all that was recorded by an instant: so that the same instant gives the same number ever after.</summary>
    /// <param name="knownAt">The instant; null for what there is.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="BehindException">That takes too long.</exception>
    public async Task<ReportFacts> OpenAsync(DateTimeOffset? knownAt, CancellationToken ct)
    {
        if (knownAt is { } at && !await position.WaitAsync(read => read.AsOf >= at, Longest, ct))
            throw new BehindException();
        var snapshot = await reader.OpenAsync(ct);
        return new ReportFacts(snapshot, knownAt ?? snapshot.Read.AsOf);
    }

    /// <summary>Waits for facts of any instant: a read model that was never filled is not one without agents.</summary>
    /// <exception cref="BehindException">That takes too long.</exception>
    public async Task BeginAsync(CancellationToken ct)
    {
        if (!await position.WaitAsync(read => read.AsOf > DateTimeOffset.UnixEpoch, Longest, ct))
            throw new BehindException();
    }
}

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
