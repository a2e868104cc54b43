using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Timeline;

/// <summary>What the audit reads: the log, and what is worked out of it.</summary>
public sealed class Records
{
    private const int PageSize = 1000;
    private readonly PastStates? _states;

    /// <summary>What an audit reads.</summary>
    /// <param name="log">The log.</param>
    /// <param name="texts">The texts of reasons; null where nobody knows where they are kept.</param>
    /// <param name="states">States of the past that are kept; null where none are.</param>
    public Records(ILog log, IReasonTexts? texts, PastStates? states)
    {
        Log = log;
        _states = states;
        Configurations = new(log);
        Reasons = new Reasons(texts, async (agentId, ct) => (await StateAfterAsync(agentId, long.MaxValue, ct)).ErasedAt);
    }

    /// <summary>The log.</summary>
    public ILog Log { get; }

    /// <summary>Statuses, capacity profiles and policy, in every version.</summary>
    public ConfigurationVersions Configurations { get; }

    /// <summary>The texts of reasons.</summary>
    public Reasons Reasons { get; }

    /// <summary>The state of an agent after a version; before registration for -1.</summary>
    public async Task<Agent> StateAfterAsync(string agentId, long version, CancellationToken ct)
    {
        if (_states is not null)
            return (await _states.AsOfAsync(agentId, new Horizon(Version: version), ct)).Agent;
        var agent = Agent.Unknown(agentId);
        while (agent.Version < version)
        {
            var count = (int)Math.Min(PageSize, version - agent.Version);
            var page = await Log.ReadStreamAsync(StreamNames.Agent(agentId), agent.Version + 1, count, ct);
            if (page.Count == 0)
                break;
            agent = page.Aggregate(agent, (state, e) => state.Evolve((AgentEvent)WireNames.Read(e.Record)));
        }
        return agent;
    }

    /// <summary>The stream of an agent, for one question about it.</summary>
    public AgentHistory HistoryOf(string agentId, CancellationToken ct) => new(Log, Reasons, agentId, ct);

    /// <summary>Finds versions of an agent's stream.</summary>
    public StreamVersions VersionsOf(string agentId, CancellationToken ct) => new(Log, StreamNames.Agent(agentId), ct);
}
