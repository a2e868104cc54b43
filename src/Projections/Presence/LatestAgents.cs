using System.Collections.Concurrent;
using Npgsql;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>
/// What goes on with agents, as this node read it last. What has not changed since is not read again: to look at ten thousand agents is to
/// read ten thousand small rows, and the states of those that changed.
/// </summary>
public sealed class LatestAgents
{
    private const int Most = 50_000;
    private readonly ConcurrentDictionary<string, (uint Row, OpenFacts State)> _known = new(StringComparer.Ordinal);

    /// <summary>Those that a condition in SQL holds for, in the order of their ids.</summary>
    public async Task<IReadOnlyList<OpenFacts>> WhereAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction? transaction,
        string condition,
        NpgsqlParameter[] parameters,
        CancellationToken ct
    )
    {
        var ids = new List<string>();
        var states = new Dictionary<string, OpenFacts>(StringComparer.Ordinal);
        var unknown = new List<string>();
        // xmin is another for each version of a row, whoever wrote it.
        await using (
            var look = new NpgsqlCommand($"select agent_id, xmin from {PresenceModel.Agents} where {condition}", connection, transaction)
        )
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
        Dictionary<string, OpenFacts> states,
        CancellationToken ct
    )
    {
        if (_known.Count + ids.Count > Most)
            _known.Clear();
        await using var command = new NpgsqlCommand(
            $"select agent_id, xmin, state::text from {PresenceModel.Agents} where agent_id = any ($1)",
            connection,
            transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. ids] });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var (id, state) = (reader.GetString(0), LedgerJson.Read<OpenFacts>(reader.GetString(2)));
            states[id] = state;
            _known[id] = (reader.GetFieldValue<uint>(1), state);
        }
    }
}
