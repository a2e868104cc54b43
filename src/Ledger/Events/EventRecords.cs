using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Ledger.Events;

/// <summary>
/// Makes records of events: versions, ids, envelope, and the hash over all of it and the hash before. Of a reason's text nothing but
/// the digest goes in, where there is one.
/// </summary>
public static class EventRecords
{
    /// <summary>The records of a decision. The first <paramref name="due"/> events happened by themselves: the ledger's own.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="lastVersion">Where it stands.</param>
    /// <param name="lastHash">The hash of the event there.</param>
    /// <param name="events">The events.</param>
    /// <param name="due">How many of the first of them happened by themselves.</param>
    /// <param name="envelope">Of the command.</param>
    /// <param name="policyVersion">Version of the configuration that decided.</param>
    /// <param name="recordedAt">When they are stored.</param>
    /// <param name="newId">Gives ids where the same ledger is to come out every time; a UUIDv7 of the instant where left out.</param>
    public static IReadOnlyList<EventRecord> Create(
        string stream,
        long lastVersion,
        byte[] lastHash,
        IReadOnlyList<LedgerEvent> events,
        int due,
        CommandEnvelope envelope,
        long policyVersion,
        DateTimeOffset recordedAt,
        Func<DateTimeOffset, Guid>? newId = null
    )
    {
        newId ??= Guid.CreateVersion7;
        if (events.Count == 0)
            return [];
        var records = new List<EventRecord>(events.Count);
        var own = due == 0 ? default : newId(recordedAt);
        var hash = lastHash;
        for (var n = 0; n < events.Count; n++)
        {
            var e = events[n];
            var metadata = LedgerJson.Write(
                n < due
                    ? new EventMetadata(Actor.Ledger, own, own.ToString("N"), policyVersion, e.Rule)
                    : new EventMetadata(
                        envelope.Actor,
                        envelope.CommandId,
                        envelope.CorrelationId,
                        policyVersion,
                        e.Rule,
                        envelope.Client,
                        envelope.ConnectionId,
                        RecordedReason.Of(envelope.Reason, envelope.ReasonDigest)
                    )
            );
            var version = lastVersion + 1 + n;
            var id = newId(recordedAt);
            var type = WireNames.Of(e);
            var data = WireNames.Write(e);
            hash = HashChain.Hash(hash, stream, version, id, type, data, metadata, e.OccurredAt, recordedAt);
            records.Add(new EventRecord(stream, version, id, type, data, metadata, e.OccurredAt, recordedAt, hash));
        }
        return records;
    }
}
