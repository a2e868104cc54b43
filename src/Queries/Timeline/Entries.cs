using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Queries.Timeline;

/// <summary>Makes entries of the timeline: each event with its sentence, what it was decided with, and what it comes from.</summary>
public sealed class Entries(Records records)
{
    /// <summary>Beyond this, the state is rather rebuilt than carried on event by event.</summary>
    private const int FarApart = 2000;

    /// <summary>The entries of some events, in their order.</summary>
    public async Task<List<TimelineEntry>> OfAsync(
        AgentHistory history,
        IReadOnlyList<AuditedEvent> events,
        Wording wording,
        CancellationToken ct
    )
    {
        var entries = new Dictionary<long, TimelineEntry>(events.Count);
        Agent? state = null;
        // Upwards, so that the state of one is carried on to the next.
        foreach (var e in events.OrderBy(e => e.Version))
        {
            var causes = await history.CausesOfAsync(e);
            var followed = Followed(e, causes);
            var configuration = await records.Configurations.OfAsync(e.Metadata.PolicyVersion, ct);
            DecisionInputs? inputs = null;
            if (e.Event is PresenceChanged changed)
            {
                if (DecisionInputs.NeedState(followed?.Event))
                    state = await StateAsync(history, state, followed!.Version - 1, ct);
                inputs = DecisionInputs.Of(changed, followed?.Event, state, configuration);
            }
            var sentence = new Phrase("sentence", ("what", Explanation.Of(e.Event, followed?.Event)));
            entries[e.Version] = e.ToEntry(wording.Say(sentence, configuration.StatusText), inputs, causes);
        }
        return [.. events.Select(e => entries[e.Version])];
    }

    /// <summary>What a change of presence was decided with.</summary>
    public async Task<DecisionInputs> InputsOfAsync(
        AgentHistory history,
        PresenceChanged change,
        AuditedEvent? followed,
        Configuration configuration,
        CancellationToken ct
    )
    {
        var state = DecisionInputs.NeedState(followed?.Event) ? await StateAsync(history, null, followed!.Version - 1, ct) : null;
        return DecisionInputs.Of(change, followed?.Event, state, configuration);
    }

    /// <summary>The event that a change of presence names as the one it follows from.</summary>
    public static AuditedEvent? Followed(AuditedEvent e, IReadOnlyList<AuditedEvent> causes) =>
        e.Event is PresenceChanged { Follows: not null } && causes.Count > 0 ? causes[0] : null;

    private async Task<Agent> StateAsync(AgentHistory history, Agent? near, long version, CancellationToken ct) =>
        near is not null && near.Version <= version && version - near.Version <= FarApart
            ? await history.EvolveAsync(near, version)
            : await records.StateAfterAsync(history.AgentId, version, ct);
}
