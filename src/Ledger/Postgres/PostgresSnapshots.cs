using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Postgres;

/// <summary>Snapshots in the table <c>ledger.snapshot</c>, the newest of each agent.</summary>
public sealed class PostgresSnapshots(NpgsqlDataSource database) : ISnapshots
{
    /// <inheritdoc />
    public async Task<AgentSnapshot?> LoadAsync(string agentId, CancellationToken ct)
    {
        await using var command = database.CreateCommand("select state::text, hash from ledger.snapshot where stream = $1 and shape = $2");
        command.Parameters.Add(new() { Value = StreamNames.Agent(agentId) });
        command.Parameters.Add(new() { Value = AgentSnapshot.Shape });
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
            return null;
        try
        {
            return new AgentSnapshot(LedgerJson.Read<Agent>(reader.GetString(0)), reader.GetFieldValue<byte[]>(1));
        }
        catch (JsonException)
        {
            // A cache that cannot be read is none: the events have it all.
            return null;
        }
    }

    /// <inheritdoc />
    public async Task SaveAsync(AgentSnapshot snapshot, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            insert into ledger.snapshot as s (stream, version, shape, state, hash) values ($1, $2, $3, $4, $5)
            on conflict (stream) do update
                set version = excluded.version, shape = excluded.shape, state = excluded.state, hash = excluded.hash
                where s.version < excluded.version or s.shape <> excluded.shape
            """
        );
        command.Parameters.Add(new() { Value = StreamNames.Agent(snapshot.Agent.AgentId) });
        command.Parameters.Add(new() { Value = snapshot.Agent.Version });
        command.Parameters.Add(new() { Value = AgentSnapshot.Shape });
        command.Parameters.Add(new() { Value = LedgerJson.Write(snapshot.Agent), NpgsqlDbType = NpgsqlDbType.Json });
        command.Parameters.Add(new() { Value = snapshot.Hash });
        await command.ExecuteNonQueryAsync(ct);
    }
}
