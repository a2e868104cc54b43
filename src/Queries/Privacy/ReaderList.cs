using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Access;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.Privacy;

/// <summary>Who read the audit of an agent, when, and what for.</summary>
public sealed class ReaderList(AccessLog access, AgentStreams agents)
{
    /// <summary>A page of it, the newest first.</summary>
    /// <exception cref="RefusedException">There is no such agent, or the cursor is of another list.</exception>
    public async Task<Page<ReaderAnswer>> OfAsync(string agentId, Paging paging, CancellationToken ct)
    {
        var before = paging.AfterNumber;
        if (!(await agents.KnownAsync(agentId, ct)).IsRegistered)
            throw RefusedException.AgentUnknown(agentId);
        return paging.Of(
            await access.ReadAsync(agentId, before, paging.Limit + 1, ct),
            e => e.Version.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Of
        );
    }

    private static ReaderAnswer Of(EventRecord e)
    {
        var (actor, read) = (LedgerJson.Read<EventMetadata>(e.Metadata).Actor, (AuditRead)WireNames.ReadData(e));
        return new ReaderAnswer(actor, e.OccurredAt, read.What, read.From, read.To, read.Purpose);
    }
}
