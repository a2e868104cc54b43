using Npgsql;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.CurrentPresence;

/// <summary>Keeps the presences of a schema.</summary>
internal sealed class PresenceProjector(string schema, string? state) : IProjector
{
    private const int Remembered = 10_000;

    private Configuration _configuration = state is null ? Configuration.Initial : LedgerJson.Read<Configuration>(state);
    private bool _begins = state is null;

    // What was at hand last is never forgotten at once: what a page changed is not in the table yet while the next one is folded.
    private Dictionary<string, PresenceDocument> _recent = new(StringComparer.Ordinal);
    private Dictionary<string, PresenceDocument> _older = new(StringComparer.Ordinal);

    /// <inheritdoc />
    public async Task<IPageChanges> FoldAsync(NpgsqlDataSource database, IReadOnlyList<StoredEvent> page, CancellationToken ct)
    {
        if (_recent.Count > Remembered)
            (_older, _recent) = (_recent, new Dictionary<string, PresenceDocument>(StringComparer.Ordinal));
        var fold = new PresenceFold(_configuration, await KnownAsync(database, PresenceFold.AgentsOf(page), ct));
        foreach (var e in page)
            fold.Apply(e.Record);
        foreach (var document in fold.Changed)
            _recent[document.Id] = document;
        _configuration = fold.Configuration;
        _begins = false;
        return new Changes(schema, fold);
    }

    private async Task<Dictionary<string, PresenceDocument>> KnownAsync(NpgsqlDataSource database, string[] ids, CancellationToken ct)
    {
        var known = new Dictionary<string, PresenceDocument>(StringComparer.Ordinal);
        foreach (var id in ids)
            if (_recent.TryGetValue(id, out var document) || _older.TryGetValue(id, out document))
                known[id] = document;
        if (known.Count == ids.Length || _begins)
            return known;
        await using var command = database.CreateCommand($"select data::text from {schema}.agent where agent_id = any ($1)");
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. ids.Where(id => !known.ContainsKey(id))] });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var document = LedgerJson.Read<PresenceDocument>(reader.GetString(0));
            known[document.Id] = document;
        }
        return known;
    }

    private sealed class Changes : IPageChanges
    {
        private readonly string _schema;
        private readonly PresenceDocument[] _changed;

        // While the page before is written.
        private readonly string[] _data;

        public Changes(string schema, PresenceFold fold)
        {
            _schema = schema;
            _changed = [.. fold.Changed];
            _data = Array.ConvertAll(_changed, ReadSide.Write);
            State = LedgerJson.Write(fold.Configuration);
        }

        public string? State { get; }

        public async Task WriteAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken ct)
        {
            if (_changed.Length == 0)
                return;
            await using var command = new NpgsqlCommand(
                $"""
                insert into {_schema}.agent (agent_id, version, base, status_id, signed_in, data)
                    select t.agent_id, t.version, t.base, t.status_id, t.signed_in, t.data::jsonb
                    from unnest($1, $2, $3, $4, $5, $6) as t (agent_id, version, base, status_id, signed_in, data)
                    order by t.agent_id collate "C"
                    on conflict (agent_id) do update
                        set version = excluded.version, base = excluded.base, status_id = excluded.status_id,
                            signed_in = excluded.signed_in, data = excluded.data
                """,
                connection
            );
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(_changed, d => d.Id) });
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = Array.ConvertAll(_changed, d => d.Agent.Version) });
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(_changed, d => d.Base) });
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(_changed, d => d.StatusId) });
            command.Parameters.Add(new NpgsqlParameter<bool[]> { TypedValue = Array.ConvertAll(_changed, d => d.SignedIn) });
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = _data });
            await command.ExecuteNonQueryAsync(ct);
        }
    }
}
