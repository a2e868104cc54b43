namespace PresenceLedger.Ledger.Verification;

/// <summary>An event that was sealed and is not where it was.</summary>
/// <param name="Fingerprint">The first 8 bytes of its hash.</param>
/// <param name="Ordinal">Where it was.</param>
/// <param name="Seal">The seal that tells.</param>
/// <param name="IsReplaced">Whether another event is there.</param>
internal sealed record Lost(ulong Fingerprint, long Ordinal, long Seal, bool IsReplaced);

/// <summary>
/// Lays the events that are there beside the fingerprints that were sealed, where they are not the same, so that one event that is gone is
/// one event, and not all that come after it. It looks ahead by some thousand of both.
/// </summary>
internal sealed class Alignment
{
    /// <summary>How far it looks ahead.</summary>
    public const int Ahead = 10_000;

    /// <summary>Sealed before, and to come later: with the place where they were.</summary>
    public Dictionary<ulong, long> Displaced { get; } = [];

    /// <summary>Found earlier than where they were sealed.</summary>
    public HashSet<ulong> Early { get; } = [];

    /// <summary>What was sealed and did not come.</summary>
    public List<Lost> Lost { get; } = [];

    /// <summary>Whether a stretch can be taken as it is where its fingerprints are those of the events.</summary>
    public bool IsPlain => Early.Count == 0;

    /// <summary>Lays the events of a stretch; says how each stands and where it was sealed, as many as belong to the stretch.</summary>
    /// <param name="stretch">The stretch.</param>
    /// <param name="sealedAhead">Its fingerprints, and those of the stretches after it.</param>
    /// <param name="found">The events that are there, and those after them.</param>
    public (Standing[] Standings, long[] Ordinals) Lay(Stretch stretch, ulong[] sealedAhead, ulong[] found)
    {
        var whereSealed = Places(sealedAhead);
        var whereFound = Places(found);
        var standings = new List<Standing>();
        var ordinals = new List<long>();
        var (s, f) = (0, 0);
        while (s < stretch.Count)
        {
            if (Early.Remove(sealedAhead[s]))
                s++;
            else if (f < found.Length && sealedAhead[s] == found[f])
                Take(Standing.InPlace, s++);
            else if (f < found.Length && Displaced.Remove(found[f], out var was))
                TakeAt(Standing.Moved, was);
            else
                Differ();
        }
        return ([.. standings], [.. ordinals]);

        void Differ()
        {
            var comes = whereFound.TryGetValue(sealedAhead[s], out var later) && later > f;
            var followsLater = f < found.Length && whereSealed.TryGetValue(found[f], out var ahead) && ahead > s ? ahead : -1;
            if (f == found.Length || (!comes && followsLater >= 0))
                Lost.Add(new Lost(sealedAhead[s], stretch.First + s++, stretch.Seal!.Number, IsReplaced: false));
            else if (!comes)
            {
                Lost.Add(new Lost(sealedAhead[s], stretch.First + s, stretch.Seal!.Number, IsReplaced: true));
                Take(Standing.Replaced, s++);
            }
            else if (followsLater < 0)
                Take(Standing.Extra, s);
            // Both are somewhere else: the one that is farther away has moved.
            else if (later - f >= followsLater - s)
                Displaced[sealedAhead[s]] = stretch.First + s++;
            else
            {
                Early.Add(found[f]);
                Take(Standing.Moved, followsLater);
            }
        }

        void Take(Standing standing, int at) => TakeAt(standing, stretch.First + at);

        void TakeAt(Standing standing, long ordinal)
        {
            standings.Add(standing);
            ordinals.Add(ordinal);
            f++;
        }
    }

    private static Dictionary<ulong, int> Places(ulong[] fingerprints)
    {
        var places = new Dictionary<ulong, int>(fingerprints.Length);
        for (var n = 0; n < fingerprints.Length; n++)
            places.TryAdd(fingerprints[n], n);
        return places;
    }
}
