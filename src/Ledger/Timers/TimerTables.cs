using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Timers;

/// <summary>A conversation on its way from one agent to another (TRF-1).</summary>
internal sealed record Handover(string FromAgentId, string ConversationId, string ToAgentId);

/// <summary>What a page of the log changes.</summary>
internal sealed class TimerChanges
{
    /// <summary>The agents it is about, each with when something of them is due by itself.</summary>
    public List<(Agent Agent, DateTimeOffset? DueAt)> Agents { get; } = [];

    /// <summary>The second agent's half, of which the first one's is awaited; null where that came after it.</summary>
    public Dictionary<Handover, EventRecord?> Handovers { get; } = [];

    /// <summary>When the policy changed; null where it did not.</summary>
    public DateTimeOffset? PolicyChangedAt { get; set; }
}

/// <summary>The tables <c>ledger.lease</c>, <c>ledger.due</c> and <c>ledger.handover</c>, and up to where in the log they are kept.</summary>
internal static class TimerTables
{
    /// <summary>Where they stand; null where they were not kept from the log of this store yet.</summary>
    public static async Task<LogPosition?> FindAsync(NpgsqlConnection connection, string store, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select position, prepare from ledger.timers where store = $1", connection);
        command.Parameters.Add(new() { Value = store });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? new LogPosition(reader.GetInt64(0), reader.GetInt64(1)) : null;
    }

    /// <summary>
    /// Forgets what was due by the log of another store, or by what was lost of this one. What was kept before there was a place in the log stays:
    /// it is of this one.
    /// </summary>
    public static async Task ForgetAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            delete from ledger.due where exists (select from ledger.timers);
            delete from ledger.handover where exists (select from ledger.timers);
            delete from ledger.timers
            """,
            connection
        );
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>They are kept from a position on.</summary>
    public static async Task BeginAsync(NpgsqlConnection connection, LogPosition at, string store, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("insert into ledger.timers (position, prepare, store) values ($1, $2, $3)", connection);
        command.Parameters.AddValues(at.Number, at.Prepare, store);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Moves the place, within a transaction, where nobody else has.</summary>
    /// <exception cref="InvalidOperationException">Somebody has: this node lost the lock without knowing.</exception>
    public static async Task MoveAsync(NpgsqlConnection connection, LogPosition from, LogPosition to, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "update ledger.timers set position = $3, prepare = $4 where position = $1 and prepare = $2",
            connection
        );
        command.Parameters.AddValues(from.Number, from.Prepare, to.Number, to.Prepare);
        if (await command.ExecuteNonQueryAsync(ct) == 0)
            throw new InvalidOperationException("another node keeps them.");
    }

    /// <summary>Keeps what a page changed.</summary>
    public static async Task KeepAsync(NpgsqlConnection connection, TimerChanges changes, CancellationToken ct)
    {
        if (changes.Agents.Count > 0)
        {
            await KeepLeasesAsync(connection, changes.Agents, ct);
            await KeepDueAsync(connection, changes.Agents, ct);
        }
        if (changes.Handovers.Count > 0)
            await KeepHandoversAsync(connection, changes.Handovers, ct);
        if (changes.PolicyChangedAt is { } changedAt)
            await DueAgainAsync(connection, changedAt, ct);
    }

    /// <summary>
    /// A lease for every connection that lives, none for the others. The lease of a connection that opened again since, which the node
    /// that opened it has told by itself, stays.
    /// </summary>
    private static async Task KeepLeasesAsync(
        NpgsqlConnection connection,
        List<(Agent Agent, DateTimeOffset? DueAt)> changed,
        CancellationToken ct
    )
    {
        var live = changed
            .SelectMany(c => c.Agent.Connections.Select(x => (c.Agent.AgentId, x.Key, x.Value.OpenedAt, x.Value.ClosingAt)))
            .OrderBy(c => c.AgentId, StringComparer.Ordinal)
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
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. changed.Select(c => c.Agent.AgentId)] });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset[]> { TypedValue = [.. changed.Select(c => c.Agent.LastOccurredAt)] });
        command.Parameters.AddColumn(live, c => c.AgentId);
        command.Parameters.AddColumn(live, c => c.Key);
        command.Parameters.AddColumn(live, c => c.OpenedAt);
        command.Parameters.AddColumn(live, c => c.ClosingAt);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static async Task KeepDueAsync(
        NpgsqlConnection connection,
        List<(Agent Agent, DateTimeOffset? DueAt)> changed,
        CancellationToken ct
    )
    {
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
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. changed.Select(c => c.Agent.AgentId)] });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = [.. changed.Select(c => c.DueAt)] });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Transfers whose second half is awaited, with the place of the first.</summary>
    private static async Task KeepHandoversAsync(
        NpgsqlConnection connection,
        Dictionary<Handover, EventRecord?> handovers,
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
        command.Parameters.AddColumn(seen, h => h.Key.FromAgentId);
        command.Parameters.AddColumn(seen, h => h.Key.ConversationId);
        command.Parameters.AddColumn(seen, h => h.Key.ToAgentId);
        command.Parameters.AddColumn(seen, h => h.Value?.Version);
        command.Parameters.AddColumn(seen, h => h.Value?.RecordedAt + DueWorker.HandoverPatience);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>A policy that changed may have moved what is due; the worker looks again at all of it.</summary>
    private static async Task DueAgainAsync(NpgsqlConnection connection, DateTimeOffset at, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("update ledger.due set due_at = $1 where due_at > $1", connection);
        command.Parameters.Add(new() { Value = at });
        await command.ExecuteNonQueryAsync(ct);
    }
}
