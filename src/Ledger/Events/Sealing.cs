using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Ledger.Events;

/// <summary>Makes records of events: versions, ids, envelope, and the hash over all of it and the hash before.</summary>
internal static class Sealing
{
    /// <summary>The records of a decision. The first <paramref name="due"/> events happened by themselves: the ledger's own.</summary>
    public static IReadOnlyList<EventRecord> Seal(
        string stream,
        long lastVersion,
        byte[] lastHash,
        IReadOnlyList<LedgerEvent> events,
        int due,
        CommandEnvelope envelope,
        long policyVersion,
        DateTimeOffset recordedAt
    )
    {
        if (events.Count == 0)
            return [];
        var records = new List<EventRecord>(events.Count);
        var own = due == 0 ? default : Guid.CreateVersion7(recordedAt);
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
                        envelope.Reason
                    )
            );
            var version = lastVersion + 1 + n;
            var id = Guid.CreateVersion7(recordedAt);
            var type = WireNames.Of(e);
            var data = WireNames.Write(e);
            hash = HashChain.Hash(hash, stream, version, id, type, data, metadata, e.OccurredAt, recordedAt);
            records.Add(new EventRecord(stream, version, id, type, data, metadata, e.OccurredAt, recordedAt, hash));
        }
        return records;
    }
}
