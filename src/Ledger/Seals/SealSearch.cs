using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Seals;

/// <summary>Finds the seals that cover events: by position, and where that means nothing, because the ledger was copied, by fingerprint.</summary>
public sealed class SealSearch(SealBook book)
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
        // What was recorded after the last seal was made cannot be in it.
        var wanted = events
            .Where(e => e.Record.RecordedAt <= last.SealedAt)
            .DistinctBy(e => MerkleTree.Fingerprint(e.Record.Hash))
            .ToDictionary(e => MerkleTree.Fingerprint(e.Record.Hash), e => e);
        foreach (var place in wanted.Values.Select(e => Guess(content.Places, e.Position)).OfType<SealPlace>().Distinct().ToArray())
            await TakeAsync(place);
        for (var n = content.Places.Count - 1; n >= 0 && wanted.Count > 0; n--)
            await TakeAsync(content.Places[n]);
        return found;

        async Task TakeAsync(SealPlace place)
        {
            var fingerprints = Convert.FromBase64String((await book.ReadAsync(place, ct)).Fingerprints);
            for (var n = 0; n < place.Count && wanted.Count > 0; n++)
                if (wanted.Remove(MerkleTree.Fingerprint(fingerprints.AsSpan(n * sizeof(ulong), sizeof(ulong))), out var e))
                    found[e.Record.EventId] = (place, n);
        }
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
