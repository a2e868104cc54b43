using System.Collections.Immutable;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Domain.Agents;

/// <summary>What is known of a connection outside of the ledger: heartbeats are not events (CON-7).</summary>
/// <param name="LastSeenAt">Its last sign of life.</param>
/// <param name="CountsFrom">
/// From when the timeout counts: the last sign of life, or later where a restart of the server granted a full timeout (CON-8).
/// </param>
public readonly record struct SignOfLife(DateTimeOffset LastSeenAt, DateTimeOffset CountsFrom);

/// <summary>
/// A time in which the service may not have heard everybody: a restart, a crash, a standstill. Afterwards every connection that
/// may have been alive gets one full heartbeat timeout to show up again (CON-8).
/// </summary>
/// <param name="From">Everything that arrived before this instant is known.</param>
/// <param name="Until">From when on everybody is heard again.</param>
public readonly record struct Outage(DateTimeOffset From, DateTimeOffset Until);

/// <summary>What a decision on an agent may look at beside the agent's own state.</summary>
/// <param name="Now">The instant to decide for, UTC: when a command arrived, or the ledger's clock (TIM-1).</param>
/// <param name="Configuration">Statuses, profiles and policy.</param>
/// <param name="SignsOfLife">
/// By connection id. A connection that is missing here was last seen when it opened.
/// </param>
/// <param name="Calendar">When a day ends in a time zone.</param>
public sealed record AgentContext(
    DateTimeOffset Now,
    Configuration Configuration,
    IReadOnlyDictionary<string, SignOfLife> SignsOfLife,
    ICalendar Calendar
)
{
    /// <summary>When somebody noticed what is due: the ledger's clock, which may be later than <see cref="Now"/>.</summary>
    public DateTimeOffset NoticedAt { get; init; } = Now;

    /// <summary>Nothing known of any connection beyond its opening.</summary>
    public static IReadOnlyDictionary<string, SignOfLife> NoSigns { get; } = ImmutableDictionary<string, SignOfLife>.Empty;
}
