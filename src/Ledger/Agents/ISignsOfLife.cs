using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Ledger.Agents;

/// <summary>What has been heard of an agent's connections.</summary>
/// <param name="Signs">By connection.</param>
/// <param name="AsOf">The instant up to which losses can be decided by them.</param>
public sealed record Heard(IReadOnlyDictionary<string, SignOfLife> Signs, DateTimeOffset AsOf);

/// <summary>What is known of the connections of an agent outside of the log: heartbeats are not events (CON-7).</summary>
public interface ISignsOfLife
{
    /// <summary>
    /// Something arrived over a connection. It is a sign of life if it came before the connection's deadline (CON-1), which is found
    /// out here or in <see cref="OfAsync"/>.
    /// </summary>
    void Arrived(string agentId, string connectionId, DateTimeOffset at);

    /// <summary>What arrived then has been decided on.</summary>
    void Decided(string agentId, string connectionId, DateTimeOffset at);

    /// <summary>What has been heard. A connection that looks lost by <paramref name="now"/> is looked up until it surely is, or is not.</summary>
    /// <param name="agent">The agent.</param>
    /// <param name="configuration">The policy, and those before.</param>
    /// <param name="now">The instant to decide for.</param>
    /// <param name="wait">
    /// Whether to wait until it is known what other nodes heard up to the deadline; otherwise the answer says as of when it is.
    /// </param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="LedgerUnavailableException">It cannot be found out what other nodes heard.</exception>
    ValueTask<Heard> OfAsync(Agent agent, Configuration configuration, DateTimeOffset now, bool wait, CancellationToken ct);

    /// <summary>A connection opened, or came back.</summary>
    void Opened(string agentId, string connectionId, DateTimeOffset at);

    /// <summary>A connection said that it closes.</summary>
    void Closing(string agentId, string connectionId, DateTimeOffset at);

    /// <summary>A connection is no longer one.</summary>
    void Forget(string agentId, string connectionId);
}
