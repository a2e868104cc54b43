namespace PresenceLedger.Ledger.Copying;

/// <summary>The ledger has events already, and is to be empty.</summary>
public sealed class LedgerNotEmptyException(string message) : Exception(message);

/// <summary>
/// Writes a whole ledger into an empty log of any kind, by the appends that it has. A log that spans streams takes a portion as one commit,
/// in its order; another one takes the streams of a portion beside each other.
/// </summary>
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
        if (await log.ReadAllAsync(LogPosition.Start, 1, ct) is not [])
            throw new LedgerNotEmptyException("The ledger has events already; an import writes into an empty one.");
        await foreach (var portion in portions.WithCancellation(ct))
        {
            var streams = portion.GroupBy(e => e.Stream, StringComparer.Ordinal);
            if (log.SpansStreams)
                await AppendAsync(new Commit([.. streams.Select(s => Append([.. s]))]) { Order = portion });
            else
                await Parallel.ForEachAsync(
                    streams,
                    new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
                    async (stream, cancelled) =>
                    {
                        foreach (var events in stream.Chunk(LargestAppend))
                        {
                            cancelled.ThrowIfCancellationRequested();
                            await AppendAsync(new Commit([Append(events)]));
                        }
                    }
                );
            written.Report(portion.Count);
        }
    }

    private static StreamAppend Append(EventRecord[] events) => new(events[0].Stream, events[0].Version - 1, events);

    private async Task AppendAsync(Commit commit)
    {
        if ((await log.AppendAsync(commit)).Verdict is not AppendVerdict.Appended)
            throw new LedgerNotEmptyException("Somebody else wrote to streams of the import; it stopped before this portion.");
    }
}
