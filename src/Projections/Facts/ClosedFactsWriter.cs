using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Facts;

/// <summary>Adds facts that ended to their tables, each table by one COPY.</summary>
internal static class ClosedFactsWriter
{
    private const string Edges = "started_at, started_known_at, started_version, ended_at, ended_known_at, ended_version";

    public static async Task WriteAsync(NpgsqlConnection connection, string schema, ClosedFacts closed, CancellationToken ct)
    {
        await CopyAsync(
            connection,
            $"{schema}.status_interval (agent_id, status_id, base, origin, rule, actor_kind, actor_id, signed_in, {Edges})",
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
            },
            ct
        );
        await CopyAsync(
            connection,
            $"{schema}.login_interval (agent_id, ended, {Edges})",
            closed.Logins,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(Words.Of(fact.Ended!.Value), NpgsqlDbType.Text);
                Edge(row, fact.Start);
                Edge(row, fact.End);
            },
            ct
        );
        await CopyAsync(
            connection,
            $"""
            {schema}.session (agent_id, conversation_id, channel, queue, workstream, units, profiles, created_at, outbound, outcome, ended_by, waits,
                assigned_at, assigned_known_at, assigned_version, accepted_at, accepted_known_at, accepted_version,
                wrap_up_at, wrap_up_known_at, wrap_up_version, block_ended_at, block_ended_known_at, block_ended_version,
                ended_at, ended_known_at, ended_version)
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
            },
            ct
        );
        await CopyAsync(
            connection,
            $"{schema}.session_wait (agent_id, session_version, {Edges})",
            [.. closed.Sessions.SelectMany(s => s.Fact.Waits.Select(w => (s.AgentId, (Session: s.Fact, Wait: w))))],
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.Session.Assigned.Version, NpgsqlDbType.Bigint);
                Edge(row, fact.Wait.Start);
                Edge(row, fact.Wait.End);
            },
            ct
        );
        await CopyAsync(
            connection,
            $"{schema}.participation (agent_id, conversation_id, mode, {Edges})",
            closed.Participations,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.ConversationId, NpgsqlDbType.Text);
                row.Write(Words.Of(fact.Mode), NpgsqlDbType.Text);
                Edge(row, fact.Joined);
                Edge(row, fact.Left);
            },
            ct
        );
        await CopyAsync(
            connection,
            $"{schema}.capacity_interval (agent_id, units_total, units_used, profiles, {Edges})",
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
            },
            ct
        );
        await CopyAsync(
            connection,
            $"{schema}.queue_interval (agent_id, queues, {Edges})",
            closed.Queues,
            static (row, agentId, fact) =>
            {
                row.Write(agentId, NpgsqlDbType.Text);
                row.Write(fact.Queues.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);
                Edge(row, fact.Start);
                Edge(row, fact.End);
            },
            ct
        );
        await CopyAsync(
            connection,
            $"{schema}.correction (agent_id, from_at, to_at, status_id, base, actor_kind, actor_id, recorded_at, known_at, version)",
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
            },
            ct
        );
    }

    private static async Task CopyAsync<T>(
        NpgsqlConnection connection,
        string table,
        IReadOnlyList<(string AgentId, T Fact)> facts,
        Action<NpgsqlBinaryImporter, string, T> write,
        CancellationToken ct
    )
    {
        if (facts.Count == 0)
            return;
        await using var import = await connection.BeginBinaryImportAsync($"copy {table} from stdin (format binary)", ct);
        foreach (var (agentId, fact) in facts)
        {
            await import.StartRowAsync(ct);
            write(import, agentId, fact);
        }
        await import.CompleteAsync(ct);
    }

    private static void Text(NpgsqlBinaryImporter row, string? text)
    {
        if (text is null)
            row.WriteNull();
        else
            row.Write(text, NpgsqlDbType.Text);
    }

    private static void Who(NpgsqlBinaryImporter row, Actor? actor)
    {
        Text(row, actor is null ? null : Words.Of(actor.Kind));
        Text(row, actor?.Id);
    }

    private static void Instant(NpgsqlBinaryImporter row, DateTimeOffset? instant)
    {
        if (instant is { } at)
            row.Write(at.UtcDateTime, NpgsqlDbType.TimestampTz);
        else
            row.WriteNull();
    }

    private static void Edge(NpgsqlBinaryImporter row, Mark? mark)
    {
        Instant(row, mark?.At);
        Instant(row, mark?.KnownAt);
        if (mark is { } known)
            row.Write(known.Version, NpgsqlDbType.Bigint);
        else
            row.WriteNull();
    }
}
