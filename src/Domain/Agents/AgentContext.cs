using System.Collections.Immutable;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Domain.Agents;

/// <summary>What is known of a connection outside of the ledger: heartbeats are not events (CON-7).</summary>
/// <param name="LastSeenAt">Its last sign of life.</param>
/// <param name="CountsFrom">
/// From when the timeout counts: the last sign of life, or later where a restart of the server granted a full timeout (CON-8).
/// </param>
public readonly record struct SignOfLife(DateTimeOffset LastSeenAt, DateTimeOffset CountsFrom);

/// <summary>What a decision on an agent may look at beside the agent's own state.</summary>
/// <param name="Now">The server's clock, UTC.</param>
/// <param name="Configuration">Statuses, profiles and policy.</param>
/// <param name="SignsOfLife">
/// By connection id. A connection that is missing here was last seen when it opened.
/// </param>
public sealed record AgentContext(DateTimeOffset Now, Configuration Configuration, IReadOnlyDictionary<string, SignOfLife> SignsOfLife)
{
    /// <summary>Nothing known of any connection beyond its opening.</summary>
    public static IReadOnlyDictionary<string, SignOfLife> NoSigns { get; } = ImmutableDictionary<string, SignOfLife>.Empty;
}
