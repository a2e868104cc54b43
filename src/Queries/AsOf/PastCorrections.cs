using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.AsOf;

/// <summary>What supervisors said that a status should have been: found by the facts, read from the log.</summary>
public sealed class PastCorrections(FactsReader facts, ILog log)
{
    /// <summary>The last word on an instant, of what the ledger knew at another; null where there is none.</summary>
    public async Task<CorrectionAnswer?> FindAsync(string agentId, DateTimeOffset at, DateTimeOffset? knownAt, CancellationToken ct)
    {
        if (
            await facts.FindCorrectionAsync(agentId, at, knownAt, ct) is not { } version
            || await log.ReadStreamAsync(StreamNames.Agent(agentId), version, 1, ct) is not [{ Record: var record }]
            || WireNames.Read(record) is not PresenceCorrected correction
        )
            return null;
        var actor = LedgerJson.Read<EventMetadata>(record.Metadata).Actor;
        return new CorrectionAnswer(
            version,
            correction.StatusId,
            correction.Base,
            correction.From,
            correction.To,
            record.RecordedAt,
            actor
        );
    }
}
