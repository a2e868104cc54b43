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
        if (!name.StartsWith(prefix, StringComparison.Ordinal) || !StreamNames.IsOfLedger(name[prefix.Length..]))
            return null;
        try
        {
            using var envelope = JsonDocument.Parse(e.CustomMetadata.Memory);
            var root = envelope.RootElement;
            return new StoredEvent(
                new EventRecord(
                    name[prefix.Length..],
                    checked((long)e.StreamRevision),
                    Guid.Parse(e.Id.String),
                    e.Metadata[TypeKey],
                    e.Data.ToStringUtf8(),
                    root.GetProperty("metadata").GetRawText(),
                    root.GetProperty("occurredAt").GetDateTimeOffset(),
                    root.GetProperty("recordedAt").GetDateTimeOffset(),
                    Convert.FromHexString(root.GetProperty("hash").GetString()!)
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
    public static LogPosition Position(ulong commit, ulong prepare) => new(0, commit, unchecked((long)prepare));

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
