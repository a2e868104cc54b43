using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>Where every stream stands in a scan; looked up by the bytes of its name, so that none of them becomes a string for each event.</summary>
internal sealed class Streams
{
    private readonly Dictionary<byte[], StreamState> _byName = new(new Bytes());
    private readonly Dictionary<byte[], StreamState>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    public Streams() => _lookup = _byName.GetAlternateLookup<ReadOnlySpan<byte>>();

    public IReadOnlyCollection<StreamState> All => _byName.Values;

    /// <summary>The stream of a name; made where it is new.</summary>
    public StreamState Get(ReadOnlySpan<byte> name)
    {
        if (_lookup.TryGetValue(name, out var state))
            return state;
        state = new StreamState(Encoding.UTF8.GetString(name), _byName.Count);
        _lookup[name] = state;
        return state;
    }

    /// <summary>The stream of a name; null where it has no events.</summary>
    public StreamState? Find(string name) => _byName.GetValueOrDefault(Encoding.UTF8.GetBytes(name));

    private sealed class Bytes : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = 14695981039346656037UL;
            foreach (var eight in MemoryMarshal.Cast<byte, ulong>(alternate))
                hash = (hash ^ eight) * 1099511628211UL;
            for (var n = alternate.Length & ~7; n < alternate.Length; n++)
                hash = (hash ^ alternate[n]) * 1099511628211UL;
            return (int)(hash ^ (hash >> 32));
        }
    }
}

/// <summary>A stream in a scan.</summary>
internal sealed class StreamState(string name, int number)
{
    public string Name { get; } = name;

    /// <summary>A number of its own.</summary>
    public int Number { get; } = number;

    /// <summary>Whether instants may not go back in it (TIM-1).</summary>
    public bool IsAgent { get; } = StreamNames.AgentId(name) is not null;

    /// <summary>Whether it was seen from its beginning, or what was before has been looked up.</summary>
    public bool IsKnown { get; set; }

    /// <summary>The highest version so far.</summary>
    public long Version { get; set; } = -1;

    /// <summary>The stored hash of that event.</summary>
    public byte[] Hash { get; } = new byte[MerkleTree.HashSize];

    /// <summary>When it took effect, in ticks.</summary>
    public long OccurredAt { get; set; }

    /// <summary>Its place in global order.</summary>
    public long Ordinal { get; set; }

    /// <summary>Whether its last event is not where it was, so that the next one may not follow from what is ahead of it.</summary>
    public bool IsDisturbed { get; set; }

    /// <summary>What is being found about its last events.</summary>
    public Run? Open { get; set; }

    /// <summary>Versions that came before their turn, where something was sealed otherwise.</summary>
    public HashSet<long> Ahead { get; } = [];

    /// <summary>Versions that were passed over, with the place of the event after them.</summary>
    public SortedDictionary<long, long> Gaps { get; } = [];
}

/// <summary>Events of a stream, one after another, that are wrong together.</summary>
internal sealed class Run
{
    public required FindingKind Kind { get; set; }

    /// <summary>The first event.</summary>
    public required Finding First { get; init; }

    public ulong Fingerprint { get; init; }
    public long Last { get; set; }
    public long Followers { get; set; }

    /// <summary>Whether the last one's hash is another one than was sealed, so that the next does not follow from it.</summary>
    public bool LastIsAltered { get; set; }

    /// <summary>Whether the first one's hash is what its content gives.</summary>
    public bool Fits { get; init; }

    /// <summary>Whether nothing tells the hash that was recorded.</summary>
    public bool IsUnsealed { get; init; }

    /// <summary>Whether the first event has no counterpart among what was sealed.</summary>
    public bool IsExtra { get; init; }
}

/// <summary>A set of numbers, for very many.</summary>
internal sealed class NumberSet
{
    private ulong[] _slots = new ulong[1 << 16];
    private int _count;

    /// <summary>Adds one; false where it is there.</summary>
    public bool Add(ulong number)
    {
        if (_count > _slots.Length / 5 * 3)
            Grow();
        return Put(_slots, number == 0 ? 1 : number) && ++_count > 0;
    }

    private static bool Put(ulong[] slots, ulong number)
    {
        for (var at = (int)(number & (ulong)(slots.Length - 1)); ; at = (at + 1) & (slots.Length - 1))
            if (slots[at] == number)
                return false;
            else if (slots[at] == 0)
            {
                slots[at] = number;
                return true;
            }
    }

    private void Grow()
    {
        var larger = new ulong[2 * _slots.Length];
        foreach (var number in _slots)
            if (number != 0)
                Put(larger, number);
        _slots = larger;
    }
}
