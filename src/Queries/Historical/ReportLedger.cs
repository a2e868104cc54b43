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
