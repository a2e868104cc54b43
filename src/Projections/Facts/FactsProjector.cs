using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Facts;

/// <summary>Keeps the facts, page by page. What goes on is in memory for the agents of late.</summary>
public sealed class FactsProjector(string schema, Configuration configuration) : IProjector
{
    private const int MostRemembered = 200_000;

    /// <summary>So many events, at least, have been folded since what is written by now: two writes, and then some.</summary>
    private const int EventsUnwritten = 3 * CatchUp.LargestWrite;

    private readonly FactsFold _fold = new(configuration);
    private readonly Dictionary<string, OpenFacts> _open = new(StringComparer.Ordinal);
    private readonly Queue<(HashSet<string> Touched, int Events)> _late = [];
    private long _eventsLate;
    private string? _state;

    /// <inheritdoc />
    public async Task<IPageChanges> FoldAsync(NpgsqlDataSource database, IReadOnlyList<StoredEvent> page, CancellationToken ct)
    {
        await RememberAsync(database, page, ct);
        var closed = new ClosedFacts();
        var touched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var e in page)
            Apply(e.Record, closed, touched);
        Forget(touched, page.Count);
        var open = touched.ToDictionary(id => id, id => _open[id], StringComparer.Ordinal);
        return new FactsChanges(schema, _state ??= LedgerJson.Write(_fold.Configuration), open, closed);
    }

    private void Apply(EventRecord record, ClosedFacts closed, HashSet<string> touched)
    {
        if (!StreamNames.HasPresence(record.Stream))
            return;
        try
        {
            switch (WireNames.ReadData(record))
            {
                case ConfigurationEvent e:
                    _fold.Apply(e);
                    _state = null;
                    break;
                case AgentEvent e:
                    var agentId = StreamNames.AgentId(record.Stream)!;
                    var before = _open.GetValueOrDefault(agentId);
                    if (before?.Agent.Version >= record.Version)
                        return;
                    _open[agentId] = _fold.Apply(before, record, e, closed);
                    touched.Add(agentId);
                    break;
            }
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw new InvalidDataException($"{record.Stream}@{record.Version}: '{record.Type}' does not fit: {e.Message}", e);
        }
    }

    /// <summary>
    /// Agents that the page is about and are not in memory: their rows. Nobody else writes them, and what is not in memory has no
    /// write under way.
    /// </summary>
    private async Task RememberAsync(NpgsqlDataSource database, IReadOnlyList<StoredEvent> page, CancellationToken ct)
    {
        var unknown = page.Where(e => e.Record.Version > 0)
            .Select(e => StreamNames.AgentId(e.Record.Stream))
            .OfType<string>()
            .Distinct(StringComparer.Ordinal)
            .Where(id => !_open.ContainsKey(id))
            .ToArray();
        if (unknown.Length == 0)
            return;
        await using var command = database.CreateCommand($"select agent_id, state::text from {schema}.agent where agent_id = any ($1)");
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = unknown });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            _open[reader.GetString(0)] = LedgerJson.Read<OpenFacts>(reader.GetString(1));
    }

    /// <summary>Only what has been written may be forgotten: that of the last pages may not have been.</summary>
    private void Forget(HashSet<string> touched, int events)
    {
        _late.Enqueue((touched, events));
        _eventsLate += events;
        while (_eventsLate - _late.Peek().Events >= EventsUnwritten)
            _eventsLate -= _late.Dequeue().Events;
        if (_open.Count <= MostRemembered)
            return;
        var late = _late.SelectMany(page => page.Touched).ToHashSet(StringComparer.Ordinal);
        foreach (var id in _open.Keys.Where(id => !late.Contains(id)).ToArray())
            _open.Remove(id);
    }

    private sealed class FactsChanges(string schema, string state, Dictionary<string, OpenFacts> open, ClosedFacts closed) : IPageChanges
    {
        public string? State { get; private set; } = state;

        /// <summary>The later page goes into the earlier one, which nobody else has.</summary>
        public IPageChanges With(IPageChanges later)
        {
            var next = (FactsChanges)later;
            foreach (var (agentId, facts) in next.Open)
                open[agentId] = facts;
            closed.Add(next.Closed);
            State = next.State;
            return this;
        }

        private Dictionary<string, OpenFacts> Open => open;

        private ClosedFacts Closed => closed;

        public async Task WriteAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken ct)
        {
            await ClosedFactsWriter.WriteAsync(connection, schema, closed, ct);
            if (open.Count > 0)
                await WriteOpenAsync(connection, transaction, ct);
        }

        private async Task WriteOpenAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken ct)
        {
            OpenFacts[] touched = [.. open.Values];
            await using var command = new NpgsqlCommand(
                $"""
                insert into {schema}.agent (agent_id, version, registered_at, base, status_id, signed_in, open_sessions, state)
                    select * from unnest($1, $2, $3, $4, $5, $6, $7, $8)
                    on conflict (agent_id) do update set version = excluded.version, base = excluded.base,
                        status_id = excluded.status_id, signed_in = excluded.signed_in, open_sessions = excluded.open_sessions,
                        state = excluded.state
                """,
                connection,
                transaction
            );
            command.Parameters.Add(Column(o => o.Agent.AgentId));
            command.Parameters.Add(Column(o => o.Agent.Version));
            command.Parameters.Add(Column(o => o.Registered.At));
            command.Parameters.Add(Column(o => Words.Of(o.Status.Base)));
            command.Parameters.Add(Column(o => o.Status.StatusId));
            command.Parameters.Add(Column(o => o.Agent.SignedIn));
            command.Parameters.Add(Column(o => o.Sessions.Count));
            var states = Column(o => LedgerJson.Write(o));
            states.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Json;
            command.Parameters.Add(states);
            await command.ExecuteNonQueryAsync(ct);

            NpgsqlParameter<T[]> Column<T>(Func<OpenFacts, T> of) => new() { TypedValue = Array.ConvertAll(touched, o => of(o)) };
        }
    }
}
