using System.Data;
using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>What a report needs of the facts.</summary>
/// <param name="From">Facts that ended by then are left out.</param>
/// <param name="To">Facts that begin then or later are left out.</param>
public sealed record FactsWindow(DateTimeOffset From, DateTimeOffset To)
{
    /// <summary>
    /// Only what was recorded by then; null for all that is. What the ledger found out later may have ended a fact long before the
    /// window, so that all of the past of the agents is looked through.
    /// </summary>
    public DateTimeOffset? KnownAt { get; init; }

    /// <summary>
    /// Also who, why, and by which events; where not, edges have no version and are known when they were, and intervals have no
    /// actor or rule, because a report over millions of them does without.
    /// </summary>
    public bool InDetail { get; init; }

    /// <summary>Whether the agents' queues are wanted.</summary>
    public bool WithQueues { get; init; }

    internal bool Detailed => InDetail || KnownAt is not null;
}

/// <summary>An agent: what goes on, and the facts of a window, those that go on among them.</summary>
public sealed record AgentRecord(OpenFacts Open, AgentFacts Facts);

/// <summary>Reads facts, all of them as of one place in the ledger.</summary>
public sealed class FactsReader(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Looks at the facts as they are now; what is projected meanwhile is not seen.</summary>
    public async Task<FactsSnapshot> OpenAsync(CancellationToken ct)
    {
        var connection = await database.OpenConnectionAsync(ct);
        try
        {
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            return await FactsSnapshot.OfAsync(connection, transaction, clock, ct);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>The last correction of an agent's status at an instant, of those known at another; its version, null where there is none.</summary>
    public async Task<long?> FindCorrectionAsync(string agentId, DateTimeOffset at, DateTimeOffset? knownAt, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            select version from {PresenceModel.Schema}.correction
                where agent_id = $1 and from_at <= $2 and to_at > $2 and known_at <= coalesce($3, 'infinity')
                order by version desc limit 1
            """
        );
        command.Parameters.Add(new() { Value = agentId });
        command.Parameters.Add(new() { Value = at });
        command.Parameters.Add(new() { Value = (object?)knownAt ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        try
        {
            return (long?)await command.ExecuteScalarAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            // Not begun yet.
            return null;
        }
    }
}

/// <summary>The facts as of a place in the ledger.</summary>
public sealed class FactsSnapshot : IAsyncDisposable
{
    private const int AgentsAtATime = 50;
    private static readonly string Schema = PresenceModel.Schema;
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;

    private FactsSnapshot(NpgsqlConnection connection, NpgsqlTransaction transaction, ProjectionPosition read)
    {
        _connection = connection;
        _transaction = transaction;
        Read = read;
    }

    /// <summary>Up to where they are complete.</summary>
    public ProjectionPosition Read { get; }

    internal static async Task<FactsSnapshot> OfAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand(
            $"select position, prepare, as_of, newest from {ReadSide.Schema}.read_model where {PresenceModel.Checkpoint}",
            connection,
            transaction
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        var read = await reader.ReadAsync(ct)
            ? new ProjectionPosition(
                new LogPosition(reader.GetInt64(0), reader.GetInt64(1)),
                clock.NotAfterNow(reader.GetFieldValue<DateTimeOffset>(2)),
                reader.GetFieldValue<DateTimeOffset>(3)
            )
            : ProjectionPosition.None;
        return new FactsSnapshot(connection, transaction, read);
    }

    /// <summary>The agents in the order of their ids, those registered before an instant.</summary>
    public Task<IReadOnlyList<string>> AgentsAsync(DateTimeOffset registeredBefore, CancellationToken ct) =>
        AgentsAsync(registeredBefore, "", int.MaxValue, ct);

    /// <summary>The same, from an id on and at most so many.</summary>
    public async Task<IReadOnlyList<string>> AgentsAsync(DateTimeOffset registeredBefore, string from, int most, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"select agent_id from {Schema}.agent where registered_at < $1 and agent_id >= $2 order by agent_id limit $3",
            _connection,
            _transaction
        );
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = registeredBefore });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = from });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var ids = new List<string>();
        while (await reader.ReadAsync(ct))
            ids.Add(reader.GetString(0));
        return ids;
    }

    /// <summary>Agents with their facts, in the order in which they are named; those that are not registered are left out.</summary>
    public async IAsyncEnumerable<AgentRecord> ReadAsync(
        IReadOnlyList<string> agents,
        FactsWindow window,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        foreach (var some in agents.Chunk(AgentsAtATime))
        foreach (var record in await ReadSomeAsync(some, window, ct))
            yield return record;
    }

    /// <summary>What goes on with some agents; those that are not registered are left out.</summary>
    public async Task<IReadOnlyList<OpenFacts>> OpenAsync(IReadOnlyList<string> agents, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"select f.state::text from unnest($1) with ordinality a (id, n) join {Schema}.agent f on f.agent_id = a.id order by a.n",
            _connection,
            _transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. agents] });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var open = new List<OpenFacts>();
        while (await reader.ReadAsync(ct))
            open.Add(LedgerJson.Read<OpenFacts>(reader.GetString(0)));
        return open;
    }

    /// <summary>What goes on with every agent, in the order of their ids.</summary>
    /// <param name="latest">What this node read before.</param>
    /// <param name="ct">Cancellation.</param>
    public Task<IReadOnlyList<OpenFacts>> AllOpenAsync(LatestAgents latest, CancellationToken ct) =>
        latest.WhereAsync(_connection, _transaction, "true", [], ct);

    /// <summary>
    /// Agents who left a queue within a window, or of whom it was not known yet; those who are in it now are not among them unless they
    /// came back.
    /// </summary>
    public async Task<IReadOnlyList<string>> AgentsWhoLeftAsync(
        string queue,
        DateTimeOffset from,
        DateTimeOffset to,
        DateTimeOffset? knownAt,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand(
            $"""
            select distinct agent_id from {Schema}.queue_interval
                where $1 = any (queues) and (ended_at > $2 or ended_known_at > $4) and started_at < $3
            """,
            _connection,
            _transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = queue });
        command.Parameters.Add(At(from));
        command.Parameters.Add(At(to));
        command.Parameters.Add(At(knownAt ?? DateTimeOffset.MaxValue));
        await using var reader = await command.ExecuteReaderAsync(ct);
        var ids = new List<string>();
        while (await reader.ReadAsync(ct))
            ids.Add(reader.GetString(0));
        return ids;
    }

    private async Task<IReadOnlyList<AgentRecord>> ReadSomeAsync(string[] agents, FactsWindow window, CancellationToken ct)
    {
        var detailed = window.Detailed;
        await using var batch = new NpgsqlBatch(_connection, _transaction);
        // In the order in which the results are read below.
        Add($"select a.n::int, f.state::text from unnest($1) with ordinality a (id, n) join {Schema}.agent f on f.agent_id = a.id");
        Add(
            Within(
                "status_interval",
                "f.status_id, f.base" + (detailed ? ", f.origin, f.rule, f.actor_kind, f.actor_id, f.signed_in" : ""),
                detailed
            )
        );
        Add(Within("login_interval", "f.ended", detailed));
        Add(SessionsWithin(detailed));
        Add(
            $"""
            select a.n::int, w.session_version, {Edges("w", "started", "ended", detailed)}
                from unnest($1) with ordinality a (id, n)
                cross join lateral ({SessionsOf("s.assigned_version", "s.waits > 0")}) s
                join {Schema}.session_wait w on w.agent_id = a.id and w.session_version = s.assigned_version
            """
        );
        Add(Within("participation", "f.conversation_id, f.mode", detailed, partition: false));
        Add(Within("capacity_interval", "f.units_total, f.units_used" + (detailed ? ", f.profiles::text" : ""), detailed));
        Add(
            $"""
            select a.n::int, f.from_at, f.to_at, f.status_id, f.base, f.actor_kind, f.actor_id, f.recorded_at, f.known_at, f.version
                from unnest($1) with ordinality a (id, n) join {Schema}.correction f on f.agent_id = a.id
                where f.to_at > $2 and f.from_at < $3 order by a.n, f.version
            """
        );
        if (window.WithQueues)
            Add(Within("queue_interval", "f.queues", detailed));

        var some = Array.ConvertAll(agents, _ => new Gathered());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var row = new Row(reader, detailed);
        await ForEachAsync(gathered => gathered.Open = LedgerJson.Read<OpenFacts>(row.Text()!));
        await ForEachAsync(gathered =>
        {
            var (statusId, @base) = (row.Text()!, Words.Read<BaseStatus>(row.Text()!));
            var (origin, rule, actor, signedIn) = detailed
                ? (Words.Read<Origin>(row.Text()!), row.Text(), row.Who(), row.Flag())
                : (default, null, null, false);
            gathered.Statuses.Add(new StatusInterval(statusId, @base, origin, rule, actor, signedIn, row.Edge(), row.Edge()));
        });
        await ForEachAsync(gathered =>
        {
            var ended = Words.Read<LoginEnd>(row.Text()!);
            gathered.Logins.Add(new LoginInterval(row.Edge(), row.Edge(), ended));
        });
        await ForEachAsync(gathered => gathered.Add(row.Session(out var waits), waits));
        await ForEachAsync(gathered => gathered.AddWait(row.Number(), new Waiting(row.Edge(), row.Edge())));
        await ForEachAsync(gathered =>
            gathered.Participations.Add(new Participation(row.Text()!, Words.Read<ConsultMode>(row.Text()!), row.Edge(), row.Edge()))
        );
        await ForEachAsync(gathered =>
        {
            var (total, used) = (row.NumberOrNone(), row.NumberOrNone()!.Value);
            var profiles = detailed && row.Text() is { } json ? LedgerJson.Read<ProfileUse[]>(json) : [];
            gathered.Capacity.Add(new CapacityInterval(total, used, [.. profiles], row.Edge(), row.Edge()));
        });
        await ForEachAsync(gathered =>
            gathered.Corrections.Add(
                new Correction(
                    row.Instant(),
                    row.Instant(),
                    row.Text()!,
                    Words.Read<BaseStatus>(row.Text()!),
                    row.Who(),
                    new Mark(row.Instant(), row.Instant(), row.Number())
                )
            )
        );
        if (window.WithQueues)
            await ForEachAsync(gathered => gathered.Queues.Add(new QueueInterval([.. row.Texts()], row.Edge(), row.Edge())));
        return
        [
            .. agents
                .Select((id, n) => (id, some[n]))
                .Where(a => a.Item2.Open is not null)
                .Select(a => new AgentRecord(a.Item2.Open!, a.Item2.FactsOf(a.id, window))),
        ];

        async Task ForEachAsync(Action<Gathered> read)
        {
            while (await reader.ReadAsync(ct))
                read(some[row.Begin() - 1]);
            await reader.NextResultAsync(ct);
        }

        void Add(string sql)
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = agents });
            if (sql.Contains("$2", StringComparison.Ordinal))
                command.Parameters.Add(At(window.KnownAt is null ? window.From : DateTimeOffset.MinValue));
            if (sql.Contains("$3", StringComparison.Ordinal))
                command.Parameters.Add(At(window.To));
            batch.BatchCommands.Add(command);
        }
    }

    private static NpgsqlParameter At(DateTimeOffset at) => new() { Value = at.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    /// <summary>
    /// Intervals that follow one another, so that the first that ends beyond the window is the last one wanted; or else those that
    /// overlap, and of these all.
    /// </summary>
    private static string Within(string table, string columns, bool detailed, bool partition = true) =>
        $"""
            select a.n::int, f.*
                from unnest($1) with ordinality a (id, n)
                cross join lateral (
                    select {columns}, {Edges("f", "started", "ended", detailed)} from {Schema}.{table} f
                    where f.agent_id = a.id and f.ended_at >= $2 and f.started_at < $3
                        {(
                partition
                    ? $"""
                    and f.ended_at <= coalesce(
                        (select e.ended_at from {Schema}.{table} e where e.agent_id = a.id and e.ended_at >= $3 order by e.ended_at limit 1),
                        'infinity'
                    )
                    """
                    : ""
            )}
                    order by f.ended_at, f.started_at
                ) f
            """;

    /// <summary>Sessions overlap one another; those that go on for long beyond the window are few, and have an index of their own.</summary>
    private static string SessionsWithin(bool detailed)
    {
        var columns =
            "s.conversation_id, s.channel, s.queue, s.workstream, s.created_at, s.outbound, s.outcome, s.ended_by, s.waits, s.assigned_version, "
            + Edges("s", "assigned", "accepted", detailed)
            + ", "
            + Edges("s", "wrap_up", "ended", detailed)
            + (detailed ? ", s.block_ended_at, s.block_ended_known_at, s.block_ended_version, s.units, s.profiles" : "");
        return $"select a.n::int, s.* from unnest($1) with ordinality a (id, n) cross join lateral ({SessionsOf(columns)}) s";
    }

    private static string SessionsOf(string columns, string which = "true") =>
        $"""
            select {columns} from {Schema}.session s
                where s.agent_id = a.id and s.ended_at >= $2 and s.ended_at < $3 + interval '1 day' and s.assigned_at < $3 and {which}
            union all
            select {columns} from {Schema}.session s
                where s.agent_id = a.id and s.ended_at >= $3 + interval '1 day' and s.assigned_at < $3 and {which}
                    and s.ended_at - s.assigned_at > interval '1 day'
            """;

    private static string Edges(string of, string first, string second, bool detailed) =>
        string.Join(
            ", ",
            new[] { first, second }.Select(edge => $"{of}.{edge}_at" + (detailed ? $", {of}.{edge}_known_at, {of}.{edge}_version" : ""))
        );

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }

    /// <summary>What was read of an agent so far.</summary>
    private sealed class Gathered
    {
        private readonly List<(Session Session, int Waits)> _sessions = [];
        private readonly Dictionary<long, List<Waiting>> _waits = [];

        public OpenFacts? Open { get; set; }
        public List<StatusInterval> Statuses { get; } = [];
        public List<LoginInterval> Logins { get; } = [];
        public List<Participation> Participations { get; } = [];
        public List<CapacityInterval> Capacity { get; } = [];
        public List<QueueInterval> Queues { get; } = [];
        public List<Correction> Corrections { get; } = [];

        public void Add(Session session, int waits) => _sessions.Add((session, waits));

        public void AddWait(long session, Waiting wait)
        {
            if (!_waits.TryGetValue(session, out var waits))
                _waits.Add(session, waits = []);
            waits.Add(wait);
        }

        public AgentFacts FactsOf(string agentId, FactsWindow window)
        {
            var open = Open!;
            Statuses.Add(open.Status);
            if (open.Login is { } login)
                Logins.Add(login);
            Participations.AddRange(open.Participations.Values);
            Capacity.Add(open.Capacity);
            Queues.Add(open.Queues);
            var sessions = _sessions
                .Select(s =>
                    s.Waits == 0 ? s.Session : s.Session with { Waits = [.. _waits[s.Session.Assigned.Version].OrderBy(w => w.Start.At)] }
                )
                .Concat(open.Sessions.Values)
                .OrderBy(s => s.Assigned.At)
                .ThenBy(s => s.Assigned.Version)
                .ToList();
            var facts = new AgentFacts
            {
                AgentId = agentId,
                Registered = open.Registered,
                Statuses = Statuses,
                Logins = Logins,
                Sessions = sessions,
                Participations = Participations,
                Capacity = Capacity,
                Queues = Queues,
                Corrections = Corrections,
            };
            return window.KnownAt is { } at ? facts.AsKnownAt(at) : facts;
        }
    }

    /// <summary>Reads a row from left to right.</summary>
    private sealed class Row(NpgsqlDataReader reader, bool detailed)
    {
        private int _next;

        public int Begin()
        {
            _next = 1;
            return reader.GetInt32(0);
        }

        public string? Text() => IsNull() ? null : reader.GetString(_next++);

        public string[] Texts() => reader.GetFieldValue<string[]>(_next++);

        public bool Flag() => reader.GetBoolean(_next++);

        public long Number() => reader.GetFieldType(_next) == typeof(int) ? reader.GetInt32(_next++) : reader.GetInt64(_next++);

        public int? NumberOrNone() => IsNull() ? null : reader.GetInt32(_next++);

        public DateTimeOffset Instant() => new(reader.GetDateTime(_next++));

        public Actor? Who()
        {
            var (kind, id) = (Text(), Text());
            return kind is null ? null : new Actor(Words.Read<Persona>(kind), id!);
        }

        public Mark Edge() => EdgeOrNone()!.Value;

        public Mark? EdgeOrNone()
        {
            if (IsNull())
            {
                _next += detailed ? 2 : 0;
                return null;
            }
            var at = Instant();
            return detailed ? new Mark(at, Instant(), Number()) : new Mark(at, at, -1);
        }

        /// <summary>A session without its waits, and how many it has.</summary>
        public Session Session(out int waits)
        {
            var (conversationId, channel, queue, workstream) = (Text()!, Text(), Text(), Text());
            DateTimeOffset? createdAt = IsNull() ? null : Instant();
            var outbound = Flag();
            var (outcome, endedBy) = (Text(), Text());
            waits = NumberOrNone()!.Value;
            var version = Number();
            var session = new Session
            {
                ConversationId = conversationId,
                Channel = channel,
                Queue = queue,
                Workstream = workstream,
                CreatedAt = createdAt,
                Outbound = outbound,
                Outcome = outcome is null ? null : Words.Read<SessionOutcome>(outcome),
                EndedBy = endedBy is null ? null : Words.Read<SessionEnd>(endedBy),
                Assigned = Edge() with { Version = version },
                Accepted = EdgeOrNone(),
                WrapUp = EdgeOrNone(),
                Ended = EdgeOrNone(),
            };
            return detailed ? session with { BlockEnded = EdgeOrNone(), Units = NumberOrNone()!.Value, Profiles = [.. Texts()] } : session;
        }

        private bool IsNull()
        {
            if (!reader.IsDBNull(_next))
                return false;
            _next++;
            return true;
        }
    }
}
