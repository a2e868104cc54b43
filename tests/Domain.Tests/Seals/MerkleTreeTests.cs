using System.Numerics;
using System.Security.Cryptography;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Domain.Tests.Seals;

public sealed class MerkleTreeTests
{
    private const int Size = MerkleTree.HashSize;

    public static TheoryData<int> Counts => [.. Enumerable.Range(1, 33), 100, 255, 256, 257, 1000];

    [Theory]
    [MemberData(nameof(Counts))]
    public void The_root_is_that_of_RFC_6962(int count) =>
        Assert.Equal(Convert.ToHexString(ByTheBook(Hashes(count))), Convert.ToHexString(MerkleTree.Root(Leaves(count))));

    [Theory]
    [MemberData(nameof(Counts))]
    public void The_path_of_every_leaf_leads_to_the_root_and_that_of_no_other(int count)
    {
        var root = MerkleTree.Root(Leaves(count));
        var paths = MerkleTree.Paths(Leaves(count), [.. Enumerable.Range(0, count)]);
        for (var n = 0; n < count; n++)
        {
            var leaf = Leaves(count).AsSpan(n * Size, Size).ToArray();
            Assert.Equal(root, MerkleTree.RootOf(leaf, n, count, paths[n]));
            Assert.NotEqual(root, MerkleTree.RootOf(SHA256.HashData(leaf), n, count, paths[n]));
            if (count > 1)
            {
                Assert.NotEqual(root, MerkleTree.RootOf(leaf, (n + 1) % count, count, paths[n]));
                Assert.Null(MerkleTree.RootOf(leaf, n, count, [.. paths[n].Skip(1)]));
            }
            Assert.Null(MerkleTree.RootOf(leaf, n, count, [.. paths[n], leaf]));
        }
        Assert.Null(MerkleTree.RootOf(new byte[Size], count, count, []));
        Assert.Null(MerkleTree.RootOf(new byte[Size], -1, count, []));
    }

    [Fact]
    public void A_fingerprint_is_the_beginning_of_a_hash_whatever_its_length()
    {
        Assert.Equal(0x0102030405060708UL, MerkleTree.Fingerprint([1, 2, 3, 4, 5, 6, 7, 8, 9]));
        Assert.Equal(0x0102000000000000UL, MerkleTree.Fingerprint([1, 2]));
        Assert.Equal(0UL, MerkleTree.Fingerprint([]));
    }

    /// <summary>As RFC 6962, 2.1 has it, word by word.</summary>
    private static byte[] ByTheBook(byte[][] hashes)
    {
        if (hashes.Length == 1)
            return SHA256.HashData([0, .. hashes[0]]);
        var k = (int)BitOperations.RoundUpToPowerOf2((uint)hashes.Length) / 2;
        return SHA256.HashData([1, .. ByTheBook(hashes[..k]), .. ByTheBook(hashes[k..])]);
    }

    private static byte[][] Hashes(int count) => [.. Enumerable.Range(0, count).Select(n => SHA256.HashData(BitConverter.GetBytes(n)))];

    private static byte[] Leaves(int count)
    {
        var leaves = new byte[count * Size];
        var hashes = Hashes(count);
        for (var n = 0; n < count; n++)
            MerkleTree.Leaf(hashes[n], leaves.AsSpan(n * Size, Size));
        return leaves;
    }
}
