using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Ledger.Agents;

/// <summary>What is known of the connections of an agent outside of the log: heartbeats are not events (CON-7).</summary>
public interface ISignsOfLife
{
    /// <summary>
    /// By connection. A connection that is not surely lost by <paramref name="now"/> must not look overdue here: a loss, once
    /// recorded, cannot be taken back.
    /// </summary>
    ValueTask<IReadOnlyDictionary<string, SignOfLife>> OfAsync(Agent agent, Policy policy, DateTimeOffset now, CancellationToken ct);

    /// <summary>A connection showed a sign of life.</summary>
    void Seen(string agentId, string connectionId, DateTimeOffset now);

    /// <summary>A connection is no longer one.</summary>
    void Forget(string agentId, string connectionId);
}
