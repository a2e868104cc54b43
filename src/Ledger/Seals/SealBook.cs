using System.Runtime.CompilerServices;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Seals;

/// <summary>Where a seal stands and what it covers; the seal itself is in the log.</summary>
/// <param name="Version">Version of its event in the stream of seals.</param>
/// <param name="Number">Its number.</param>
/// <param name="First">Place of its first event in global order.</param>
/// <param name="Count">How many events.</param>
/// <param name="Position">
/// The position of the last of them: its number, where the log numbers its events; else what the seal says, which means nothing in another
/// store than the one where it was sealed.
/// </param>
public readonly record struct SealPlace(long Version, long Number, long First, int Count, LogPosition Position)
{
    /// <summary>The place after its last event.</summary>
    public long End => First + Count;
}

/// <summary>What the stream of seals says so far: where each seal is, the last one, and the keys. Kept by reading what is new.</summary>
public sealed class SealBook(ILog log) : IDisposable
{
    /// <summary>So many seals are read at a time: with their fingerprints they are large.</summary>
    internal const int PageSize = 50;

    private readonly SemaphoreSlim _reading = new(1, 1);
    private Task<bool>? _positions;
    private volatile Content _content = Content.Empty;

    /// <summary>What is known.</summary>
    public Content Current => _content;

    /// <summary>Reads what is new.</summary>
    /// <exception cref="InvalidDataException">An event of the stream cannot be read.</exception>
    public async Task<Content> RefreshAsync(CancellationToken ct)
    {
        using var turn = await _reading.EnterAsync(ct);
        return _content = await ReadOnAsync(_content, ct);
    }

    /// <summary>
    /// Reads what is new; and everything anew where what was read last is no longer there, for whoever can write to the store can take
    /// events away while the service runs.
    /// </summary>
    /// <exception cref="InvalidDataException">An event of the stream cannot be read.</exception>
    public async Task<Content> ConfirmAsync(CancellationToken ct)
    {
        using var turn = await _reading.EnterAsync(ct);
        var known = _content;
        if (
            known.Version >= 0
            && !(
                await log.ReadStreamAsync(StreamNames.Seals, known.Version, 1, ct) is [{ Record: var last }]
                && last.Version == known.Version
                && last.Hash.AsSpan().SequenceEqual(known.Hash)
            )
        )
        {
            known = Content.Empty with { Rewinds = known.Rewinds + 1 };
            Volatile.Write(ref _positions, null);
        }
        return _content = await ReadOnAsync(known, ct);
    }

    private async Task<Content> ReadOnAsync(Content known, CancellationToken ct)
    {
        // Copied only where there is something, for this is asked for often.
        List<SealPlace>? places = null;
        List<SealEvent>? keys = null;
        List<long>? keyPlaces = null;
        var (last, version, hash, unbroken) = (known.Last, known.Version, known.Hash, known.UnbrokenFrom);
        while (await log.ReadStreamAsync(StreamNames.Seals, version + 1, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var stored in page)
            {
                var e = (SealEvent)WireNames.Read(stored.Record);
                if (e is LedgerSealed seal)
                {
                    // What cannot be read is no hint; the events are counted then.
                    var position =
                        log.IsNumbered ? new LogPosition(seal.EndOrdinal())
                        : LogPosition.TryParse(seal.Position, out var there) ? there
                        : LogPosition.Start;
                    (places ??= [.. known.Places]).Add(new SealPlace(stored.Record.Version, seal.Number, seal.First, seal.Count, position));
                    if (!Follows(last, seal))
                        unbroken = seal.Number;
                    last = seal;
                }
                else if (e is not RestoreAccepted)
                {
                    (keys ??= [.. known.KeyEvents]).Add(e);
                    (keyPlaces ??= [.. known.KeyPlaces]).Add(last is null ? 0 : last.Number + 1);
                }
                (version, hash) = (stored.Record.Version, stored.Record.Hash);
            }
            if (page.Count < PageSize)
                break;
        }
        return known with
        {
            Places = places ?? known.Places,
            Last = last,
            KeyEvents = keys ?? known.KeyEvents,
            KeyPlaces = keyPlaces ?? known.KeyPlaces,
            Version = version,
            Hash = hash,
            UnbrokenFrom = unbroken,
        };
    }

