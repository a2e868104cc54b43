using System.Text.Json.Serialization;
using PresenceLedger.Api.Audit;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Privacy;

/// <summary>The dispute of an entry of the timeline.</summary>
/// <param name="State">Where it is.</param>
/// <param name="By">Who raised it.</param>
/// <param name="At">When.</param>
public sealed record DisputeMark(DisputeState State, ActorAnswer By, DateTimeOffset At)
{
    /// <summary>Who answered it; left out while it is open.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ActorAnswer? AnsweredBy { get; init; }

    /// <summary>When; left out while it is open.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AnsweredAt { get; init; }
}

/// <summary>Entries of a timeline with what is not in their events: whether they are disputed.</summary>
internal sealed class ShownEntries(ILog log, AgentStreams agents)
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

    private async Task<DisputeMark> MarkAsync(string agentId, Dispute dispute, CancellationToken ct) =>
        new(dispute.State, await ActorAsync(agentId, dispute.RaisedBy, ct), dispute.RaisedAt)
        {
            AnsweredBy = dispute.AnsweredBy is { } answer ? await ActorAsync(agentId, answer, ct) : null,
            AnsweredAt = dispute.AnsweredAt,
        };

    private async Task<ActorAnswer> ActorAsync(string agentId, long version, CancellationToken ct)
    {
        var e = (await log.ReadStreamAsync(StreamNames.Agent(agentId), version, 1, ct))[0].Record;
        return ActorAnswer.Of(LedgerJson.Read<EventMetadata>(e.Metadata).Actor);
    }
}
