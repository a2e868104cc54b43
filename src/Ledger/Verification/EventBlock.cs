using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>
/// Some events in a row as bytes, each of them as it is hashed: 32 bytes of room for the hash before it, its canonical bytes
/// (<see cref="HashChain"/>), and then the hash that is stored with it. Nothing of it becomes a string.
/// </summary>
internal sealed class EventBlock
{
    private const int HashSize = MerkleTree.HashSize;
    private const int Usual = 2 * 1024 * 1024;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(Usual);
    private int _length;
    private int _taken;

    public List<EventRow> Rows { get; } = new(4096);

    /// <summary>Whether it is time for the next one.</summary>
    public bool IsFull => _length > Usual - 64 * 1024 || Rows.Count == 4096;

    /// <summary>What is hashed: the room for the hash before and the canonical bytes.</summary>
    public Span<byte> Hashed(int row) => _bytes.AsSpan(Rows[row].Offset, HashSize + Rows[row].Length);

    /// <summary>The room for the hash before.</summary>
    public Span<byte> Previous(int row) => _bytes.AsSpan(Rows[row].Offset, HashSize);

    /// <summary>The hash that is stored with it.</summary>
    public Span<byte> Stored(int row) => _bytes.AsSpan(Rows[row].Offset + HashSize + Rows[row].Length, HashSize);

    /// <summary>The name of its stream.</summary>
    public ReadOnlySpan<byte> Stream(int row) => _bytes.AsSpan(Rows[row].Offset + HashSize + sizeof(int), Rows[row].StreamLength);

    /// <summary>Adds an event out of its parts.</summary>
    /// <param name="position">Its place.</param>
    /// <param name="stream">UTF-8, as the others.</param>
    /// <param name="version">The version.</param>
    /// <param name="eventId">The id.</param>
    /// <param name="type">The wire name.</param>
    /// <param name="data">JSON, to the letter.</param>
    /// <param name="metadata">JSON, to the letter.</param>
    /// <param name="occurredAt">When it took effect.</param>
    /// <param name="recordedAt">When it was stored.</param>
    /// <param name="hash">The hash that is stored.</param>
    /// <param name="isExact">False where the instants are finer than they are ever stored.</param>
    public void Add(
        LogPosition position,
        ReadOnlySpan<byte> stream,
        long version,
        Guid eventId,
        ReadOnlySpan<byte> type,
        ReadOnlySpan<byte> data,
        ReadOnlySpan<byte> metadata,
        DateTimeOffset occurredAt,
        DateTimeOffset recordedAt,
        ReadOnlySpan<byte> hash,
        bool isExact
    )
    {
        var longest = 2 * HashSize + 8 * sizeof(int) + 20 + 36 + 2 * Instant.Length;
        Reserve(longest + stream.Length + type.Length + data.Length + metadata.Length);
        var offset = _length;
        _length += HashSize;
        Text(stream);
        Span<byte> number = stackalloc byte[20];
        version.TryFormat(number, out var digits, provider: CultureInfo.InvariantCulture);
        Text(number[..digits]);
        Span<byte> id = stackalloc byte[36];
        eventId.TryFormat(id, out _, "D");
        Text(id);
        Text(type);
        Text(data);
        Text(metadata);
        At(occurredAt);
        At(recordedAt);
        var length = _length - offset - HashSize;
        var stored = _bytes.AsSpan(_length, HashSize);
        stored.Clear();
        hash[..Math.Min(hash.Length, HashSize)].CopyTo(stored);
        _length += HashSize;
        Rows.Add(
            new EventRow(
                offset,
                length,
                stream.Length,
                version,
                eventId,
                occurredAt.UtcTicks,
                position,
                MerkleTree.Fingerprint(stored),
                isExact && hash.Length == HashSize
            )
        );
    }

    /// <summary>Takes note that a row is done with; with the last one its room is free for others.</summary>
    public void Done()
    {
        if (Interlocked.Increment(ref _taken) != Rows.Count)
            return;
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }

    private void Text(ReadOnlySpan<byte> text)
    {
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(_length), text.Length);
        text.CopyTo(_bytes.AsSpan(_length + sizeof(int)));
        _length += sizeof(int) + text.Length;
    }

    private void At(DateTimeOffset instant)
    {
        Span<char> text = stackalloc char[Instant.Length];
        Instant.Write(instant, text);
        BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(_length), Instant.Length);
        Encoding.ASCII.GetBytes(text, _bytes.AsSpan(_length + sizeof(int)));
        _length += sizeof(int) + Instant.Length;
    }

    private void Reserve(int more)
    {
        if (_length + more <= _bytes.Length)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * _bytes.Length, _length + more));
        _bytes.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}

/// <summary>An event in a block.</summary>
/// <param name="Offset">Where it begins.</param>
/// <param name="Length">How many canonical bytes it has.</param>
/// <param name="StreamLength">How many of them are the name of its stream.</param>
/// <param name="Version">The version.</param>
/// <param name="EventId">The id.</param>
/// <param name="OccurredAt">When it took effect, in ticks.</param>
/// <param name="Position">Its place in the store.</param>
/// <param name="Fingerprint">The first 8 bytes of the stored hash.</param>
/// <param name="IsWellFormed">The hash has the length of one, and the instants are as fine as they are ever stored.</param>
internal readonly record struct EventRow(
    int Offset,
    int Length,
    int StreamLength,
    long Version,
    Guid EventId,
    long OccurredAt,
    LogPosition Position,
    ulong Fingerprint,
    bool IsWellFormed
);