    /// <summary>Whether a seal names the one before it.</summary>
    private static bool Follows(LedgerSealed? before, LedgerSealed seal)
    {
        try
        {
            return before is null
                ? seal is { Number: 0, Previous: var none } && none == SealStatement.NonePrevious
                : seal.Number == before.Number + 1 && seal.Previous == before.Statement().Hash();
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>Whether the ledger has a seal with this number and hash.</summary>
    /// <exception cref="InvalidDataException">It cannot be read.</exception>
    public async Task<bool> ContainsAsync(long number, string hash, CancellationToken ct)
    {
        var content = _content;
        if (content.Last is { } last && last.Number == number)
            return HashOf(last) == hash;
        foreach (var place in content.Places)
            if (place.Number == number && HashOf(await ReadAsync(place, ct)) == hash)
                return true;
        return false;
    }

    /// <summary>The hash by which the next seal names this one; null where none can be made.</summary>
    internal static string? HashOf(LedgerSealed seal)
    {
        try
        {
            return seal.Statement().Hash();
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>A seal, with its fingerprints.</summary>
    /// <exception cref="InvalidDataException">It is not there.</exception>
    public async Task<LedgerSealed> ReadAsync(SealPlace place, CancellationToken ct) =>
        (await log.ReadStreamAsync(StreamNames.Seals, place.Version, 1, ct)) is [var stored]
        && stored.Record.Version == place.Version
        && WireNames.Read(stored.Record) is LedgerSealed seal
            ? seal
            : throw Missing(place);

    private static InvalidDataException Missing(SealPlace place) =>
        new($"Seal {place.Number} is not at version {place.Version} of the stream '{StreamNames.Seals}'.");

    /// <summary>Some seals, in order, with their fingerprints; those that follow one another are read together.</summary>
    /// <exception cref="InvalidDataException">One is not there.</exception>
    public async IAsyncEnumerable<(SealPlace Place, LedgerSealed Seal)> ReadAsync(
        IReadOnlyList<SealPlace> places,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        for (var n = 0; n < places.Count; )
        {
            var end = n + 1;
            while (end < places.Count && places[end].Version - places[n].Version is > 0 and < PageSize)
                end++;
            var count = (int)(places[end - 1].Version - places[n].Version) + 1;
            var read = (await log.ReadStreamAsync(StreamNames.Seals, places[n].Version, count, ct)).ToDictionary(e => e.Record.Version);
            for (; n < end; n++)
                yield return read.TryGetValue(places[n].Version, out var stored) && WireNames.Read(stored.Record) is LedgerSealed seal
                    ? (places[n], seal)
                    : throw Missing(places[n]);
        }
    }

    /// <summary>
    /// Whether the positions in the seals are those of this store: they are not where the ledger was copied after it was sealed first. Looked
    /// up once, for that does not change.
    /// </summary>
    internal async Task<bool> ArePositionsOfAsync(ILog store, CancellationToken ct)
    {
        if (store.IsNumbered || _content.Places is not [var first, ..])
            return true;
        if (Volatile.Read(ref _positions) is { } known)
            return await known;
        var events = new List<StoredEvent>(first.Count);
        while (events.Count < first.Count)
        {
            var page = await store.ReadAllAsync(events is [.., var end] ? end.Position : LogPosition.Start, first.Count - events.Count, ct);
            if (page.Count == 0)
                break;
            events.AddRange(page);
        }
        var are = events.Count == first.Count && events[^1].Position == first.Position;
        Volatile.Write(ref _positions, Task.FromResult(are));
        return are;
    }

    /// <inheritdoc />
    public void Dispose() => _reading.Dispose();

    /// <summary>What the stream says up to a version.</summary>
    /// <param name="Places">Every seal, in order.</param>
    /// <param name="Last">The last seal; null where there is none.</param>
    /// <param name="KeyEvents">Introductions and retirements of keys, in order.</param>
    /// <param name="KeyPlaces">The number of the first seal after each of them.</param>
    /// <param name="Version">Version of the last event; -1 where there is none.</param>
    /// <param name="Hash">Its hash.</param>
    public sealed record Content(
        IReadOnlyList<SealPlace> Places,
        LedgerSealed? Last,
        IReadOnlyList<SealEvent> KeyEvents,
        IReadOnlyList<long> KeyPlaces,
        long Version,
        byte[] Hash
    )
    {
        /// <summary>Nothing was read yet.</summary>
        public static Content Empty { get; } = new([], null, [], [], -1, HashChain.Genesis);

        /// <summary>From this seal on, each names the one before it.</summary>
        public long UnbrokenFrom { get; init; }

        /// <summary>How often it turned out that the ledger no longer had what was read of it.</summary>
        public int Rewinds { get; init; }

        /// <summary>The place in global order up to which everything is sealed.</summary>
        public long Sealed => Last?.EndOrdinal() ?? 0;

        /// <summary>The keys, as the ledger itself tells them.</summary>
        /// <param name="given">Keys that are trusted; where there are none, the ledger's first.</param>
        /// <param name="before">As they were when this seal was made; as they are now where left out.</param>
        public Keyring Keys(IEnumerable<PublicKey> given, long before = long.MaxValue)
        {
            var keys = new Keyring(given);
            foreach (var (e, _) in KeyEvents.Zip(KeyPlaces).TakeWhile(e => e.Second <= before))
                _ = e is SealingKeyIntroduced introduced ? keys.Apply(introduced) : keys.Apply((SealingKeyRetired)e);
            return keys;
        }
    }
}
