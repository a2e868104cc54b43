using System.Collections.Immutable;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Presence;

/// <summary>Finds the conversations of one agent that are open with others at the same time (STK-3).</summary>
public sealed class Conflicts(NpgsqlDataSource database, LatestAgents latest, Names names)
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
            : (conflicts, await names.ReadAsync([agent.AgentId, .. conflicts.SelectMany(c => c.Others)], ct));
    }
}
