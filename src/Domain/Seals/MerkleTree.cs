using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PresenceLedger.Domain.Seals;

/// <summary>
/// The Merkle tree of RFC 6962: a leaf is SHA-256 of 0x00 and an event's hash, a node SHA-256 of 0x01 and its two children; n leaves
/// are split at the largest power of two below n. That is the same as pairing level by level, where an odd one out goes up as it is.
/// </summary>
public static class MerkleTree
{
    /// <summary>Length of a hash.</summary>
    public const int HashSize = SHA256.HashSizeInBytes;

    /// <summary>The leaf of an event's hash.</summary>
    public static void Leaf(ReadOnlySpan<byte> hash, Span<byte> leaf)
    {
        Span<byte> bytes = stackalloc byte[1 + HashSize];
        bytes[0] = 0;
        // A stored hash that is damaged may have any length: it is no leaf of any seal then, and must not be an exception.
        hash[..Math.Min(hash.Length, HashSize)].CopyTo(bytes[1..]);
        SHA256.HashData(bytes[..(1 + Math.Min(hash.Length, HashSize))], leaf);
    }

    /// <summary>The root over leaves that stand one after another; they are overwritten.</summary>
    public static byte[] Root(Span<byte> leaves)
    {
        if (leaves.Length == 0)
            return SHA256.HashData([]);
        for (var count = leaves.Length / HashSize; count > 1; count = Up(leaves, count)) { }
        return leaves[..HashSize].ToArray();
    }

    /// <summary>The siblings from each of some leaves up to the root; the leaves are overwritten.</summary>
    public static IReadOnlyList<IReadOnlyList<byte[]>> Paths(Span<byte> leaves, IReadOnlyList<int> indexes)
    {
        var paths = new List<byte[]>[indexes.Count];
        for (var n = 0; n < paths.Length; n++)
            paths[n] = [];
        var shift = 0;
        for (var count = leaves.Length / HashSize; count > 1; shift++, count = Up(leaves, count))
        for (var n = 0; n < paths.Length; n++)
            if (((indexes[n] >> shift) ^ 1) is var sibling && sibling < count)
                paths[n].Add(leaves.Slice(sibling * HashSize, HashSize).ToArray());
        return paths;
    }

    /// <summary>The root that a leaf at a place among so many gives with its path; null where the path does not fit them.</summary>
    public static byte[]? RootOf(ReadOnlySpan<byte> leaf, int index, int count, IReadOnlyList<byte[]> path)
    {
        if (index < 0 || index >= count)
            return null;
        var root = leaf.ToArray();
        var used = 0;
        for (; count > 1; index >>= 1, count = (count + 1) / 2)
        {
            if ((index ^ 1) >= count)
                continue;
            if (used == path.Count)
                return null;
            var sibling = path[used++];
            if ((index & 1) == 1)
                Node(sibling, root, root);
            else
                Node(root, sibling, root);
        }
        return used == path.Count ? root : null;
    }

    /// <summary>The first 8 bytes of a hash, as a number.</summary>
    public static ulong Fingerprint(ReadOnlySpan<byte> hash)
    {
        Span<byte> first = stackalloc byte[sizeof(ulong)];
        first.Clear();
        hash[..Math.Min(hash.Length, sizeof(ulong))].CopyTo(first);
        return BinaryPrimitives.ReadUInt64BigEndian(first);
    }

    private static int Up(Span<byte> level, int count)
    {
        var next = (count + 1) / 2;
        for (var n = 0; n < count / 2; n++)
            Node(
                level.Slice(2 * n * HashSize, HashSize),
                level.Slice((2 * n + 1) * HashSize, HashSize),
                level.Slice(n * HashSize, HashSize)
            );
        if (count % 2 == 1)
            level.Slice((count - 1) * HashSize, HashSize).CopyTo(level.Slice((next - 1) * HashSize, HashSize));
        return next;
    }

    private static void Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<byte> node)
    {
        Span<byte> bytes = stackalloc byte[1 + 2 * HashSize];
        bytes[0] = 1;
        left.CopyTo(bytes[1..]);
        right.CopyTo(bytes[(1 + HashSize)..]);
        SHA256.HashData(bytes, node);
    }
}
