using System.Collections.Concurrent;
using Npgsql;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections;

/// <summary>
/// Rows of a table of agents, each with a state as JSON, as this node read them last. What has not changed since is not read again:
/// to look at ten thousand agents is to read ten thousand small rows, and the states of those that changed.
/// </summary>
/// <param name="table">With a column <c>agent_id</c>.</param>
/// <param name="column">The column of the state.</param>
public sealed class LatestRows<T>(string table, string column)
    where T : class
{
    private const int Most = 50_000;
    private readonly ConcurrentDictionary<string, (uint Row, T State)> _known = new(StringComparer.Ordinal);

    /// <summary>Those that a condition in SQL holds for, in the order of their ids.</summary>
    public async Task<IReadOnlyList<T>> WhereAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction? transaction,
        string condition,
        NpgsqlParameter[] parameters,
        CancellationToken ct
    )
    {
        var ids = new List<string>();
        var states = new Dictionary<string, T>(StringComparer.Ordinal);
        var unknown = new List<string>();
        // xmin is another for each version of a row, whoever wrote it.
        await using (var look = new NpgsqlCommand($"select agent_id, xmin from {table} where {condition}", connection, transaction))
        {
            look.Parameters.AddRange(parameters);
            await using var reader = await look.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                var id = reader.GetString(0);
                ids.Add(id);
                if (_known.TryGetValue(id, out var known) && known.Row == reader.GetFieldValue<uint>(1))
                    states[id] = known.State;
                else
                    unknown.Add(id);
            }
        }
        if (unknown.Count > 0)
            await ReadAsync(connection, transaction, unknown, states, ct);
        ids.Sort(StringComparer.Ordinal);
        return [.. ids.Where(states.ContainsKey).Select(id => states[id])];
    }

    private async Task ReadAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction? transaction,
        List<string> ids,
        Dictionary<string, T> states,
        CancellationToken ct
    )
    {
        if (_known.Count + ids.Count > Most)
            _known.Clear();
        await using var command = new NpgsqlCommand(
            $"select agent_id, xmin, {column}::text from {table} where agent_id = any ($1)",
            connection,
            transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. ids] });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var (id, state) = (reader.GetString(0), LedgerJson.Read<T>(reader.GetString(2)));
            states[id] = state;
            _known[id] = (reader.GetFieldValue<uint>(1), state);
        }
    }
}
