using System.Text.Json;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.CurrentPresence;

/// <summary>The current presence of an agent: the state the log gives, with what lists filter by beside it.</summary>
public sealed record PresenceDocument
{
    /// <summary>The agent.</summary>
    public required string Id { get; init; }

    /// <summary>The state as of its version.</summary>
    public required Agent Agent { get; init; }

    /// <summary>Base of the status that stands, in its wire name: lists filter by it in SQL.</summary>
    public string Base { get; init; } = "";

    /// <summary>The status that stands.</summary>
    public string StatusId { get; init; } = "";

    /// <summary>At least one connection lives.</summary>
    public bool SignedIn { get; init; }

    /// <summary>The agent's queues.</summary>
    public string[] Queues { get; init; } = [];

    /// <summary>The agent's skills.</summary>
    public string[] Skills { get; init; } = [];

    /// <summary>Who made the status stand, and why; null before the first change.</summary>
    public LastChange? LastChange { get; init; }

    /// <summary>A document of this state.</summary>
    public static PresenceDocument Of(Agent agent, LastChange? lastChange) =>
        new()
        {
            Id = agent.AgentId,
            Agent = agent,
            Base = JsonNamingPolicy.KebabCaseLower.ConvertName(agent.Status.Base.ToString()),
            StatusId = agent.Status.StatusId,
            SignedIn = agent.SignedIn,
            Queues = [.. agent.Settings.Queues],
            Skills = [.. agent.Settings.Skills.Select(s => s.Name)],
            LastChange = lastChange,
        };
}

/// <summary>The last change of presence: who, by which rule, for which reason.</summary>
public sealed record LastChange(Actor Actor, string? Rule, RecordedReason? Reason, DateTimeOffset OccurredAt);

/// <summary>
/// What is known of an agent as a person. It is written by the administrator's command, not by the log, so that it can be erased
/// without touching the ledger (WHO-3).
/// </summary>
public sealed record DirectoryEntry
{
    /// <summary>The agent.</summary>
    public required string Id { get; init; }

    /// <summary>The name to show; null where none was given.</summary>
    public string? DisplayName { get; init; }
}
