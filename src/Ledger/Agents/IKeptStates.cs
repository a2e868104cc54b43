using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Ledger.Agents;

/// <summary>A state of an agent, with the hash of the event that led to it.</summary>
public sealed record KeptState(Agent Agent, byte[] Hash)
{
    /// <summary>How many events there are from a state that is kept to the next.</summary>
    public const int Interval = 200;
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
