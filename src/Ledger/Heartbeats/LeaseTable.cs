using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Heartbeats;

/// <summary>A connection of an agent.</summary>
internal readonly record struct ConnectionKey(string AgentId, string ConnectionId) : IComparable<ConnectionKey>
{
    public int CompareTo(ConnectionKey other) =>
        string.CompareOrdinal(AgentId, other.AgentId) is not 0 and var c ? c : string.CompareOrdinal(ConnectionId, other.ConnectionId);
}

/// <summary>A lease as the table has it.</summary>
internal sealed record Lease(ConnectionKey Key, DateTimeOffset LastSeenAt, DateTimeOffset? ClosingAt);

/// <summary>The table <c>ledger.lease</c>, in which all nodes tell when a connection was last seen (<see cref="NodePresence"/>).</summary>
internal sealed class LeaseTable(NpgsqlDataSource database)
{
    /// <summary>
    /// Claims connections that are silent since an instant or longer, the longest silent first: their agents, and when the first of all
    /// connections was last seen; null where there are none.
    /// </summary>
    public async Task<(string[] AgentIds, DateTimeOffset? First)> ClaimAsync(DateTimeOffset silentSince, int atMost, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            with free as (
                select agent_id, connection_id from ledger.lease
                where last_seen_at <= $1 and claimed_until < now()
                order by last_seen_at limit $2 for update skip locked
            ), claimed as (
                update ledger.lease l set claimed_until = now() + $3
                    from free f where l.agent_id = f.agent_id and l.connection_id = f.connection_id
                    returning l.agent_id
            )
            select array(select distinct agent_id from claimed), (select min(last_seen_at) from ledger.lease)
            """
        );
        command.Parameters.AddValues(silentSince, atMost, Claim.Lasts);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetFieldValue<string[]>(0), await reader.IsDBNullAsync(1, ct) ? null : reader.GetFieldValue<DateTimeOffset>(1));
    }

    /// <summary>The leases of an agent's connections.</summary>
    public async Task<IReadOnlyList<Lease>> ReadAsync(string agentId, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "select connection_id, last_seen_at, closing_at from ledger.lease where agent_id = $1"
        );
        command.Parameters.Add(new() { Value = agentId });
        return await command.ReadAsync(
            row => new Lease(
                new ConnectionKey(agentId, row.GetString(0)),
                row.GetFieldValue<DateTimeOffset>(1),
                row.IsDBNull(2) ? null : row.GetFieldValue<DateTimeOffset>(2)
            ),
            ct
        );
    }

    /// <summary>Removes leases of connections that the agent has no more and that are silent since an instant or longer.</summary>
    public async Task RemoveAsync(Agent agent, DateTimeOffset silentSince, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "delete from ledger.lease where agent_id = $1 and not connection_id = any ($2) and last_seen_at <= $3"
        );
        command.Parameters.Add(new() { Value = agent.AgentId });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. agent.Connections.Keys] });
        command.Parameters.Add(new() { Value = silentSince });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>When a connection of each agent was last seen; nothing of an agent without any.</summary>
    public async Task<IReadOnlyDictionary<string, DateTimeOffset>> LastSeenAsync(IReadOnlyList<string> agents, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "select agent_id, max(last_seen_at) from ledger.lease where agent_id = any ($1) group by agent_id"
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. agents] });
        var seen = await command.ReadAsync(row => (AgentId: row.GetString(0), At: row.GetFieldValue<DateTimeOffset>(1)), ct);
        return seen.ToDictionary(s => s.AgentId, s => s.At, StringComparer.Ordinal);
    }
}
