using System.Collections.Immutable;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Projections.Presence;

/// <summary>
/// The tables of the facts under the reports, one row for each that has ended. Facts are only ever added, in the order of the log. What reads
/// them (<see cref="FactsWindowReader"/>) names its columns itself: a report takes some of them, and makes records of those.
/// </summary>
internal static class FactTables
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<FactTable> All { get; } =
    [
        new FactTable<StatusInterval>("status_interval", closed => closed.Statuses)
            .Text("status_id", status => status.StatusId)
            .Text("base", status => Words.Of(status.Base))
            .Text("origin", status => Words.Of(status.Origin))
            .Text("rule", status => status.Rule, nullable: true)
            .Actor(status => status.Actor)
            .Flag("signed_in", status => status.SignedIn)
            .Edge("started", status => status.Start)
            .Edge("ended", status => status.End),
        new FactTable<LoginInterval>("login_interval", closed => closed.Logins)
            .Text("ended", login => Words.Of(login.Ended!.Value))
            .Edge("started", login => login.Start)
            .Edge("ended", login => login.End),
        new FactTable<Session>("session", closed => closed.Sessions)
            .Text("conversation_id", session => session.ConversationId)
            .Text("channel", session => session.Channel, nullable: true)
            .Text("queue", session => session.Queue, nullable: true)
            .Text("workstream", session => session.Workstream, nullable: true)
            .Number("units", session => session.Units)
            .Texts("profiles", session => session.Profiles)
            .Instant("created_at", session => session.CreatedAt, nullable: true)
            .Flag("outbound", session => session.Outbound)
            .Text("outcome", session => session.Outcome is { } outcome ? Words.Of(outcome) : null, nullable: true)
            .Text("ended_by", session => session.EndedBy is { } endedBy ? Words.Of(endedBy) : null, nullable: true)
            .Number("waits", session => session.Waits.Length)
            .Edge("assigned", session => session.Assigned)
            .Edge("accepted", session => session.Accepted, nullable: true)
            .Edge("wrap_up", session => session.WrapUp, nullable: true)
            .Edge("block_ended", session => session.BlockEnded, nullable: true)
            .Edge("ended", session => session.Ended),
        new FactTable<(Session Session, Waiting Wait)>(
            "session_wait",
            closed => closed.Sessions.SelectMany(s => s.Fact.Waits.Select(wait => (s.AgentId, (s.Fact, wait))))
        )
            .Version("session_version", of => of.Session.Assigned.Version)
            .Edge("started", of => of.Wait.Start)
            .Edge("ended", of => of.Wait.End),
        new FactTable<Participation>("participation", closed => closed.Participations)
            .Text("conversation_id", participation => participation.ConversationId)
            .Text("mode", participation => Words.Of(participation.Mode))
            .Edge("started", participation => participation.Joined)
            .Edge("ended", participation => participation.Left),
        new FactTable<CapacityInterval>("capacity_interval", closed => closed.Capacity)
            .Number("units_total", capacity => capacity.UnitsTotal, nullable: true)
            .Number("units_used", capacity => capacity.UnitsUsed)
            .Json("profiles", capacity => capacity.Profiles.IsEmpty ? null : LedgerJson.Write(capacity.Profiles))
            .Edge("started", capacity => capacity.Start)
            .Edge("ended", capacity => capacity.End),
        new FactTable<QueueInterval>("queue_interval", closed => closed.Queues)
            .Texts("queues", interval => interval.Queues)
            .Edge("started", interval => interval.Start)
            .Edge("ended", interval => interval.End),
        new FactTable<Correction>("correction", closed => closed.Corrections)
            .Instant("from_at", correction => correction.From)
            .Instant("to_at", correction => correction.To)
            .Text("status_id", correction => correction.StatusId)
            .Text("base", correction => Words.Of(correction.Base))
            .Actor(correction => correction.Actor)
            .Edge("recorded_at", "known_at", "version", correction => correction.Recorded),
    ];

    /// <summary>Creates them.</summary>
    public static string Sql(string schema) => string.Concat(All.Select(table => table.Sql(schema)));

    /// <summary>
    /// What ended within a window is next to each other in the index, with what a report needs of it: a report of a month reads a
    /// month of these, whatever there is before and after.
    /// </summary>
    public static string IndexesSql(string schema) =>
        $"""
            create index on {schema}.status_interval (agent_id, ended_at) include (started_at, status_id, base);
            create index on {schema}.login_interval (agent_id, ended_at);
            create index on {schema}.session (agent_id, ended_at) include (
                assigned_at, accepted_at, wrap_up_at, created_at, conversation_id, channel, queue, workstream, outbound, outcome, ended_by, waits,
                assigned_version
            );
            create index on {schema}.session (agent_id, ended_at) where ended_at - assigned_at > interval '1 day';
            create index on {schema}.session_wait (agent_id, session_version);
            create index on {schema}.participation (agent_id, ended_at);
            create index on {schema}.capacity_interval (agent_id, ended_at) include (started_at, units_total, units_used);
            create index on {schema}.queue_interval (agent_id, ended_at);
            create index on {schema}.correction (agent_id, version);

            """;

    /// <summary>Adds facts that have ended, to each table by one COPY.</summary>
    public static async Task WriteAsync(NpgsqlConnection connection, string schema, ClosedFacts closed, CancellationToken ct)
    {
        foreach (var table in All.Where(table => table.HasAny(closed)))
        {
            await using var import = await connection.BeginBinaryImportAsync(
                $"copy {schema}.{table.Name} ({string.Join(", ", table.Columns)}) from stdin (format binary)",
                ct
            );
            await table.WriteAsync(closed, new CopiedRows(import, ct));
            await import.CompleteAsync(ct);
        }
    }

    private sealed class CopiedRows(NpgsqlBinaryImporter import, CancellationToken ct) : IFactRows
    {
        public Task BeginAsync() => import.StartRowAsync(ct);

        public void Text(string? value) => Write(value, NpgsqlDbType.Text);

        public void Texts(ImmutableArray<string> value) => import.Write(value.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);

        public void Json(string? value) => Write(value, NpgsqlDbType.Json);

        public void Flag(bool value) => import.Write(value, NpgsqlDbType.Boolean);

        public void Number(int? value) => Write(value, NpgsqlDbType.Integer);

        public void Version(long? value) => Write(value, NpgsqlDbType.Bigint);

        public void Instant(DateTimeOffset? value) => Write(value?.UtcDateTime, NpgsqlDbType.TimestampTz);

        private void Write(string? value, NpgsqlDbType type)
        {
            if (value is null)
                import.WriteNull();
            else
                import.Write(value, type);
        }

        private void Write<T>(T? value, NpgsqlDbType type)
            where T : struct
        {
            if (value is { } given)
                import.Write(given, type);
            else
                import.WriteNull();
        }
    }
}
