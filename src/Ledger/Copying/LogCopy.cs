using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;

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
/// was broken off goes on where it was. A log that spans streams gets everything in global order. In another one the order of what is
/// sealed is kept, which takes an append for each change of the stream; of what is not, that within a stream and that of the configuration
/// to everything else, while agents within a page may come in another order than before, which nothing depends on.
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
        var there = await ReadAsync(to, "target", ct);
        var sealedEvents = await SealedAsync(ct);
        var read = new Dictionary<string, Head>(StringComparer.Ordinal);
        var events = 0L;
        var copied = 0L;
        await foreach (var page in PagesAsync(from, ct))
        {
            foreach (var e in page)
                Check(read, e, "source");
            copied += await AppendAsync(page, there, inOrder: events < sealedEvents);
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

    /// <summary>Appends what the target does not have; returns how much that was.</summary>
    private async Task<long> AppendAsync(IReadOnlyList<EventRecord> page, Dictionary<string, Head> there, bool inOrder)
    {
        var missing = Missing(page, there);
        if (to.SpansStreams)
            foreach (var portion in Portions(missing))
                await AppendAsync(
                    new Commit([
                        .. portion
                            .GroupBy(e => e.Stream, StringComparer.Ordinal)
                            .Select(s => new StreamAppend(s.Key, s.First().Version - 1, [.. s])),
                    ])
                    {
                        Order = portion,
                    }
                );
        else if (inOrder)
            foreach (var run in Runs(missing, static e => e.Stream))
                await AppendAsync(run);
        else
            foreach (var run in Runs(missing, static e => e.Stream == StreamNames.Configuration ? e.Stream : ""))
                // Streams beside each other; the portions of one stream in order.
                await Task.WhenAll(run.GroupBy(e => e.Stream, StringComparer.Ordinal).Select(AppendAsync));
        return missing.Count;
    }

    /// <summary>The events of a page that the target does not have, in order.</summary>
    private static List<EventRecord> Missing(IReadOnlyList<EventRecord> page, Dictionary<string, Head> there)
    {
        var missing = new List<EventRecord>();
        foreach (var e in page)
        {
            var has = there.GetValueOrDefault(e.Stream, Head.None);
            // By its chain, all before the last is the same if the last is.
            if (e.Version == has.Version && !e.Hash.AsSpan().SequenceEqual(has.Hash))
                throw new CopyException($"The target has other events in '{e.Stream}', at the latest from version {has.Version} on.");
            if (e.Version <= has.Version)
                continue;
            missing.Add(e);
            there[e.Stream] = new Head(e.Version, e.Hash);
        }
        return missing;
    }

    /// <summary>Events one after another that have the same in common.</summary>
    private static IEnumerable<IReadOnlyList<EventRecord>> Runs(List<EventRecord> events, Func<EventRecord, string> of)
    {
        for (var (start, n) = (0, 1); start < events.Count; n++)
            if (n == events.Count || of(events[n]) != of(events[start]))
            {
                yield return events.GetRange(start, n - start);
                start = n;
            }
    }

    private async Task AppendAsync(IEnumerable<EventRecord> ofOneStream)
    {
        foreach (var portion in Portions(ofOneStream))
            await AppendAsync(new Commit([new StreamAppend(portion[0].Stream, portion[0].Version - 1, portion)]));
    }

    private async Task AppendAsync(Commit commit)
    {
        if ((await to.AppendAsync(commit)).Verdict is AppendVerdict.Appended)
            return;
        foreach (var append in commit.Streams)
            if (
                commit.Streams.Count == 1
                || await to.ReadStreamAsync(append.Stream, append.ExpectedVersion + 1, 1, CancellationToken.None) is not []
            )
                throw new CopyException($"The target has other events in '{append.Stream}' from version {append.ExpectedVersion + 1} on.");
        throw new CopyException("The target does not have what it had a moment ago.");
    }

    /// <summary>As much at a time as any log takes.</summary>
    private static IEnumerable<IReadOnlyList<EventRecord>> Portions(IEnumerable<EventRecord> events)
    {
        var portion = new List<EventRecord>();
        var size = 0;
        foreach (var e in events)
        {
            if (portion.Count > 0 && size + SizeOf(e) > LargestAppend)
            {
                yield return [.. portion];
                portion.Clear();
                size = 0;
            }
            portion.Add(e);
            size += SizeOf(e);
        }
        if (portion.Count > 0)
            yield return portion;
    }

    private static int SizeOf(EventRecord e) => 2 * (e.Data.Length + e.Metadata.Length) + 512;

    /// <summary>How many events from the first on the source has seals over.</summary>
    private async Task<long> SealedAsync(CancellationToken ct)
    {
        // Keys are few: the last seal is among the last events.
        var last = await from.ReadStreamBackwardsAsync(StreamNames.Seals, long.MaxValue, 100, ct);
        return last.Select(e => e.Record).FirstOrDefault(e => e.Type == WireNames.OfType<LedgerSealed>()) is { } seal
            ? ((LedgerSealed)WireNames.Read(seal)).EndOrdinal()
            : 0;
    }

    private static async Task<Dictionary<string, Head>> ReadAsync(ILog log, string name, CancellationToken ct)
    {
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
