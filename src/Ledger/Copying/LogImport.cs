using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Copying;

/// <summary>Writes a whole ledger into an empty log of any kind, by the appends that it has.</summary>
public sealed class LogImport(ILog log)
{
    private const int LargestAppend = 256;
    private const int AtOnce = 16;

    /// <summary>Writes portions until there are no more.</summary>
    /// <param name="portions">A stream goes on from one portion to the next without gaps.</param>
    /// <param name="written">Told how many events each portion had, when it is written.</param>
    /// <param name="ct">Cancels between appends.</param>
    /// <exception cref="LedgerNotEmptyException">There are events, or somebody else writes to the same streams.</exception>
    public async Task RunAsync(IAsyncEnumerable<IReadOnlyList<EventRecord>> portions, IProgress<int> written, CancellationToken ct)
    {
        await log.SettleAsync(ct);
        if (await log.ReadAllAsync(LogPosition.Start, 1, ct) is not [])
            throw new LedgerNotEmptyException("The ledger has events already; an import writes into an empty one.");
        await foreach (var portion in portions.WithCancellation(ct))
        {
            await Parallel.ForEachAsync(
                portion.GroupBy(e => e.Stream, StringComparer.Ordinal),
                new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
                AppendAsync
            );
            written.Report(portion.Count);
        }
    }

    private async ValueTask AppendAsync(IGrouping<string, EventRecord> stream, CancellationToken ct)
    {
        foreach (var events in stream.Chunk(LargestAppend))
        {
            ct.ThrowIfCancellationRequested();
            var commit = new Commit([new StreamAppend(stream.Key, events[0].Version - 1, events)]);
            if ((await log.AppendAsync(commit)).Verdict is not AppendVerdict.Appended)
                throw new LedgerNotEmptyException($"Somebody else wrote to '{stream.Key}'; the import stopped there.");
        }
    }
}
