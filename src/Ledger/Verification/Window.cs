using System.Security.Cryptography;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>What is wrong with an event by itself, or in its stream.</summary>
[Flags]
internal enum Flaws : byte
{
    None = 0,

    /// <summary>Its hash is not that of its content after the event before it.</summary>
    Broken = 1,

    /// <summary>The event before it is not at hand, so that nothing can be said of its hash.</summary>
    Unchecked = 2,

    /// <summary>Versions before it were passed over.</summary>
    Gap = 4,

    /// <summary>Its version was passed over, or passed already.</summary>
    Back = 8,

    /// <summary>It took effect before the event ahead of it.</summary>
    Early = 16,

    /// <summary>Its id may be in the stream twice.</summary>
    Twice = 32,

    /// <summary>It is in a form that the ledger never writes.</summary>
    Malformed = 64,
}

/// <summary>How an event stands to what was sealed.</summary>
internal enum Standing : byte
{
    /// <summary>It is what was sealed, or no seal tells.</summary>
    InPlace,

    /// <summary>It was sealed at another place.</summary>
    Moved,

    /// <summary>Nothing was sealed where it is.</summary>
    Extra,

    /// <summary>Another hash was sealed where it is.</summary>
    Replaced,
}

/// <summary>An event in a block.</summary>
internal readonly record struct RowOf(EventBlock Block, int Row)
{
    public EventRow Value => Block.Rows[Row];
}

/// <summary>
/// Some events one after another, those of a seal where there is one. What needs order is done before; the hashes, which are most of the
/// work, are computed in windows beside each other.
/// </summary>
internal sealed class Window(RowOf[] rows, Stretch? stretch, long first)
{
    private readonly Stretch? _stretch = stretch;

    public RowOf[] Rows { get; } = rows;

    /// <summary>The seal that covers them; null for none.</summary>
    public LedgerSealed? Seal => _stretch?.Seal;

    /// <summary>The stream of each.</summary>
    public StreamState[] Streams { get; } = new StreamState[rows.Length];

    /// <summary>What is wrong with each.</summary>
    public Flaws[] Marks { get; } = new Flaws[rows.Length];

    /// <summary>How each stands to what was sealed; null where all are in place.</summary>
    public Standing[]? Standings { get; init; }

    /// <summary>The place in global order of each; null where they follow one after another.</summary>
    public long[]? Ordinals { get; init; }

    /// <summary>Whether there is nothing to be said about any of them.</summary>
    public bool IsSound { get; private set; }

    /// <summary>Whether the Merkle root is that of the seal.</summary>
    public bool RootHolds { get; private set; } = true;

    public long OrdinalOf(int row) => Ordinals?[row] ?? first + row;

    public Standing StandingOf(int row) => Standings?[row] ?? Standing.InPlace;

    /// <summary>Computes the hashes.</summary>
    public void Check()
    {
        Span<byte> hash = stackalloc byte[MerkleTree.HashSize];
        var rooted = Standings is null && _stretch is { Seal: not null };
        var leaves = rooted ? new byte[Rows.Length * MerkleTree.HashSize] : [];
        var sound = Standings is null;
        for (var n = 0; n < Rows.Length; n++)
        {
            var (block, row) = Rows[n];
            if (!block.Rows[row].IsWellFormed)
                Marks[n] |= Flaws.Broken | Flaws.Malformed;
            else if ((Marks[n] & Flaws.Unchecked) is Flaws.None)
            {
                SHA256.HashData(block.Hashed(row), hash);
                if (!hash.SequenceEqual(block.Stored(row)))
                    Marks[n] |= Flaws.Broken;
            }
            if (rooted)
                MerkleTree.Leaf(block.Stored(row), leaves.AsSpan(n * MerkleTree.HashSize, MerkleTree.HashSize));
            sound &= Marks[n] is Flaws.None;
        }
        if (rooted)
            RootHolds = MerkleTree.Root(leaves).AsSpan().SequenceEqual(_stretch!.Root);
        IsSound = sound && RootHolds;
    }

    /// <summary>Gives back the room of the events.</summary>
    public void Done()
    {
        foreach (var (block, _) in Rows)
            block.Done();
    }
}
