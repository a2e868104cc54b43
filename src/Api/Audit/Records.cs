using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Audit;

/// <summary>What the audit reads: the log, and what is worked out of it.</summary>
/// <param name="log">The log.</param>
public sealed class Records(ILog log)
{
    private const int PageSize = 1000;

    /// <summary>The log.</summary>
    public ILog Log => log;

    /// <summary>Statuses, capacity profiles and policy, in every version.</summary>
    public ConfigurationVersions Configurations { get; } = new(log);

    /// <summary>The state of an agent after a version; before registration for -1.</summary>
    public async Task<Agent> StateAfterAsync(string agentId, long version, CancellationToken ct)
    {
        var agent = Agent.Unknown(agentId);
        while (agent.Version < version)
        {
            var count = (int)Math.Min(PageSize, version - agent.Version);
            var page = await log.ReadStreamAsync(StreamNames.Agent(agentId), agent.Version + 1, count, ct);
            if (page.Count == 0)
                break;
            agent = page.Aggregate(agent, (state, e) => state.Evolve((AgentEvent)WireNames.Read(e.Record)));
        }
        return agent;
    }

    /// <summary>The stream of an agent, for one question about it.</summary>
    internal AgentHistory HistoryOf(string agentId, CancellationToken ct) => new(log, agentId, ct);

    /// <summary>Finds versions of an agent's stream.</summary>
    internal Agents.StreamVersions VersionsOf(string agentId, CancellationToken ct) => new(log, StreamNames.Agent(agentId), ct);
}
