using System.Collections.Immutable;
using System.Text.Json.Serialization;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Contracts;

/// <summary>A conversation that is open with several agents at the same time (STK-3). A supervisor releases all but one.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Agents">All of them, in the order of their ids.</param>
public sealed record ConflictAnswer(string ConversationId, IReadOnlyList<ConflictAgent> Agents)
{
    public static IReadOnlyList<ConflictAnswer> Of(
        string agentId,
        IEnumerable<Conflict> conflicts,
        IReadOnlyDictionary<string, string> names
    ) =>
        [
            .. conflicts.Select(c => new ConflictAnswer(
                c.ConversationId,
                [.. c.Others.Append(agentId).Order(StringComparer.Ordinal).Select(id => new ConflictAgent(id, names.GetValueOrDefault(id)))]
            )),
        ];
}

/// <summary>An agent in a conflict.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="DisplayName">The name to show; left out where there is none.</param>
public sealed record ConflictAgent(
    string AgentId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DisplayName
);
