using System.Collections.Immutable;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Ledger.Agents;

/// <summary>A state of an agent, with the hash of the event that led to it.</summary>
public sealed record KeptState(Agent Agent, byte[] Hash)
{
    /// <summary>How many events there are from a state that is kept to the next.</summary>
    public const int Interval = 200;

    /// <summary>An agent before the first event.</summary>
    internal static KeptState Unknown(string agentId) => new(Agent.Unknown(agentId), HashChain.Genesis);

    /// <summary>The state after the next events.</summary>
    /// <param name="events">The events.</param>
    /// <param name="records">The same, as recorded.</param>
    internal KeptState After(ImmutableArray<AgentEvent> events, IReadOnlyList<EventRecord> records) =>
        new(events.Aggregate(Agent, (agent, e) => agent.Evolve(e)), records[^1].Hash);
}

/// <summary>
/// States on the way, so that a cold load reads one and the few events after it. They only make it quick: without any, all events are folded,
/// and the agent is the same.
/// </summary>
public interface IKeptStates
{
    /// <summary>The newest that is kept of an agent up to a version; null where there is none that can be read.</summary>
    Task<KeptState?> NewestAsync(string agentId, long version, CancellationToken ct);
}
