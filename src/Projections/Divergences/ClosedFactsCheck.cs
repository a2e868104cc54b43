using System.Data;
using System.Globalization;
using System.Text.Json.Nodes;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Ledger;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Projections.Divergences;

/// <summary>
/// The facts of one agent, what goes on and what has ended, as of one moment of the tables. Rows of what has ended are read one after another in
/// the order of the events that ended them, while the events are folded again: of however many only a few are in memory.
/// </summary>
internal sealed class ClosedFactsCheck : IAsyncDisposable
{
    /// <summary>So many rows that do not fit are told, missing ones and others.</summary>
    private const int MostTold = 500;

    private const string Waits = "session_wait";
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;
    private readonly List<FactRow> _pending = [];
    private readonly List<FactRow> _surplus = [];
    private readonly List<FactRow> _missing = [];
    private NpgsqlCommand? _command;
    private NpgsqlDataReader? _rows;
    private FactRow? _next;

    private ClosedFactsCheck(NpgsqlConnection connection, NpgsqlTransaction transaction) =>
        (_connection, _transaction) = (connection, transaction);

    /// <summary>Up to where the facts are complete.</summary>
    public LogPosition UpTo { get; private set; }

    /// <summary>What goes on, as its row has it; null where there is none.</summary>
    public Kept? Open { get; private set; }

