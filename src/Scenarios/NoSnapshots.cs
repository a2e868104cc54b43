using PresenceLedger.Ledger.Agents;

namespace PresenceLedger.Scenarios;

/// <summary>A log in memory needs no snapshots.</summary>
internal sealed class NoSnapshots : ISnapshots
{
    public Task<AgentSnapshot?> LoadAsync(string agentId, CancellationToken ct) => Task.FromResult<AgentSnapshot?>(null);

    public Task SaveAsync(AgentSnapshot snapshot, CancellationToken ct) => Task.CompletedTask;
}
