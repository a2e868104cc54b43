using PresenceLedger.Ledger.Agents;

namespace PresenceLedger.Scenarios;

/// <summary>A log in memory is short.</summary>
internal sealed class NoKeptStates : IKeptStates
{
    public Task<KeptState?> NewestAsync(string agentId, long version, CancellationToken ct) => Task.FromResult<KeptState?>(null);
}
