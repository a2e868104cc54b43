using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Simulation;

/// <summary>Writes down what happens in a team, as the service would have: sealed, a few milliseconds later.</summary>
/// <param name="policyVersion">Version of the configuration.</param>
/// <param name="chance">A source of its own, for ids and delays.</param>
internal sealed class Scribe(long policyVersion, Chance chance) : IWitness
{
    private List<EventRecord> _written = [];

    /// <inheritdoc />
    public void Saw(Desk desk, AgentCommand command, Decision<AgentEvent> decision, CommandEnvelope envelope, DateTimeOffset at)
    {
        var recordedAt = at.AddMilliseconds(1 + chance.Below(8));
        desk.RecordedAt = recordedAt > desk.RecordedAt ? recordedAt : desk.RecordedAt;
        var records = EventRecords.Create(
            desk.Stream,
            desk.Agent.Version,
            desk.Hash,
            decision.Events,
            decision.Due,
            envelope,
            policyVersion,
            desk.RecordedAt,
            chance.Id
        );
        desk.Hash = records[^1].Hash;
        _written.AddRange(records);
    }

    /// <summary>Hands over what was written since the last time.</summary>
    public List<EventRecord> Take()
    {
        var written = _written;
        _written = new List<EventRecord>(written.Count);
        return written;
    }
}
