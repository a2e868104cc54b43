using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.States;

/// <summary>
/// Keeps the states of a schema. It looks at versions alone, and reads the events of an agent at once when a row is due: those of the page,
/// and from the log those since the row before.
/// </summary>
internal sealed class StatesProjector(string schema, ILog log) : IProjector
{
    private const int PageSize = 1000;

    // The last rows of the page before, which may not have been written yet.
    private Dictionary<string, PastState> _pageBefore = [];

    /// <inheritdoc />
    public async Task<IPageChanges> FoldAsync(NpgsqlDataSource database, IReadOnlyList<StoredEvent> page, CancellationToken ct)
    {
        var due = Due(page);
        var rows = new List<PastState>();
        var last = new Dictionary<string, PastState>(StringComparer.Ordinal);
        if (due.Count > 0)
        {
            var bases = await BasesAsync(database, due, ct);
            foreach (var (agentId, events) in due)
            {
                var state = bases.GetValueOrDefault(agentId) ?? PastState.Unknown(agentId);
                await foreach (var record in SinceAsync(state, events, ct))
                {
                    state = state.After(record);
                    if (StatesModel.IsKept(record.Version) && record.Version >= events[0].Version)
                        rows.Add(state);
                }
                last[agentId] = state;
            }
        }
        _pageBefore = last;
        return new Changes(schema, rows);
    }

    /// <summary>The agents of whom a row is due within a page, each with its events in there up to the last row.</summary>
    private static Dictionary<string, List<EventRecord>> Due(IReadOnlyList<StoredEvent> page)
    {
        var due = new Dictionary<string, (long Last, List<EventRecord> Events)>(StringComparer.Ordinal);
        foreach (var e in page)
            if (StatesModel.IsKept(e.Record.Version) && StreamNames.AgentId(e.Record.Stream) is not null)
                due[e.Record.Stream] = (e.Record.Version, []);
        if (due.Count > 0)
            foreach (var e in page)
                if (due.TryGetValue(e.Record.Stream, out var of) && e.Record.Version <= of.Last)
                    of.Events.Add(e.Record);
        return due.ToDictionary(d => StreamNames.AgentId(d.Key)!, d => d.Value.Events, StringComparer.Ordinal);
    }

    /// <summary>The rows before the ones that are due; none for an agent of whom there is none.</summary>
    private async Task<Dictionary<string, PastState>> BasesAsync(
        NpgsqlDataSource database,
        Dictionary<string, List<EventRecord>> due,
        CancellationToken ct
    )
    {
        var bases = new Dictionary<string, PastState>(StringComparer.Ordinal);
        var unread = new List<(string AgentId, long Version)>();
        foreach (var (agentId, events) in due)
        {
            var version = (events[0].Version - 1) / StatesModel.Interval * StatesModel.Interval;
            if (version <= 0)
                continue;
            if (_pageBefore.TryGetValue(agentId, out var row) && row.Agent.Version == version)
                bases[agentId] = row;
            else
                unread.Add((agentId, version));
        }
        if (unread.Count == 0)
            return bases;
        await using var command = database.CreateCommand(
            $"""
            select known_at, hash, state::text from {schema}.state
                where (agent_id, version) in (select * from unnest($1, $2))
            """
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. unread.Select(u => u.AgentId)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. unread.Select(u => u.Version)] });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var agent = LedgerJson.Read<Agent>(reader.GetString(2));
            bases[agent.AgentId] = new PastState(agent, reader.GetFieldValue<byte[]>(1), reader.GetFieldValue<DateTimeOffset>(0));
        }
        return bases;
    }

    /// <summary>The events after a state: what the page does not have comes from the log.</summary>
    private async IAsyncEnumerable<EventRecord> SinceAsync(
        PastState state,
        List<EventRecord> inPage,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var stream = inPage[0].Stream;
        for (var next = state.Agent.Version + 1; next < inPage[0].Version; )
        {
            var count = (int)Math.Min(PageSize, inPage[0].Version - next);
            var read = await log.ReadStreamAsync(stream, next, count, ct);
            if (read.Count == 0)
                throw new InvalidDataException($"{stream}@{inPage[0].Version} came, and the log has no version {next}.");
            foreach (var e in read)
                yield return e.Record;
            next = read[^1].Record.Version + 1;
        }
        foreach (var record in inPage)
            yield return record;
    }

    private sealed class Changes : IPageChanges
    {
        private readonly string _schema;
        private readonly List<PastState> _rows;

        // While the page before is written.
        private readonly string[] _states;

        public Changes(string schema, List<PastState> rows)
        {
            _schema = schema;
            _rows = rows;
            _states = [.. rows.Select(row => LedgerJson.Write(row.Agent))];
        }

        public string? State => null;

        public async Task WriteAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken ct)
        {
            if (_rows.Count == 0)
                return;
            await using var command = new NpgsqlCommand(
                $"""
                insert into {_schema}.state (agent_id, version, occurred_at, known_at, hash, state)
                    select * from unnest($1, $2, $3, $4, $5, $6) on conflict do nothing
                """,
                connection,
                transaction
            );
            command.Parameters.Add(Column(row => row.Agent.AgentId));
            command.Parameters.Add(Column(row => row.Agent.Version));
            command.Parameters.Add(Column(row => row.Agent.LastOccurredAt));
            command.Parameters.Add(Column(row => row.KnownAt));
            command.Parameters.Add(Column(row => row.Hash));
            command.Parameters.Add(
                new NpgsqlParameter<string[]> { TypedValue = _states, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Json }
            );
            await command.ExecuteNonQueryAsync(ct);
        }

        private NpgsqlParameter<T[]> Column<T>(Func<PastState, T> of) => new() { TypedValue = [.. _rows.Select(of)] };
    }
}
