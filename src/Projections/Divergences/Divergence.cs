using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Projections.Divergences;

/// <summary>Something that is kept of an agent is not what the agent's events give.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Model">What it is kept as: one of the names below.</param>
/// <param name="Version">The version that it is of.</param>
/// <param name="Member">Which member of it, as <see cref="Difference.Path"/> has it.</param>
/// <param name="Kept">What it is, as JSON; null where it is not there.</param>
/// <param name="Replayed">What the events give.</param>
public sealed record Divergence(string AgentId, string Model, long Version, string Member, string? Kept, string? Replayed)
{
    /// <summary>The row of what goes on now.</summary>
    public const string Presence = PresenceModel.ModelName;

    /// <summary>The rows of facts that have ended.</summary>
    public const string Facts = "facts";

    /// <summary>The rows of states on the way.</summary>
    public const string States = "states";

    /// <summary>What a node has in memory.</summary>
    public const string Memory = "memory";

    /// <summary>The texts of reasons, beside the log.</summary>
    public const string Reasons = "reasons";

    /// <summary>The member of a reason that says what became of the text of somebody who was erased.</summary>
    private const string Erasure = "erasure";

    /// <summary>What to do about it.</summary>
    public string WhatToDo =>
        Model switch
        {
            Reasons when Member == Erasure => $"Ask for the erasure of agent '{AgentId}' again: texts of reasons are still kept.",
            Reasons => "Restore the table ledger.reason from a backup: nothing else has the texts, and a rebuild does not bring them back.",
            Memory => "Restart the node.",
            _ => "presence-ledger rebuild",
        };

    /// <summary>A text that is not as it should be. The text itself is nobody's business.</summary>
    internal static Divergence Of(string agentId, ReasonFault fault) =>
        fault.Kind switch
        {
            ReasonFaultKind.Missing => new(agentId, Reasons, fault.Version, "text", null, "\"given\""),
            ReasonFaultKind.Changed => new(agentId, Reasons, fault.Version, "text", "\"changed\"", "\"as given\""),
            _ => new(agentId, Reasons, fault.Version, Erasure, "\"kept\"", "\"erased\""),
        };

    /// <inheritdoc />
    public override string ToString() => $"{Model}@{Version}: {Member} is {Kept ?? "not there"}, by the ledger {Replayed ?? "not there"}";
}

/// <summary>What a comparison of an agent gave.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Events">How many events were folded.</param>
/// <param name="Divergences">What differs.</param>
public sealed record ReplayedAgent(string AgentId, long Events, IReadOnlyList<Divergence> Divergences);