    /// <summary>Looks at the facts of an agent; null where they are not begun yet.</summary>
    /// <param name="database">The read side.</param>
    /// <param name="select">What is read of the agent's row, and made of it.</param>
    /// <param name="agentId">The agent.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task<ClosedFactsCheck?> OpenAsync(
        NpgsqlDataSource database,
        (string Sql, Func<NpgsqlDataReader, Kept> Read) select,
        string agentId,
        CancellationToken ct
    )
    {
        var connection = await database.OpenConnectionAsync(ct);
        try
        {
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            var check = new ClosedFactsCheck(connection, transaction);
            if (await check.BeginAsync(select, agentId, ct))
                return check;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Not begun yet.
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        await connection.DisposeAsync();
        return null;
    }

    /// <summary>The tables of what has ended.</summary>
    public static async Task<IReadOnlyList<string>> TablesAsync()
    {
        var tables = new Selects(PresenceModel.Schema);
        await ClosedFactsWriter.TellAsync(new ClosedFacts(), tables);
        return tables.Tables;
    }

    private async Task<bool> BeginAsync((string Sql, Func<NpgsqlDataReader, Kept> Read) select, string agentId, CancellationToken ct)
    {
        await using (var command = new NpgsqlCommand(select.Sql, _connection, _transaction))
        {
            command.Parameters.Add(new() { Value = agentId });
            await using var reader = await command.ExecuteReaderAsync(ct);
            if (!await reader.ReadAsync(ct))
                return false;
            UpTo = new LogPosition(reader.GetInt64(0), reader.GetInt64(1));
            if (!await reader.IsDBNullAsync(2, ct))
                Open = select.Read(reader);
        }
        var tables = new Selects(PresenceModel.Schema);
        await ClosedFactsWriter.TellAsync(new ClosedFacts(), tables);
        _command = new NpgsqlCommand(tables.Sql, _connection, _transaction) { CommandTimeout = 0 };
        _command.Parameters.Add(new() { Value = agentId });
        _rows = await _command.ExecuteReaderAsync(ct);
        await MoveAsync(ct);
        return true;
    }

    /// <summary>Compares what ended with one event.</summary>
    public async Task CompareAsync(long version, ClosedFacts closed, CancellationToken ct)
    {
        for (; _next is { } row && row.Last <= version; await MoveAsync(ct))
            _pending.Add(row);
        var expected = new Expected();
        await ClosedFactsWriter.TellAsync(closed, expected);
        foreach (var row in expected.Rows)
        {
            var at = _pending.FindIndex(r => r.Table == row.Table && r.Text == row.Text);
            if (at >= 0)
                _pending.RemoveAt(at);
            else if (_missing.Count < MostTold)
                _missing.Add(row);
        }
        // When a wait ended is known before its session has: that ends with a later event.
        foreach (var row in _pending.Where(r => r.Table != Waits))
            AddSurplus(row);
        _pending.RemoveAll(r => r.Table != Waits);
    }

    /// <summary>What differs, once all events were folded.</summary>
    public async Task<IReadOnlyList<Divergence>> EndAsync(string agentId, CancellationToken ct)
    {
        foreach (var row in _pending)
            AddSurplus(row);
        for (; _next is { } row; await MoveAsync(ct))
            AddSurplus(row);
        var found = new List<Divergence>();
        foreach (var missing in _missing)
        {
            // The row that was made of it, where one of its edges is still there.
            var at = _surplus.FindIndex(r => r.Table == missing.Table && r.First == missing.First && r.Last == missing.Last);
            if (at < 0)
                at = _surplus.FindIndex(r => r.Table == missing.Table && (r.First == missing.First || r.Last == missing.Last));
            if (at < 0)
            {
                found.Add(new Divergence(agentId, Divergence.Facts, missing.Last, missing.Place, null, missing.Text));
                continue;
            }
            found.AddRange(
                Difference
                    .Between(_surplus[at].Document, missing.Document)
                    .Select(d => new Divergence(
                        agentId,
                        Divergence.Facts,
                        missing.Last,
                        $"{missing.Place}.{d.Path}",
                        d.From?.ToJsonString(),
                        d.To?.ToJsonString()
                    ))
            );
            _surplus.RemoveAt(at);
        }
        found.AddRange(_surplus.Select(row => new Divergence(agentId, Divergence.Facts, row.Last, row.Place, row.Text, null)));
        return [.. found.OrderBy(d => d.Version)];
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_rows is not null)
        {
            // What is left of the rows is not waited for.
            if (_next is not null)
                _command!.Cancel();
            try
            {
                await _rows.DisposeAsync();
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled)
            {
                // As it was asked to.
            }
            await _command!.DisposeAsync();
        }
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private void AddSurplus(FactRow row)
    {
        if (_surplus.Count < MostTold)
            _surplus.Add(row);
    }

    private async Task MoveAsync(CancellationToken ct)
    {
        _next = await _rows!.ReadAsync(ct)
            ? new FactRow(_rows.GetString(0), _rows.GetInt64(1), _rows.GetInt64(2), Normal(JsonNode.Parse(_rows.GetString(3))!.AsObject()))
            : null;
    }

    /// <summary>Instants as the ledger writes them; what it never would have written stays as it is.</summary>
    private static JsonObject Normal(JsonObject row)
    {
        foreach (var name in row.Select(column => column.Key).Where(name => name.EndsWith("_at", StringComparison.Ordinal)).ToArray())
            if (
                row[name] is JsonValue value
                && value.TryGetValue(out string? text)
                && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var at)
                && at.UtcTicks % TimeSpan.TicksPerMillisecond == 0
            )
                row[name] = Instant.Format(at);
        return row;
    }

    /// <summary>A row of a table.</summary>
    /// <param name="Table">Its name.</param>
    /// <param name="First">The event that the fact began with.</param>
    /// <param name="Last">The event that it ended with.</param>
    /// <param name="Document">Its columns.</param>
    private sealed record FactRow(string Table, long First, long Last, JsonObject Document)
    {
        public string Text { get; } = Document.ToJsonString();

        /// <summary>Table and events, as in <c>session[12-18]</c>.</summary>
        public string Place =>
            First == Last
                ? string.Create(CultureInfo.InvariantCulture, $"{Table}[{Last}]")
                : string.Create(CultureInfo.InvariantCulture, $"{Table}[{First}-{Last}]");
    }

    private static readonly string[] Began = ["started_version", "assigned_version"];

    /// <summary>The columns with the events that a fact began and ended with.</summary>
    private static (string First, string Last) Edges(string columns)
    {
        var names = columns.Split(',', StringSplitOptions.TrimEntries).ToHashSet(StringComparer.Ordinal);
        var last = names.Contains("ended_version") ? "ended_version" : "version";
        return (Began.FirstOrDefault(names.Contains) ?? last, last);
    }

    /// <summary>Makes one statement of the columns of all tables.</summary>
    private sealed class Selects(string schema) : IFactTables
    {
        private readonly List<string> _selects = [];

        public List<string> Tables { get; } = [];

        public string Sql => string.Join("\nunion all\n", _selects) + "\norder by 3, 2, 1";

        public Task TakeAsync<T>(
            string table,
            string columns,
            IReadOnlyList<(string AgentId, T Fact)> facts,
            Action<IFactRow, string, T> write
        )
        {
            var (first, last) = Edges(columns);
            Tables.Add(table);
            _selects.Add(
                $"select '{table}', f.{first}, f.{last}, to_json(f)::text from (select {columns} from {schema}.{table} where agent_id = $1) f"
            );
            return Task.CompletedTask;
        }
    }

    /// <summary>Makes of facts what is to be in their rows.</summary>
    private sealed class Expected : IFactTables
    {
        public List<FactRow> Rows { get; } = [];

        public Task TakeAsync<T>(
            string table,
            string columns,
            IReadOnlyList<(string AgentId, T Fact)> facts,
            Action<IFactRow, string, T> write
        )
        {
            if (facts.Count == 0)
                return Task.CompletedTask;
            var names = columns.Split(',', StringSplitOptions.TrimEntries);
            var (first, last) = Edges(columns);
            foreach (var (agentId, fact) in facts)
            {
                var row = new Written(names);
                write(row, agentId, fact);
                Rows.Add(new FactRow(table, (long)row.Document[first]!, (long)row.Document[last]!, row.Document));
            }
            return Task.CompletedTask;
        }
    }

    /// <summary>A row as it would be written.</summary>
    private sealed class Written(string[] columns) : IFactRow
    {
        private int _next;

        public JsonObject Document { get; } = [];

        public void Write<T>(T value, NpgsqlDbType type) =>
            Document[columns[_next++]] = value switch
            {
                null => null,
                DateTime at => Instant.Format(new DateTimeOffset(at)),
                string json when type is NpgsqlDbType.Json => JsonNode.Parse(json),
                string text => text,
                bool flag => flag,
                int number => number,
                long number => number,
                string[] texts => new JsonArray([.. texts.Select(t => (JsonNode?)t)]),
                _ => throw new NotSupportedException($"A fact has a {typeof(T).Name}."),
            };

        public void WriteNull() => Document[columns[_next++]] = null;
    }
}
