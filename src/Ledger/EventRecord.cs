using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace PresenceLedger.Ledger;

/// <summary>An event as it is stored, but for its place in global order. The hash covers every other member.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Version">From 0 without gaps.</param>
/// <param name="EventId">UUIDv7.</param>
/// <param name="Type">Wire name with version, such as <c>presence-changed.v1</c>.</param>
/// <param name="Data">JSON text, kept to the letter.</param>
/// <param name="Metadata">JSON text of <see cref="Events.EventMetadata"/>, kept to the letter.</param>
/// <param name="OccurredAt">When it took effect, UTC, to the millisecond.</param>
/// <param name="RecordedAt">When it was stored, UTC, to the millisecond.</param>
/// <param name="Hash">See <see cref="HashChain"/>.</param>
public sealed record EventRecord(
    string Stream,
    long Version,
    Guid EventId,
    string Type,
    string Data,
    string Metadata,
    DateTimeOffset OccurredAt,
    DateTimeOffset RecordedAt,
    byte[] Hash
);

/// <summary>An event with its place in global order.</summary>
public sealed record StoredEvent(EventRecord Record, LogPosition Position);

/// <summary>
/// The hash chain of a stream: SHA-256 over the hash before it (32 zero bytes before the first) and the canonical bytes of the
/// event. The canonical bytes are, in this order, stream, version (decimal), event id (lower case, hyphens), type, data,
/// metadata, occurredAt and recordedAt (<c>yyyy-MM-ddTHH:mm:ss.fffZ</c>), each as UTF-8 with its length in four bytes, big
/// endian, before it. <c>docs/hash-chain.md</c> has a worked example.
/// </summary>
public static class HashChain
{
    /// <summary>What stands before the first event of a stream.</summary>
    public static byte[] Genesis => new byte[SHA256.HashSizeInBytes];

    /// <summary>The hash of an event after the one with <paramref name="previous"/>.</summary>
    public static byte[] Hash(
        ReadOnlySpan<byte> previous,
        string stream,
        long version,
        Guid eventId,
        string type,
        string data,
        string metadata,
        DateTimeOffset occurredAt,
        DateTimeOffset recordedAt
    )
    {
        Span<char> number = stackalloc char[20];
        version.TryFormat(number, out var digits, provider: System.Globalization.CultureInfo.InvariantCulture);
        Span<char> id = stackalloc char[36];
        eventId.TryFormat(id, out _, "D");
        Span<char> occurred = stackalloc char[Instant.Length];
        Instant.Write(occurredAt, occurred);
        Span<char> recorded = stackalloc char[Instant.Length];
        Instant.Write(recordedAt, recorded);

        // Of one piece, for each call into the hash costs more than the copying.
        var longest = previous.Length + 256 + 3 * (stream.Length + type.Length + data.Length + metadata.Length);
        var rented = ArrayPool<byte>.Shared.Rent(longest);
        try
        {
            var bytes = new Canonical(rented);
            bytes.Append(previous);
            bytes.Append(stream);
            bytes.Append(number[..digits]);
            bytes.Append(id);
            bytes.Append(type);
            bytes.Append(data);
            bytes.Append(metadata);
            bytes.Append(occurred);
            bytes.Append(recorded);
            return SHA256.HashData(bytes.Written);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Whether an event's hash is what its content and the hash before it give.</summary>
    public static bool Holds(ReadOnlySpan<byte> previous, EventRecord e) =>
        e
            .Hash.AsSpan()
            .SequenceEqual(Hash(previous, e.Stream, e.Version, e.EventId, e.Type, e.Data, e.Metadata, e.OccurredAt, e.RecordedAt));

    /// <summary>The bytes that are hashed, one after another.</summary>
    private ref struct Canonical(Span<byte> room)
    {
        private readonly Span<byte> _room = room;
        private int _length;

        public readonly ReadOnlySpan<byte> Written => _room[.._length];

        public void Append(scoped ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_room[_length..]);
            _length += bytes.Length;
        }

        public void Append(scoped ReadOnlySpan<char> text)
        {
            var length = Encoding.UTF8.GetBytes(text, _room[(_length + sizeof(int))..]);
            BinaryPrimitives.WriteInt32BigEndian(_room[_length..], length);
            _length += sizeof(int) + length;
        }
    }
}
