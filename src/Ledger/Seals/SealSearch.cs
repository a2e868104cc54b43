using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Seals;

/// <summary>
/// Finds the seals that cover events: by position, so that of many seals only those are read that cover one of the events. Where positions mean
/// nothing, because the ledger was copied, the seals are looked through for the events' fingerprints.
/// </summary>
public sealed class SealSearch(ILog log, SealBook book)
{
    /// <summary>The seal of each event and its place among what the seal covers; events that no seal covers are left out.</summary>
    /// <param name="events">The events.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<IReadOnlyDictionary<Guid, (SealPlace Seal, int Index)>> FindAsync(
        IReadOnlyList<StoredEvent> events,
        CancellationToken ct
    )
    {
        var found = new Dictionary<Guid, (SealPlace, int)>();
        var content = await book.RefreshAsync(ct);
        if (content.Last is not { } last)
            return found;
        var wanted = events
            .DistinctBy(e => MerkleTree.Fingerprint(e.Record.Hash))
            .ToDictionary(e => MerkleTree.Fingerprint(e.Record.Hash), e => e);
        foreach (var place in wanted.Values.Select(e => Guess(content.Places, e.Position)).OfType<SealPlace>().Distinct().ToArray())
            Take(place, await book.ReadAsync(place, ct));
        if (wanted.Count == 0 || await book.ArePositionsOfAsync(log, ct))
            return found;
        // What was recorded after the last seal was made cannot be in it.
        foreach (var (fingerprint, e) in wanted.ToArray())
            if (e.Record.RecordedAt > last.SealedAt)
                wanted.Remove(fingerprint);
        for (var end = content.Places.Count; end > 0 && wanted.Count > 0; end -= SealBook.PageSize)
        {
            var some = content.Places.Take(end).Skip(end - SealBook.PageSize).ToArray();
            await foreach (var (place, seal) in book.ReadAsync(some, ct))
                Take(place, seal);
        }
        return found;

        void Take(SealPlace place, LedgerSealed seal)
        {
            var fingerprints = Convert.FromBase64String(seal.Fingerprints);
            for (var n = 0; n < place.Count && wanted.Count > 0; n++)
                if (wanted.Remove(MerkleTree.Fingerprint(fingerprints.AsSpan(n * sizeof(ulong), sizeof(ulong))), out var e))
                    found[e.Record.EventId] = (place, n);
        }
    }

    /// <summary>The newest event that is sealed, and its seal; null where none of them is.</summary>
    /// <param name="events">Events of a stream, the newest first.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<(StoredEvent Event, SealPlace Seal)?> NewestAsync(IReadOnlyList<StoredEvent> events, CancellationToken ct)
    {
        var content = await book.RefreshAsync(ct);
        if (content.Places is not [.., var last])
            return null;
        var newest = events.FirstOrDefault(e => e.Position <= last.Position);
        if (newest is null && await book.ArePositionsOfAsync(log, ct))
            return null;
        // Where it is not there, it was changed, or positions mean nothing here.
        if (newest is not null && (await FindAsync([newest], ct)).TryGetValue(newest.Record.EventId, out var place))
            return (newest, place.Seal);
        var found = await FindAsync(events, ct);
        return events.FirstOrDefault(e => found.ContainsKey(e.Record.EventId)) is { } e ? (e, found[e.Record.EventId].Seal) : null;
    }

    /// <summary>The first seal whose last event is at this position or after it.</summary>
    private static SealPlace? Guess(IReadOnlyList<SealPlace> places, LogPosition position)
    {
        var (low, high) = (0, places.Count);
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            if (places[middle].Position < position)
                low = middle + 1;
            else
                high = middle;
        }
        return low < places.Count ? places[low] : null;
    }
}
