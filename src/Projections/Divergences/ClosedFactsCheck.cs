using System.Collections.Immutable;
using System.Data;
using System.Globalization;
using System.Text.Json.Nodes;
using Npgsql;
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

    private static readonly string SelectAll =
        string.Join(
            "\nunion all\n",
            FactTables.All.Select(table =>
                $"select '{table.Name}', f.{table.FirstVersion}, f.{table.LastVersion}, to_json(f)::text "
                + $"from (select {string.Join(", ", table.Columns)} from {PresenceModel.Schema}.{table.Name} where agent_id = $1) f"
            )
        ) + "\norder by 3, 2, 1";

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
        catch (PostgresException e) when (ReadSide.IsNotBegun(e))
        {
            // Nothing to look at.
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        await connection.DisposeAsync();
        return null;
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
        _command = new NpgsqlCommand(SelectAll, _connection, _transaction) { CommandTimeout = 0 };
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
        foreach (var table in FactTables.All)
        {
            var expected = new ExpectedRows(table);
            await table.WriteAsync(closed, expected);
            foreach (var row in expected.Rows)
                Match(row);
        }
        // When a wait ended is known before its session has: that ends with a later event.
        foreach (var row in _pending.Where(r => r.Table != Waits))
            AddSurplus(row);
        _pending.RemoveAll(r => r.Table != Waits);
    }

    private void Match(FactRow expected)
    {
        var at = _pending.FindIndex(row => row.Table == expected.Table && row.Text == expected.Text);
        if (at >= 0)
            _pending.RemoveAt(at);
        else if (_missing.Count < MostTold)
            _missing.Add(expected);
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

    /// <summary>Makes of facts what is to be in their rows.</summary>
    private sealed class ExpectedRows(FactTable table) : IFactRows
    {
        private readonly List<JsonObject> _documents = [];

        public IEnumerable<FactRow> Rows =>
            _documents.Select(row => new FactRow(table.Name, (long)row[table.FirstVersion]!, (long)row[table.LastVersion]!, row));

        public Task BeginAsync()
        {
            _documents.Add([]);
            return Task.CompletedTask;
        }

        public void Text(string? value) => Add(value);

        public void Texts(ImmutableArray<string> value) => Add(new JsonArray([.. value.Select(text => (JsonNode?)text)]));

        public void Json(string? value) => Add(value is null ? null : JsonNode.Parse(value));

        public void Flag(bool value) => Add(value);

        public void Number(int? value) => Add(value);

        public void Version(long? value) => Add(value);

        public void Instant(DateTimeOffset? value) => Add(value is { } at ? Ledger.Instant.Format(at) : null);

        private void Add(JsonNode? value)
        {
            var row = _documents[^1];
            row.Add(table.Columns[row.Count], value);
        }
    }
}
