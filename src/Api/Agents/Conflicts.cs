using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Agents;

/// <summary>Finds the conversations of one agent that are open with others at the same time (STK-3).</summary>
internal sealed class Conflicts(NpgsqlDataSource database, LatestAgents latest)
{
    private static readonly IReadOnlyDictionary<string, string> NoNames = new Dictionary<string, string>();

    /// <summary>The conflicts of an agent as it is now, and the names of those who are in them.</summary>
    public async Task<(ImmutableArray<Conflict> Conflicts, IReadOnlyDictionary<string, string> Names)> OfAsync(
        Agent agent,
        CancellationToken ct
    )
    {
        if (agent.Conversations.IsEmpty)
            return ([], NoNames);
        IReadOnlyList<OpenFacts> all;
        await using (var connection = await database.OpenConnectionAsync(ct))
            all = await latest.WhereAsync(
                connection,
                null,
                "agent_id <> $1",
                [new NpgsqlParameter<string> { TypedValue = agent.AgentId }],
                ct
            );
        var others = all.Select(open => open.Agent).Where(o => o.Conversations.Keys.Any(agent.Conversations.ContainsKey));
        var conflicts = Flags.Conflicts(others.Prepend(agent)).GetValueOrDefault(agent.AgentId, []);
        return conflicts.IsEmpty
            ? (conflicts, NoNames)
            : (conflicts, await Names.ReadAsync(database, [agent.AgentId, .. conflicts.SelectMany(c => c.Others)], ct));
    }
}

/// <summary>A conversation that is open with several agents at the same time (STK-3). A supervisor releases all but one.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Agents">All of them, in the order of their ids.</param>
public sealed record ConflictAnswer(string ConversationId, IReadOnlyList<ConflictAgent> Agents)
{
    internal static IReadOnlyList<ConflictAnswer> Of(
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
