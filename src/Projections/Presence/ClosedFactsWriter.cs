using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>Takes a row of a table, column by column.</summary>
internal interface IFactRow
{
    void Write<T>(T value, NpgsqlDbType type);

    void WriteNull();
}

/// <summary>Takes the rows of facts that ended, table by table.</summary>
internal interface IFactTables
{
    /// <summary>Takes the facts of a table.</summary>
    /// <param name="table">Its name.</param>
    /// <param name="columns">Its columns, in the order in which they are written.</param>
    /// <param name="facts">The facts; may be none.</param>
    /// <param name="write">Writes the row of a fact.</param>
    Task TakeAsync<T>(string table, string columns, IReadOnlyList<(string AgentId, T Fact)> facts, Action<IFactRow, string, T> write);
}

/// <summary>The rows of facts that ended: to be added to their tables, each table by one COPY, or to be compared with what is in them.</summary>
internal static class ClosedFactsWriter
{
    private const string Edges = "started_at, started_known_at, started_version, ended_at, ended_known_at, ended_version";

    public static Task WriteAsync(NpgsqlConnection connection, string schema, ClosedFacts closed, CancellationToken ct) =>
        TellAsync(closed, new Copy(connection, schema, ct));

    /// <summary>Tells the rows of all tables, also of those that have none.</summary>
    public static async Task TellAsync(ClosedFacts closed, IFactTables to)
    {
        await to.TakeAsync(
            "status_interval",
            $"agent_id, status_id, base, origin, rule, actor_kind, actor_id, signed_in, {Edges}",
            closed.Statuses,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.StatusId, NpgsqlDbType.Text);
                row.Write(Words.Of(fact.Base), NpgsqlDbType.Text);
                row.Write(Words.Of(fact.Origin), NpgsqlDbType.Text);
                Text(row, fact.Rule);
                Who(row, fact.Actor);
                row.Write(fact.SignedIn, NpgsqlDbType.Boolean);
                Edge(row, fact.Start);
                Edge(row, fact.End);
            }
        );
        await to.TakeAsync(
            "login_interval",
            $"agent_id, ended, {Edges}",
            closed.Logins,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(Words.Of(fact.Ended!.Value), NpgsqlDbType.Text);
                Edge(row, fact.Start);
                Edge(row, fact.End);
            }
        );
        await to.TakeAsync(
            "session",
            """
            agent_id, conversation_id, channel, queue, workstream, units, profiles, created_at, outbound, outcome, ended_by, waits,
                assigned_at, assigned_known_at, assigned_version, accepted_at, accepted_known_at, accepted_version,
                wrap_up_at, wrap_up_known_at, wrap_up_version, block_ended_at, block_ended_known_at, block_ended_version,
                ended_at, ended_known_at, ended_version
            """,
            closed.Sessions,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.ConversationId, NpgsqlDbType.Text);
                Text(row, fact.Channel);
                Text(row, fact.Queue);
                Text(row, fact.Workstream);
                row.Write(fact.Units, NpgsqlDbType.Integer);
                row.Write(fact.Profiles.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);
                Instant(row, fact.CreatedAt);
                row.Write(fact.Outbound, NpgsqlDbType.Boolean);
                Text(row, fact.Outcome is { } outcome ? Words.Of(outcome) : null);
                Text(row, fact.EndedBy is { } endedBy ? Words.Of(endedBy) : null);
                row.Write(fact.Waits.Length, NpgsqlDbType.Integer);
                Edge(row, fact.Assigned);
                Edge(row, fact.Accepted);
                Edge(row, fact.WrapUp);
                Edge(row, fact.BlockEnded);
                Edge(row, fact.Ended);
            }
        );
        await to.TakeAsync(
            "session_wait",
            $"agent_id, session_version, {Edges}",
            [.. closed.Sessions.SelectMany(s => s.Fact.Waits.Select(w => (s.AgentId, (Session: s.Fact, Wait: w))))],
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.Session.Assigned.Version, NpgsqlDbType.Bigint);
                Edge(row, fact.Wait.Start);
                Edge(row, fact.Wait.End);
            }
        );
        await to.TakeAsync(
            "participation",
            $"agent_id, conversation_id, mode, {Edges}",
            closed.Participations,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.ConversationId, NpgsqlDbType.Text);
                row.Write(Words.Of(fact.Mode), NpgsqlDbType.Text);
                Edge(row, fact.Joined);
                Edge(row, fact.Left);
            }
        );
        await to.TakeAsync(
            "capacity_interval",
            $"agent_id, units_total, units_used, profiles, {Edges}",
            closed.Capacity,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                if (fact.UnitsTotal is { } total)
                    row.Write(total, NpgsqlDbType.Integer);
                else
                    row.WriteNull();
                row.Write(fact.UnitsUsed, NpgsqlDbType.Integer);
                if (fact.Profiles.IsEmpty)
                    row.WriteNull();
                else
                    row.Write(LedgerJson.Write(fact.Profiles), NpgsqlDbType.Json);
                Edge(row, fact.Start);
                Edge(row, fact.End);
            }
        );
        await to.TakeAsync(
            "queue_interval",
            $"agent_id, queues, {Edges}",
            closed.Queues,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.Queues.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);
                Edge(row, fact.Start);
                Edge(row, fact.End);
            }
        );
        await to.TakeAsync(
            "correction",
            "agent_id, from_at, to_at, status_id, base, actor_kind, actor_id, recorded_at, known_at, version",
            closed.Corrections,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                Instant(row, fact.From);
                Instant(row, fact.To);
                row.Write(fact.StatusId, NpgsqlDbType.Text);
                row.Write(Words.Of(fact.Base), NpgsqlDbType.Text);
                Who(row, fact.Actor);
                Edge(row, fact.Recorded);
            }
        );
    }

    private static void Text(IFactRow row, string? text)
    {
        if (text is null)
            row.WriteNull();
        else
            row.Write(text, NpgsqlDbType.Text);
    }

    private static void Who(IFactRow row, Actor? actor)
    {
        Text(row, actor is null ? null : Words.Of(actor.Kind));
        Text(row, actor?.Id);
    }

    private static void Instant(IFactRow row, DateTimeOffset? instant)
    {
        if (instant is { } at)
            row.Write(at.UtcDateTime, NpgsqlDbType.TimestampTz);
        else
            row.WriteNull();
    }

    private static void Edge(IFactRow row, Mark? mark)
    {
        Instant(row, mark?.At);
        Instant(row, mark?.KnownAt);
        if (mark is { } known)
            row.Write(known.Version, NpgsqlDbType.Bigint);
        else
            row.WriteNull();
    }

    /// <summary>Adds them to the tables.</summary>
    private sealed class Copy(NpgsqlConnection connection, string schema, CancellationToken ct) : IFactTables
    {
        public async Task TakeAsync<T>(
            string table,
            string columns,
            IReadOnlyList<(string AgentId, T Fact)> facts,
            Action<IFactRow, string, T> write
        )
        {
            if (facts.Count == 0)
                return;
            await using var import = await connection.BeginBinaryImportAsync(
                $"copy {schema}.{table} ({columns}) from stdin (format binary)",
                ct
            );
            var row = new Row(import);
            foreach (var (agentId, fact) in facts)
            {
                await import.StartRowAsync(ct);
                write(row, agentId, fact);
            }
            await import.CompleteAsync(ct);
        }

        private sealed class Row(NpgsqlBinaryImporter import) : IFactRow
        {
            public void Write<T>(T value, NpgsqlDbType type) => import.Write(value, type);

            public void WriteNull() => import.WriteNull();
        }
    }
}
