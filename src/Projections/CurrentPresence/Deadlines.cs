using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Due;

namespace PresenceLedger.Projections.CurrentPresence;

/// <summary>What the ledger waits for, as the presences that are read give it: leases, due times, second halves of transfers.</summary>
/// <param name="handovers">Whether transfers are two commits, so that the second half of one may be missing.</param>
/// <param name="calendar">When a day ends.</param>
internal sealed class Deadlines(bool handovers, ICalendar calendar)
{
    /// <summary>Forgets what was due, at the beginning of the log: that was another ledger, or is found again.</summary>
    public static async Task ForgetAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("delete from ledger.due; delete from ledger.handover", connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Keeps what a page changed.</summary>
    public async Task KeepAsync(NpgsqlConnection connection, PresenceFold fold, CancellationToken ct)
    {
        if (fold.Changed.Count > 0)
        {
            await KeepLeasesAsync(connection, fold.Changed, ct);
            await KeepDueAsync(connection, fold, ct);
        }
        if (handovers && fold.Handovers.Count > 0)
            await KeepHandoversAsync(connection, fold.Handovers, ct);
        if (fold.PolicyChangedAt is { } changedAt)
            await DueAgainAsync(connection, changedAt, ct);
    }

    /// <summary>
    /// A lease for every connection that lives, none for the others. The lease of a connection that opened again since, which the node
    /// that opened it has told by itself, stays.
    /// </summary>
    private static async Task KeepLeasesAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<PresenceDocument> changed,
        CancellationToken ct
    )
    {
        var live = changed
            .SelectMany(d => d.Agent.Connections.Select(c => (d.Id, c.Key, c.Value.OpenedAt, c.Value.ClosingAt)))
            .OrderBy(c => c.Id, StringComparer.Ordinal)
            .ThenBy(c => c.Key, StringComparer.Ordinal)
            .ToArray();
        await using var command = new NpgsqlCommand(
            """
            with live as (
                select c.agent_id, c.connection_id, c.at, c.closing_at
                    from unnest($3, $4, $5, $6) as c (agent_id, connection_id, at, closing_at)
            ), gone as (
                delete from ledger.lease l using (
                    select l.agent_id, l.connection_id from ledger.lease l
                    join unnest($1, $2) as c (agent_id, at) on l.agent_id = c.agent_id and l.last_seen_at <= c.at
                    where (l.agent_id, l.connection_id) not in (select agent_id, connection_id from live)
                    order by l.agent_id, l.connection_id for update of l
                ) g where l.agent_id = g.agent_id and l.connection_id = g.connection_id
            )
            insert into ledger.lease as l (agent_id, connection_id, last_seen_at, closing_at)
                select agent_id, connection_id, greatest(at, closing_at), closing_at from live order by agent_id, connection_id
                on conflict (agent_id, connection_id) do update
                    set last_seen_at = greatest(l.last_seen_at, excluded.last_seen_at),
                        closing_at = greatest(l.closing_at, excluded.closing_at)
                    where l.last_seen_at < excluded.last_seen_at or l.closing_at is distinct from excluded.closing_at
            """,
            connection
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. changed.Select(d => d.Id)] });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset[]> { TypedValue = [.. changed.Select(d => d.Agent.LastOccurredAt)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(live, c => c.Id) });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(live, c => c.Key) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset[]> { TypedValue = Array.ConvertAll(live, c => c.OpenedAt) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = Array.ConvertAll(live, c => c.ClosingAt) });
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task KeepDueAsync(NpgsqlConnection connection, PresenceFold fold, CancellationToken ct)
    {
        var due = fold.Changed.Select(d => (d.Id, At: DueAt(d.Agent, fold.Configuration))).ToArray();
        await using var command = new NpgsqlCommand(
            """
            with touched as (
                select t.agent_id, t.due_at from unnest($1, $2) as t (agent_id, due_at)
            ), gone as (
                delete from ledger.due where agent_id in (select agent_id from touched where due_at is null)
            )
            insert into ledger.due (agent_id, due_at)
                select agent_id, due_at from touched where due_at is not null order by agent_id
                on conflict (agent_id) do update set due_at = excluded.due_at, claimed_until = default
                    where due.due_at <> excluded.due_at
            """,
            connection
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(due, d => d.Id) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = Array.ConvertAll(due, d => d.At) });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Transfers whose second half is awaited, with the place of the first.</summary>
    private static async Task KeepHandoversAsync(
        NpgsqlConnection connection,
        IReadOnlyDictionary<PresenceFold.Handover, EventRecord?> handovers,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand(
            """
            with seen as (
                select s.from_id, s.conversation_id, s.to_id, s.version, s.due_at
                    from unnest($1, $2, $3, $4, $5) as s (from_id, conversation_id, to_id, version, due_at)
            ), done as (
                delete from ledger.handover h using seen s
                    where h.from_agent_id = s.from_id and h.conversation_id = s.conversation_id and h.to_agent_id = s.to_id
                        and s.version is null
            )
            insert into ledger.handover (from_agent_id, conversation_id, to_agent_id, to_version, due_at)
                select from_id, conversation_id, to_id, version, due_at from seen where version is not null
                on conflict on constraint handover_pkey do update set to_version = excluded.to_version, due_at = excluded.due_at
            """,
            connection
        );
        var seen = handovers.ToArray();
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(seen, h => h.Key.FromAgentId) });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(seen, h => h.Key.ConversationId) });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(seen, h => h.Key.ToAgentId) });
        command.Parameters.Add(new NpgsqlParameter<long?[]> { TypedValue = Array.ConvertAll(seen, h => h.Value?.Version) });
        command.Parameters.Add(
            new NpgsqlParameter<DateTimeOffset?[]>
            {
                TypedValue = Array.ConvertAll(seen, h => h.Value?.RecordedAt + DueWorker.HandoverPatience),
            }
        );
        await command.ExecuteNonQueryAsync(ct);
    }

    private DateTimeOffset? DueAt(Agent agent, Configuration configuration) =>
        DueWork.NextAt(agent, configuration, calendar) ?? (agent.DayCounts.IsEmpty ? null : DueWorker.Never);

    /// <summary>A policy that changed may have moved what is due; the worker looks again at all of it.</summary>
    private static async Task DueAgainAsync(NpgsqlConnection connection, DateTimeOffset at, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("update ledger.due set due_at = $1 where due_at > $1", connection);
        command.Parameters.Add(new() { Value = at });
        await command.ExecuteNonQueryAsync(ct);
    }
}
