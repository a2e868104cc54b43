using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Seals;

/// <summary>
/// Finds the events that a seal covers. Where the log numbers its events, their numbers say where they are. Elsewhere the position in the seal
/// says it in the store where it was made; in one that the ledger was copied to it means nothing, and the events are counted.
/// </summary>
public sealed class SealedEvents(ILog log, SealBook book)
{
    private const int PageSize = 10_000;

    /// <summary>A store may refuse a position of another one, and not say so at once.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(3);

    private bool _positionsHold = true;

    // How far was counted last, so that seals one after another are found in one go.
    private (long Ordinal, LogPosition Position) _counted = (0, LogPosition.Start);

    /// <summary>The events of a seal, in order.</summary>
    /// <exception cref="InvalidDataException">The log has others in their place.</exception>
    public async Task<IReadOnlyList<StoredEvent>> ReadAsync(LedgerSealed seal, CancellationToken ct)
    {
        var wanted = Convert.FromBase64String(seal.Fingerprints);
        if (_positionsHold && await ByPositionAsync(seal, ct) is { } there && Fits(there, wanted))
            return there;
        _positionsHold = false;
        var events = await ReadAsync(await CountToAsync(seal.First, ct), seal.Count, ct);
        if (!Fits(events, wanted))
            throw new InvalidDataException(
                $"The ledger does not have the events that seal {seal.Number} covers; 'presence-ledger verify' says which are wrong."
            );
        _counted = (seal.EndOrdinal(), events[^1].Position);
        return events;
    }

    /// <summary>The position in this store of the event before a place in global order.</summary>
    public async Task<LogPosition> CountToAsync(long ordinal, CancellationToken ct)
    {
        if (log.IsNumbered)
            return new LogPosition(ordinal);
        var (at, position) = _counted.Ordinal <= ordinal ? _counted : (0, LogPosition.Start);
        while (at < ordinal)
        {
            var page = await log.ReadAllAsync(position, (int)Math.Min(PageSize, ordinal - at), ct);
            if (page.Count == 0)
                throw new InvalidDataException($"The ledger ends after {at} events, and {ordinal} of it are sealed.");
            at += page.Count;
            position = page[^1].Position;
        }
        _counted = (at, position);
        return position;
    }

    /// <summary>Whether these are the events of the fingerprints.</summary>
    public static bool Fits(IReadOnlyList<StoredEvent> events, ReadOnlySpan<byte> fingerprints)
    {
        if (events.Count * sizeof(ulong) != fingerprints.Length)
            return false;
        for (var n = 0; n < events.Count; n++)
            if (
                MerkleTree.Fingerprint(events[n].Record.Hash)
                != MerkleTree.Fingerprint(fingerprints.Slice(n * sizeof(ulong), sizeof(ulong)))
            )
                return false;
        return true;
    }

    /// <summary>What is where the seals say; null where there is no such place.</summary>
    private async Task<IReadOnlyList<StoredEvent>?> ByPositionAsync(LedgerSealed seal, CancellationToken ct)
    {
        var places = book.Current.Places;
        var after = seal.Number > 0 && seal.Number <= places.Count ? places[(int)seal.Number - 1].Position : LogPosition.Start;
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(ct);
        soon.CancelAfter(Soon);
        try
        {
            return await ReadAsync(after, seal.Count, soon.Token);
        }
        catch (Exception e) when (e is LedgerUnavailableException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<IReadOnlyList<StoredEvent>> ReadAsync(LogPosition after, int count, CancellationToken ct)
    {
        var events = new List<StoredEvent>(count);
        while (events.Count < count)
        {
            var page = await log.ReadAllAsync(events.Count == 0 ? after : events[^1].Position, count - events.Count, ct);
            if (page.Count == 0)
                break;
            events.AddRange(page);
        }
        return events;
    }
}
