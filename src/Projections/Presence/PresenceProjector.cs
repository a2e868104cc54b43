using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>Keeps the tables of a schema, page by page. What goes on is in memory for agents of whom there were events lately.</summary>
public sealed class PresenceProjector(string schema, Configuration configuration) : IProjector
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
        var (closed, states) = (new ClosedFacts(), new List<PastState>());
        var touched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var e in page)
            Apply(e.Record, closed, states, touched);
        Forget(touched, page.Count);
        var open = touched.ToDictionary(id => id, id => _open[id], StringComparer.Ordinal);
        return new Changes(schema, _state ??= LedgerJson.Write(_fold.Configuration), open, closed, states);
    }

    private void Apply(EventRecord record, ClosedFacts closed, List<PastState> states, HashSet<string> touched)
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
                    var after = _fold.Apply(before, record, e, closed);
                    _open[agentId] = after;
                    touched.Add(agentId);
                    if (StateTable.IsKept(record.Version))
                        states.Add(new PastState(after.Agent, record.Hash, after.KnownAt));
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

    private sealed class Changes(
        string schema,
        string state,
        Dictionary<string, OpenFacts> open,
        ClosedFacts closed,
        List<PastState> states
    ) : IPageChanges
    {
        public string? State { get; private set; } = state;

        private Dictionary<string, OpenFacts> Open => open;

        private ClosedFacts Closed => closed;

        private List<PastState> States => states;

        /// <summary>The later page goes into the earlier one, which nobody else has.</summary>
        public IPageChanges With(IPageChanges later)
        {
            var next = (Changes)later;
            foreach (var (agentId, facts) in next.Open)
                open[agentId] = facts;
            closed.Add(next.Closed);
            states.AddRange(next.States);
            State = next.State;
            return this;
        }

        public async Task WriteAsync(NpgsqlConnection connection, CancellationToken ct)
        {
            await FactTables.WriteAsync(connection, schema, closed, ct);
            if (states.Count > 0)
                await StateTable.WriteAsync(connection, schema, states, ct);
            if (open.Count > 0)
                await AgentTable.WriteAsync(connection, schema, open.Values, ct);
        }
    }
}
