using System.Collections.Immutable;
using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>Who made the status stand, and why.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Rule">By which rule.</param>
/// <param name="Reason">For which reason, where one was given.</param>
/// <param name="At">When; a change of origin alone counts.</param>
public sealed record SetBy(Actor Actor, string? Rule, RecordedReason? Reason, DateTimeOffset At);

/// <summary>What of an agent goes on: the state, and the facts that have not ended. What ended is in the tables.</summary>
public sealed record OpenFacts
{
    /// <summary>The state as of its version.</summary>
    public required Agent Agent { get; init; }

    /// <summary>When the agent was registered.</summary>
    public required Mark Registered { get; init; }

    /// <summary>When the last event was recorded, as far as the order of the stream allows to say so.</summary>
    public DateTimeOffset KnownAt { get; init; }

    /// <summary>The status that stands.</summary>
    public required StatusInterval Status { get; init; }

    /// <summary>Who made it stand; null before the first change.</summary>
    public SetBy? SetBy { get; init; }

    /// <summary>Since when the agent is signed in; null where not.</summary>
    public LoginInterval? Login { get; init; }

    /// <summary>Conversations that are with the agent, by id.</summary>
    public ImmutableSortedDictionary<string, Session> Sessions { get; init; } =
        ImmutableSortedDictionary.Create<string, Session>(StringComparer.Ordinal);

    /// <summary>Consults and monitors that are on, by conversation.</summary>
    public ImmutableSortedDictionary<string, Participation> Participations { get; init; } =
        ImmutableSortedDictionary.Create<string, Participation>(StringComparer.Ordinal);

    /// <summary>Capacity as it is.</summary>
    public required CapacityInterval Capacity { get; init; }

    /// <summary>The queues as they are.</summary>
    public required QueueInterval Queues { get; init; }

    /// <summary>What goes on with an agent, as the read model has it; null for one that it does not know.</summary>
    public static async Task<OpenFacts?> FindAsync(NpgsqlDataSource database, string agentId, CancellationToken ct)
    {
        await using var command = database.CreateCommand($"select state::text from {PresenceModel.Agents} where agent_id = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = agentId });
        return await command.ExecuteScalarAsync(ct) is string state ? LedgerJson.Read<OpenFacts>(state) : null;
    }
}

/// <summary>Facts that ended, each with its agent.</summary>
public sealed class ClosedFacts
{
    public List<(string AgentId, StatusInterval Fact)> Statuses { get; } = [];
    public List<(string AgentId, LoginInterval Fact)> Logins { get; } = [];
    public List<(string AgentId, Session Fact)> Sessions { get; } = [];
    public List<(string AgentId, Participation Fact)> Participations { get; } = [];
    public List<(string AgentId, CapacityInterval Fact)> Capacity { get; } = [];
    public List<(string AgentId, QueueInterval Fact)> Queues { get; } = [];
    public List<(string AgentId, Correction Fact)> Corrections { get; } = [];

    /// <summary>Whether nothing ended.</summary>
    public bool IsEmpty =>
        (Statuses.Count, Logins.Count, Sessions.Count, Participations.Count, Capacity.Count, Queues.Count, Corrections.Count)
        == (0, 0, 0, 0, 0, 0, 0);

    /// <summary>Adds what ended later.</summary>
    public void Add(ClosedFacts later)
    {
        Statuses.AddRange(later.Statuses);
        Logins.AddRange(later.Logins);
        Sessions.AddRange(later.Sessions);
        Participations.AddRange(later.Participations);
        Capacity.AddRange(later.Capacity);
        Queues.AddRange(later.Queues);
        Corrections.AddRange(later.Corrections);
    }
}
