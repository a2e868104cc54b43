using System.Text;
using System.Text.Json;
using Google.Protobuf;
using PresenceLedger.Ledger.EventStoreDb.Wire;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>
/// An event of the ledger as EventStoreDB keeps it: data and type as they are, and in the custom metadata
/// <c>{"occurredAt","recordedAt","hash","metadata"}</c>, the last one to the letter.
/// </summary>
/// <param name="prefix">Stands before the name of every stream of this ledger on the server; empty where it has a server of its own.</param>
internal sealed class RecordedEvents(string prefix)
{
    private const string TypeKey = "type";

    /// <summary>What the names of the ledger's streams begin with on the server.</summary>
    public IEnumerable<string> Prefixes => StreamNames.Prefixes.Select(p => prefix + p);

    /// <summary>The name of a stream on the server.</summary>
    public StreamIdentifier Stream(string stream) => new() { StreamName = ByteString.CopyFromUtf8(prefix + stream) };

    /// <summary>An event to append.</summary>
    public static BatchAppendReq.Types.ProposedMessage Propose(EventRecord e) =>
        new()
        {
            Id = new UUID { String = e.EventId.ToString("D") },
            Metadata = { { TypeKey, e.Type }, { "content-type", "application/json" } },
            Data = ByteString.CopyFromUtf8(e.Data),
            CustomMetadata = Envelope(e),
        };

    /// <summary>An event as it was read; null where its stream is not of the ledger.</summary>
    /// <exception cref="InvalidDataException">It is in a stream of the ledger, and was not written by it.</exception>
    public StoredEvent? Read(ReadResp.Types.ReadEvent.Types.RecordedEvent e)
    {
        var name = e.StreamIdentifier.StreamName.ToStringUtf8();
        if (!name.StartsWith(prefix, StringComparison.Ordinal) || name[prefix.Length..] is var stream && !StreamNames.IsOfLedger(stream))
            return null;
        try
        {
            var (occurredAt, recordedAt, hash, metadata) = Open(e.CustomMetadata.Span);
            return new StoredEvent(
                new EventRecord(
                    stream,
                    checked((long)e.StreamRevision),
                    Guid.Parse(e.Id.String),
                    e.Metadata[TypeKey],
                    e.Data.ToStringUtf8(),
                    metadata,
                    occurredAt,
                    recordedAt,
                    hash
                ),
                Position(e.CommitPosition, e.PreparePosition)
            );
        }
        catch (Exception x) when (x is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{name}@{e.StreamRevision} was not written by the ledger: {x.Message}", x);
        }
    }

    /// <summary>A position, as it came: both halves are kept, and never computed with.</summary>
    public static LogPosition Position(ulong commit, ulong prepare) => unchecked(new((long)commit, (long)prepare));

    /// <summary>The place that a checkpoint tells; null for "the end" of an empty log, which is no place to go on from.</summary>
    public static LogPosition? PositionOf(ReadResp.Types.Checkpoint at) =>
        at.CommitPosition == ulong.MaxValue ? null : Position(at.CommitPosition, at.PreparePosition);

    /// <summary>What <see cref="Envelope"/> wrote, read token by token: it is done for every event that is read.</summary>
    private static (DateTimeOffset OccurredAt, DateTimeOffset RecordedAt, byte[] Hash, string Metadata) Open(ReadOnlySpan<byte> envelope)
    {
        DateTimeOffset? occurredAt = null;
        DateTimeOffset? recordedAt = null;
        byte[]? hash = null;
        string? metadata = null;
        var json = new Utf8JsonReader(envelope);
        json.Read();
        if (json.TokenType is not JsonTokenType.StartObject)
            throw new FormatException("its envelope is no object");
        while (json.Read() && json.TokenType is JsonTokenType.PropertyName)
        {
            var isOccurredAt = json.ValueTextEquals("occurredAt"u8);
            var isRecordedAt = json.ValueTextEquals("recordedAt"u8);
            var isHash = json.ValueTextEquals("hash"u8);
            var isMetadata = json.ValueTextEquals("metadata"u8);
            json.Read();
            var from = (int)json.TokenStartIndex;
            if (isOccurredAt)
                occurredAt = json.GetDateTimeOffset();
            else if (isRecordedAt)
                recordedAt = json.GetDateTimeOffset();
            else if (isHash)
                hash = Convert.FromHexString(json.GetString()!);
            json.Skip();
            if (isMetadata)
                metadata = Encoding.UTF8.GetString(envelope[from..(int)json.BytesConsumed]);
        }
        // Behind it stands nothing else, or this throws.
        json.Read();
        return (
            occurredAt ?? throw new KeyNotFoundException("its envelope has no 'occurredAt'"),
            recordedAt ?? throw new KeyNotFoundException("its envelope has no 'recordedAt'"),
            hash ?? throw new KeyNotFoundException("its envelope has no 'hash'"),
            metadata ?? throw new KeyNotFoundException("its envelope has no 'metadata'")
        );
    }

    private static ByteString Envelope(EventRecord e)
    {
        using var buffer = new MemoryStream(256 + e.Metadata.Length);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("occurredAt", Instant.Format(e.OccurredAt));
            json.WriteString("recordedAt", Instant.Format(e.RecordedAt));
            json.WriteString("hash", Convert.ToHexStringLower(e.Hash));
            json.WritePropertyName("metadata");
            json.WriteRawValue(Encoding.UTF8.GetBytes(e.Metadata));
            json.WriteEndObject();
        }
        return UnsafeByteOperations.UnsafeWrap(buffer.ToArray());
    }
}
