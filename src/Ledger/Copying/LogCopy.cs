namespace PresenceLedger.Ledger.Copying;

/// <summary>How far a copy is.</summary>
/// <param name="Read">Events of the source that were read and found sound.</param>
/// <param name="Copied">Events of these that were appended to the target; the others were there.</param>
public sealed record CopyProgress(long Read, long Copied);

/// <summary>What a copy came to.</summary>
/// <param name="Events">Events of the source; the target has the same.</param>
/// <param name="Streams">Their streams.</param>
/// <param name="Copied">How many of them were appended by this run.</param>
public sealed record CopyResult(long Events, int Streams, long Copied);

/// <summary>Source or target is not what it should be; the message names the place.</summary>
public sealed class CopyException(string message) : Exception(message);

/// <summary>
/// Copies a ledger from one log to another, event by event to the letter, and proves it: the hash chain of every stream is
/// checked on both sides, and ends in the same hash. What the target has already is compared and not copied again, so a copy that
/// was broken off goes on where it was. The order within a stream is kept, and that of the configuration to everything else;
/// agents within a page may come in another order than before, which nothing depends on.
/// </summary>
public sealed class LogCopy(ILog from, ILog to, IProgress<CopyProgress> progress)
{
    private const int PageSize = 1000;
    private const int LargestAppend = 512 * 1024;

    /// <summary>Copies what is missing.</summary>
    /// <exception cref="CopyException">The source is damaged, or the target has something else.</exception>
    /// <exception cref="LedgerUnavailableException">One of them cannot be reached; what was copied stays.</exception>
    public async Task<CopyResult> RunAsync(CancellationToken ct)
    {
        await from.SettleAsync(ct);
        var there = await ReadAsync(to, "target", ct);
        var read = new Dictionary<string, Head>(StringComparer.Ordinal);
        var events = 0L;
        var copied = 0L;
        await foreach (var page in PagesAsync(from, ct))
        {
            foreach (var e in page)
                Check(read, e, "source");
            foreach (var run in Runs(page))
                copied += await AppendAsync(run, there);
            events += page.Count;
            progress.Report(new CopyProgress(events, copied));
        }
        foreach (var (stream, head) in there)
            if (!read.TryGetValue(stream, out var of) || of.Version < head.Version)
                throw new CopyException(
                    $"The target has events of '{stream}' that the source has not: it ends at version {head.Version} there."
                );

        var proof = await ReadAsync(to, "target", ct);
        foreach (var (stream, head) in read)
            if (!proof.TryGetValue(stream, out var of) || of.Version != head.Version || !of.Hash.AsSpan().SequenceEqual(head.Hash))
                throw new CopyException($"The chain of '{stream}' does not end in the target as it does in the source.");
        return new CopyResult(events, read.Count, copied);
    }

    /// <summary>Events that may be appended at once: those of the configuration stand alone, so that the order to them is kept.</summary>
    private static IEnumerable<IReadOnlyList<EventRecord>> Runs(IReadOnlyList<EventRecord> page)
    {
        var start = 0;
        for (var n = 1; n < page.Count; n++)
            if (IsConfiguration(page[n]) != IsConfiguration(page[start]))
            {
                yield return [.. page.Skip(start).Take(n - start)];
                start = n;
            }
        yield return [.. page.Skip(start)];

        static bool IsConfiguration(EventRecord e) => e.Stream == StreamNames.Configuration;
    }

    private async Task<long> AppendAsync(IReadOnlyList<EventRecord> run, Dictionary<string, Head> there)
    {
        var missing = new List<StreamAppend>();
        foreach (var stream in run.GroupBy(e => e.Stream, StringComparer.Ordinal))
        {
            var has = there.GetValueOrDefault(stream.Key, Head.None);
            // By its chain, all before the last is the same if the last is.
            if (stream.FirstOrDefault(e => e.Version == has.Version) is { } last && !last.Hash.AsSpan().SequenceEqual(has.Hash))
                throw new CopyException($"The target has other events in '{stream.Key}', at the latest from version {has.Version} on.");
            missing.AddRange(Portions(stream.Where(e => e.Version > has.Version)));
            var end = stream.Last();
            if (end.Version > has.Version)
                there[stream.Key] = new Head(end.Version, end.Hash);
        }
        // Streams beside each other; the portions of one stream in order.
        await Task.WhenAll(missing.GroupBy(m => m.Stream, StringComparer.Ordinal).Select(AppendAsync));
        return missing.Sum(m => m.Events.Count);
    }

    private async Task AppendAsync(IEnumerable<StreamAppend> portions)
    {
        foreach (var portion in portions)
            if ((await to.AppendAsync(new Commit([portion]))).Verdict is not AppendVerdict.Appended)
                throw new CopyException(
                    $"The target has other events in '{portion.Stream}' from version {portion.ExpectedVersion + 1} on."
                );
    }

    /// <summary>As much at a time as any log takes.</summary>
    private static IEnumerable<StreamAppend> Portions(IEnumerable<EventRecord> events)
    {
        var portion = new List<EventRecord>();
        var size = 0;
        foreach (var e in events)
        {
            if (portion.Count > 0 && size + SizeOf(e) > LargestAppend)
            {
                yield return new StreamAppend(e.Stream, portion[0].Version - 1, [.. portion]);
                portion.Clear();
                size = 0;
            }
            portion.Add(e);
            size += SizeOf(e);
        }
        if (portion.Count > 0)
            yield return new StreamAppend(portion[0].Stream, portion[0].Version - 1, portion);
    }

    private static int SizeOf(EventRecord e) => 2 * (e.Data.Length + e.Metadata.Length) + 512;

    private static async Task<Dictionary<string, Head>> ReadAsync(ILog log, string name, CancellationToken ct)
    {
        await log.SettleAsync(ct);
        var heads = new Dictionary<string, Head>(StringComparer.Ordinal);
        await foreach (var page in PagesAsync(log, ct))
        foreach (var e in page)
            Check(heads, e, name);
        return heads;
    }

    private static async IAsyncEnumerable<IReadOnlyList<EventRecord>> PagesAsync(
        ILog log,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct
    )
    {
        var position = LogPosition.Start;
        while (true)
        {
            var page = await log.ReadAllAsync(position, PageSize, ct);
            if (page.Count == 0)
                yield break;
            yield return [.. page.Select(e => e.Record)];
            position = page[^1].Position;
        }
    }

    private static void Check(Dictionary<string, Head> heads, EventRecord e, string name)
    {
        var head = heads.GetValueOrDefault(e.Stream, Head.None);
        if (e.Version != head.Version + 1)
            throw new CopyException($"The {name} is damaged: version {e.Version} of '{e.Stream}' comes after {head.Version}.");
        if (!HashChain.Holds(head.Hash, e))
            throw new CopyException($"The {name} is damaged: the hash chain of '{e.Stream}' breaks at version {e.Version}.");
        heads[e.Stream] = new Head(e.Version, e.Hash);
    }

    /// <summary>Where a stream ends.</summary>
    private sealed record Head(long Version, byte[] Hash)
    {
        public static Head None { get; } = new(-1, HashChain.Genesis);
    }
}
