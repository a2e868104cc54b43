using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>The state of an agent after one of its events.</summary>
/// <param name="Agent">The state.</param>
/// <param name="Hash">Hash of the event.</param>
/// <param name="KnownAt">
/// Since when the event is known: since it was recorded. No event is known before those that it follows: where the clock of a node was
/// behind, from when the one before was recorded.
/// </param>
public sealed record PastState(Agent Agent, byte[] Hash, DateTimeOffset KnownAt)
{
    /// <summary>Before the first event.</summary>
    public static PastState Unknown(string agentId) => new(Agent.Unknown(agentId), HashChain.Genesis, DateTimeOffset.MinValue);

    /// <summary>The state after the next event.</summary>
    /// <exception cref="InvalidDataException">The event cannot be read, or does not fit what came before.</exception>
    public PastState After(EventRecord record)
    {
        if (record.Version != Agent.Version + 1)
            throw new InvalidDataException($"{record.Stream}@{record.Version} came after version {Agent.Version}.");
        if (WireNames.ReadData(record) is not AgentEvent e)
            throw new InvalidDataException($"{record.Stream}@{record.Version}: '{record.Type}' is no event of an agent.");
        try
        {
            // Of what stands beside the data a state has the rule of a change of presence alone.
            if (e is PresenceChanged)
                e = e with { Rule = LedgerJson.Read<EventMetadata>(record.Metadata).Rule };
            return new PastState(Agent.Evolve(e), record.Hash, KnownSince(record));
        }
        catch (Exception x) when (x is not InvalidDataException)
        {
            throw new InvalidDataException($"{record.Stream}@{record.Version}: '{record.Type}' does not fit: {x.Message}", x);
        }
    }

    /// <summary>Since when the next event is known.</summary>
    internal DateTimeOffset KnownSince(EventRecord next) => next.RecordedAt > KnownAt ? next.RecordedAt : KnownAt;
}

/// <summary>Which events of an agent count, in both times; each bound may be left out.</summary>
/// <param name="At">Those that took effect by this instant.</param>
/// <param name="KnownAt">Those that the ledger knew at this instant.</param>
/// <param name="Version">Those up to this version.</param>
public sealed record Horizon(DateTimeOffset? At = null, DateTimeOffset? KnownAt = null, long Version = long.MaxValue)
{
    /// <summary>Whether the event after a state counts. Both times go up within a stream, so none counts after one that does not.</summary>
    internal bool Has(PastState before, EventRecord next) =>
        next.Version <= Version && !(next.OccurredAt > At) && !(before.KnownSince(next) > KnownAt);
}
