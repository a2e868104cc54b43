using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>
/// Reads the facts of some agents within a window, in one round trip. The columns that are read of a table stand beside what is made of them.
/// </summary>
internal static class FactsWindowReader
{
    private static readonly string Schema = PresenceModel.Schema;

    /// <summary>Agents with their facts, in the order in which they are named; those that are not registered are left out.</summary>
    public static async Task<IReadOnlyList<AgentRecord>> ReadAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        string[] agents,
        FactsWindow window,
        CancellationToken ct
    )
    {
        var detailed = window.Detailed;
        await using var batch = new NpgsqlBatch(connection, transaction);
        var reads = new List<Action<Gathered, Row>>();
        Add(
            $"select a.n::int, f.state::text from unnest($1) with ordinality a (id, n) join {Schema}.agent f on f.agent_id = a.id",
            (gathered, row) => gathered.Open = LedgerJson.Read<OpenFacts>(row.Text()!)
        );
        Add(
            Within(
                "status_interval",
                "f.status_id, f.base" + (detailed ? ", f.origin, f.rule, f.actor_kind, f.actor_id, f.signed_in" : ""),
                detailed
            ),
            (gathered, row) =>
            {
                var (statusId, @base) = (row.Text()!, Words.Read<BaseStatus>(row.Text()!));
                var (origin, rule, actor, signedIn) = detailed
                    ? (Words.Read<Origin>(row.Text()!), row.Text(), row.Who(), row.Flag())
                    : (default, null, null, false);
                gathered.Statuses.Add(new StatusInterval(statusId, @base, origin, rule, actor, signedIn, row.Edge(), row.Edge()));
            }
        );
        Add(
            Within("login_interval", "f.ended", detailed),
            (gathered, row) =>
            {
                var ended = Words.Read<LoginEnd>(row.Text()!);
                gathered.Logins.Add(new LoginInterval(row.Edge(), row.Edge(), ended));
            }
        );
        Add(SessionsWithin(detailed), (gathered, row) => gathered.Add(row.Session(out var waits), waits));
        Add(
            $"""
            select a.n::int, w.session_version, {Edges("w", "started", "ended", detailed)}
                from unnest($1) with ordinality a (id, n)
                cross join lateral ({SessionsOf("s.assigned_version", "s.waits > 0")}) s
                join {Schema}.session_wait w on w.agent_id = a.id and w.session_version = s.assigned_version
            """,
            (gathered, row) => gathered.AddWait(row.Number(), new Waiting(row.Edge(), row.Edge()))
        );
        Add(
            Within("participation", "f.conversation_id, f.mode", detailed, partition: false),
            (gathered, row) =>
                gathered.Participations.Add(new Participation(row.Text()!, Words.Read<ConsultMode>(row.Text()!), row.Edge(), row.Edge()))
        );
        Add(
            Within("capacity_interval", "f.units_total, f.units_used" + (detailed ? ", f.profiles::text" : ""), detailed),
            (gathered, row) =>
            {
                var (total, used) = (row.NumberOrNone(), row.NumberOrNone()!.Value);
                var profiles = detailed && row.Text() is { } json ? LedgerJson.Read<ProfileUse[]>(json) : [];
                gathered.Capacity.Add(new CapacityInterval(total, used, [.. profiles], row.Edge(), row.Edge()));
            }
        );
        Add(
            $"""
            select a.n::int, f.from_at, f.to_at, f.status_id, f.base, f.actor_kind, f.actor_id, f.recorded_at, f.known_at, f.version
                from unnest($1) with ordinality a (id, n) join {Schema}.correction f on f.agent_id = a.id
                where f.to_at > $2 and f.from_at < $3 order by a.n, f.version
            """,
            (gathered, row) =>
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
            Add(
                Within("queue_interval", "f.queues", detailed),
                (gathered, row) => gathered.Queues.Add(new QueueInterval([.. row.Texts()], row.Edge(), row.Edge()))
            );

        var some = Array.ConvertAll(agents, _ => new Gathered());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var current = new Row(reader, detailed);
        foreach (var read in reads)
        {
            while (await reader.ReadAsync(ct))
                read(some[current.Begin() - 1], current);
            await reader.NextResultAsync(ct);
        }
        return
        [
            .. agents
                .Zip(some)
                .Where(a => a.Second.Open is not null)
                .Select(a => new AgentRecord(a.Second.Open!, a.Second.FactsOf(a.First, window))),
        ];

        void Add(string sql, Action<Gathered, Row> read)
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = agents });
            if (sql.Contains("$2", StringComparison.Ordinal))
                command.Parameters.Add(At(window.KnownAt is null ? window.From : DateTimeOffset.MinValue));
            if (sql.Contains("$3", StringComparison.Ordinal))
                command.Parameters.Add(At(window.To));
            batch.BatchCommands.Add(command);
            reads.Add(read);
        }
    }

    /// <summary>An instant as a parameter.</summary>
    public static NpgsqlParameter At(DateTimeOffset at) => new() { Value = at.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz };

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
