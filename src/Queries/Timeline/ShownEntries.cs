using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.Timeline;

/// <summary>Entries of a timeline with what is not in their events: whether they are disputed.</summary>
public sealed class ShownEntries(ILog log, AgentStreams agents)
{
    /// <summary>Fills it in.</summary>
    public async Task<IReadOnlyList<TimelineEntry>> OfAsync(string agentId, IReadOnlyList<TimelineEntry> entries, CancellationToken ct)
    {
        if ((await agents.CurrentAsync(agentId, ct)).Disputes is not { Count: > 0 } disputes)
            return entries;
        var shown = new List<TimelineEntry>(entries.Count);
        foreach (var entry in entries)
            shown.Add(
                entry with
                {
                    Dispute = disputes.TryGetValue(entry.Version, out var dispute) ? await MarkAsync(agentId, dispute, ct) : null,
                }
            );
        return shown;
    }

    /// <inheritdoc cref="OfAsync(string, IReadOnlyList{TimelineEntry}, CancellationToken)" />
    public async Task<WhyAnswer> OfAsync(WhyAnswer answer, CancellationToken ct) =>
        answer with
        {
            Causes = await OfAsync(answer.AgentId, answer.Causes, ct),
            Meanwhile = await OfAsync(answer.AgentId, answer.Meanwhile, ct),
            Corrections = await OfAsync(answer.AgentId, answer.Corrections, ct),
        };

    private async Task<DisputeMark> MarkAsync(string agentId, Dispute dispute, CancellationToken ct) =>
        new(dispute.State, await ActorAsync(agentId, dispute.RaisedBy, ct), dispute.RaisedAt)
        {
            AnsweredBy = dispute.AnsweredBy is { } answer ? await ActorAsync(agentId, answer, ct) : null,
            AnsweredAt = dispute.AnsweredAt,
        };

    private async Task<Actor> ActorAsync(string agentId, long version, CancellationToken ct)
    {
        var e = (await log.ReadStreamAsync(StreamNames.Agent(agentId), version, 1, ct))[0].Record;
        return LedgerJson.Read<EventMetadata>(e.Metadata).Actor;
    }
}
