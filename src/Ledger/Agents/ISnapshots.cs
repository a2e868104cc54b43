using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Ledger.Agents;

/// <summary>A state of an agent with the hash of the event that led to it. A cache: deleting it changes nothing.</summary>
public sealed record AgentSnapshot(Agent Agent, byte[] Hash)
{
    /// <summary>The shape of <see cref="Domain.Agents.Agent"/>; goes up when it changes, so that older snapshots are not read.</summary>
    public const int Shape = 3;

    /// <summary>How many events may come after a snapshot before the next one.</summary>
    public const int Interval = 250;
}

/// <summary>Keeps snapshots, so that a cold load reads at most a snapshot and its tail.</summary>
public interface ISnapshots
{
    /// <summary>The newest snapshot of an agent; null where there is none of this shape.</summary>
    Task<AgentSnapshot?> LoadAsync(string agentId, CancellationToken ct);

    /// <summary>Keeps a snapshot, unless a newer one is kept.</summary>
    Task SaveAsync(AgentSnapshot snapshot, CancellationToken ct);
}
