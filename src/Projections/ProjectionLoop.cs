using System.Globalization;
using Marten;
using Marten.Services;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Due;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Projections.CurrentPresence;

namespace PresenceLedger.Projections;

/// <summary>
/// Reads the log in order and keeps the read side: a page of events, a pure fold, the documents with leases, due times and the
/// checkpoint in one transaction. One node at a time does it, by an advisory lock of its connection; the checkpoint is
/// compare-and-set, so that a node that lost the lock without knowing changes nothing. An event that cannot be folded stops the
/// loop, with the reason in health; nothing is skipped.
/// </summary>
public sealed class ProjectionLoop(
    ILog log,
    IDocumentStore store,
    NpgsqlDataSource database,
    TimeProvider clock,
    ILogger<ProjectionLoop> logger
) : BackgroundService
{
    private const long Lock = 0x4c45444745520002;
    private const long SchemaLock = 0x4c45444745520003;
    private const int PageSize = 500;
    private static readonly TimeSpan Takeover = TimeSpan.FromMilliseconds(500);

    /// <summary>A connection that is projected this long after it opened belongs to a rebuild, or to a loop that was behind.</summary>
    private readonly Wake _projected = new();
    private volatile string? _stopped;

    /// <summary>Completes when this node has projected more; take it before looking.</summary>
    public Task Projected => _projected.Next;

    /// <summary>Why the loop stands still; null while it does not.</summary>
    public string? Stopped => _stopped;

    /// <summary>Whether it has reached the end of the log; null where another node projects.</summary>
    public bool? CaughtUp { get; private set; }

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // One at a time: "if not exists" is no help to two nodes that start at once.
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await LockAsync(connection, "pg_advisory_lock", SchemaLock, cancellationToken);
        await store.Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        await using var command = new NpgsqlCommand(
            $"""
            create table if not exists {ReadSide.Schema}.checkpoint (
                name text primary key,
                epoch int not null,
                transaction_id xid8 not null,
                position bigint not null,
                configuration json not null,
                as_of timestamptz not null
            );
            alter table {ReadSide.Schema}.checkpoint add column if not exists store text not null default 'Postgres'
            """,
            connection
        );
        await command.ExecuteNonQueryAsync(cancellationToken);
        await LockAsync(connection, "pg_advisory_unlock", SchemaLock, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(stoppingToken);
                if ((bool)(await LockAsync(connection, "pg_try_advisory_lock", Lock, stoppingToken))!)
                    await ProjectAndUnlockAsync(connection, stoppingToken);
                // Another node is at it, and says itself how it goes.
                _stopped = null;
                CaughtUp = null;
                await Task.Delay(Takeover, clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (LogEndsBeforeException e)
            {
                // Going on would lose what was recorded up to the old position.
                _stopped = e.Message + " Check the log; to go on with it as it is, have the read side rebuilt (docs/operations.md).";
                logger.LogError("The projection stands still: {Reason}", _stopped);
                await Task.WhenAny(Task.Delay(TimeSpan.FromSeconds(5), clock, stoppingToken));
            }
            catch (Exception e) when (e is InvalidDataException || IsRefused(e))
            {
                _stopped = e.Message;
                logger.LogError(e, "The projection stands still at an event it cannot read");
                await Task.WhenAny(Task.Delay(TimeSpan.FromSeconds(5), clock, stoppingToken));
            }
            catch (Exception e)
            {
                logger.LogWarning("The projection waits for the database: {Error}", e.Message);
                await Task.WhenAny(Task.Delay(Takeover, clock, stoppingToken));
            }
        }
    }

    /// <summary>The database answers, and does not take what it is given: trying again does not help.</summary>
    private static bool IsRefused(Exception? e) =>
        e switch
        {
            null => false,
            PostgresException { SqlState: ['2', '2' or '3', ..] } => true,
            _ => IsRefused(e.InnerException),
        };

    private async Task ProjectAndUnlockAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        try
        {
            await ProjectAsync(connection, ct);
        }
        finally
        {
            // The pool would keep the lock with the connection until somebody uses that again. A connection that broke has none.
            if (connection.State is System.Data.ConnectionState.Open)
                await LockAsync(connection, "pg_advisory_unlock", Lock, CancellationToken.None);
        }
    }

    private static async Task<object?> LockAsync(NpgsqlConnection connection, string function, long key, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand($"select {function}({key.ToString(CultureInfo.InvariantCulture)})", connection);
        return await command.ExecuteScalarAsync(ct);
    }

    private async Task ProjectAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var checkpoint = await LoadAsync(connection, ct);
        await foreach (var page in log.SubscribeAsync(checkpoint.Position, PageSize, ct))
        {
            // What was complete up to an instant stays so; and what a page has, even if it was recorded while the page was read,
            // is in it.
            var asOf = page.AsOf ?? checkpoint.AsOf;
            foreach (var other in page.Events.Select(e => e.Record.RecordedAt).Append(checkpoint.AsOf))
                asOf = other > asOf ? other : asOf;
            if (page.Events.Count > 0 || asOf - checkpoint.AsOf > TimeSpan.FromSeconds(1))
                checkpoint = await ApplyAsync(connection, checkpoint, page.Events, page.Position, asOf, ct);
            _stopped = null;
            CaughtUp = page.CaughtUp;
            _projected.Give();
        }
    }

    private async Task<Checkpoint> ApplyAsync(
        NpgsqlConnection connection,
        Checkpoint before,
        IReadOnlyList<StoredEvent> page,
        LogPosition position,
        DateTimeOffset asOf,
        CancellationToken ct
    )
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var session = store.LightweightSession(SessionOptions.ForTransaction(transaction));
        await using (session)
        {
            var ids = PresenceFold.AgentsOf(page);
            var known = ids.Length == 0 ? [] : await session.LoadManyAsync<PresenceDocument>(ct, ids);
            var fold = new PresenceFold(before.Configuration, known.ToDictionary(d => d.Id, StringComparer.Ordinal));
            foreach (var e in page)
                fold.Apply(e.Record);

            var after = new Checkpoint(position, fold.Configuration, asOf);
            await MoveCheckpointAsync(connection, transaction, before, after, ct);
            if (fold.Changed.Count > 0)
            {
                await KeepLeasesAsync(connection, transaction, fold.Changed, clock.Now(), ct);
                await KeepDueAsync(connection, transaction, fold, ct);
                session.Store(fold.Changed.ToArray());
                await session.SaveChangesAsync(ct);
            }
            if (!log.SpansStreams && fold.Handovers.Count > 0)
                await KeepHandoversAsync(connection, transaction, fold.Handovers, ct);
            if (fold.PolicyChangedAt is { } changedAt)
                await DueAgainAsync(connection, transaction, changedAt, ct);
            await transaction.CommitAsync(ct);
            return after;
        }
    }

    private async Task<Checkpoint> LoadAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using (
            // A position of another store says nothing: what was read is read again from this one.
            var moved = new NpgsqlCommand(
                $"""
                with moved as (
                    delete from {ReadSide.Schema}.checkpoint where name = 'presence' and store <> $1 returning name
                ), due as (
                    delete from ledger.due where exists (select from moved)
                ), handover as (
                    delete from ledger.handover where exists (select from moved)
                )
                delete from {ReadSide.Schema}.mt_doc_presence where exists (select from moved)
                """,
                connection
            )
        )
        {
            moved.Parameters.Add(new() { Value = log.Store });
            if (await moved.ExecuteNonQueryAsync(ct) > 0)
                logger.LogWarning("The read side is rebuilt: the ledger is kept in {Store} now", log.Store);
        }
        await using (
            var create = new NpgsqlCommand(
                $"""
                insert into {ReadSide.Schema}.checkpoint (name, epoch, transaction_id, position, configuration, as_of, store)
                    values ('presence', 0, '0', 0, $1, '-infinity', $2) on conflict do nothing
                """,
                connection
            )
        )
        {
            create.Parameters.Add(new() { Value = LedgerJson.Write(Configuration.Initial), NpgsqlDbType = NpgsqlDbType.Json });
            create.Parameters.Add(new() { Value = log.Store });
            await create.ExecuteNonQueryAsync(ct);
        }
        await using var command = new NpgsqlCommand(
            $"select epoch, transaction_id, position, configuration::text, as_of from {ReadSide.Schema}.checkpoint where name = 'presence'",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new Checkpoint(
            new LogPosition(reader.GetInt32(0), reader.GetFieldValue<ulong>(1), reader.GetInt64(2)),
            LedgerJson.Read<Configuration>(reader.GetString(3)),
            reader.GetFieldValue<DateTimeOffset>(4)
        );
    }

    private static async Task MoveCheckpointAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        Checkpoint before,
        Checkpoint after,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand(
            $"""
            update {ReadSide.Schema}.checkpoint
                set epoch = $1, transaction_id = $2, position = $3, configuration = $4, as_of = $5
                where name = 'presence' and epoch = $6 and transaction_id = $7 and position = $8
            """,
            connection,
            transaction
        );
        command.Parameters.Add(new() { Value = after.Position.Epoch });
        command.Parameters.Add(new() { Value = after.Position.Transaction, NpgsqlDbType = NpgsqlDbType.Xid8 });
        command.Parameters.Add(new() { Value = after.Position.Sequence });
        command.Parameters.Add(new() { Value = LedgerJson.Write(after.Configuration), NpgsqlDbType = NpgsqlDbType.Json });
        command.Parameters.Add(new() { Value = after.AsOf });
        command.Parameters.Add(new() { Value = before.Position.Epoch });
        command.Parameters.Add(new() { Value = before.Position.Transaction, NpgsqlDbType = NpgsqlDbType.Xid8 });
        command.Parameters.Add(new() { Value = before.Position.Sequence });
        if (await command.ExecuteNonQueryAsync(ct) != 1)
            throw new InvalidOperationException("The checkpoint was moved by another node.");
    }

    /// <summary>
    /// A lease for every connection that lives, none for the others. One whose lease comes late has a full timeout from now on:
    /// its heartbeats had nowhere to go meanwhile (CON-8).
    /// </summary>
    private static async Task KeepLeasesAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        IReadOnlyCollection<PresenceDocument> changed,
        DateTimeOffset now,
        CancellationToken ct
    )
    {
        var live = changed
            .SelectMany(d => d.Agent.Connections.Select(c => (d.Id, c.Key, c.Value.OpenedAt)))
            .OrderBy(c => c.Id, StringComparer.Ordinal)
            .ThenBy(c => c.Key, StringComparer.Ordinal)
            .ToArray();
        await using var command = new NpgsqlCommand(
            """
            with live as (
                select c.agent_id, c.connection_id, c.at, c.counts_from
                    from unnest($2, $3, $4, $5) as c (agent_id, connection_id, at, counts_from)
            ), gone as (
                delete from ledger.lease l using (
                    select agent_id, connection_id from ledger.lease
                    where agent_id = any ($1) and (agent_id, connection_id) not in (select agent_id, connection_id from live)
                    order by agent_id, connection_id for update
                ) g where l.agent_id = g.agent_id and l.connection_id = g.connection_id
            )
            insert into ledger.lease (agent_id, connection_id, last_seen_at, counts_from)
                select agent_id, connection_id, at, counts_from from live order by agent_id, connection_id
                on conflict (agent_id, connection_id) do update
                    set last_seen_at = excluded.last_seen_at, counts_from = greatest(lease.counts_from, excluded.counts_from)
                    where lease.last_seen_at < excluded.last_seen_at
            """,
            connection,
            transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. changed.Select(d => d.Id)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(live, c => c.Id) });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(live, c => c.Key) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset[]> { TypedValue = Array.ConvertAll(live, c => c.OpenedAt) });
        command.Parameters.Add(
            new NpgsqlParameter<DateTimeOffset[]>
            {
                TypedValue = Array.ConvertAll(live, c => now - c.OpenedAt > Leases.Late ? now : c.OpenedAt),
            }
        );
        await command.ExecuteNonQueryAsync(ct);
    }

    private static async Task KeepDueAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        PresenceFold fold,
        CancellationToken ct
    )
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
            connection,
            transaction
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(due, d => d.Id) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = Array.ConvertAll(due, d => d.At) });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Transfers whose second half is awaited, with the place of the first.</summary>
    private static async Task KeepHandoversAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
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
            connection,
            transaction
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

    private static DateTimeOffset? DueAt(Agent agent, Configuration configuration) =>
        DueWork.NextAt(agent, configuration) ?? (agent.DayCounts.IsEmpty ? null : DueWorker.Never);

    /// <summary>A policy that changed may have moved what is due; the worker looks again at all of it.</summary>
    private static async Task DueAgainAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        DateTimeOffset at,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand("update ledger.due set due_at = $1 where due_at > $1", connection, transaction);
        command.Parameters.Add(new() { Value = at });
        await command.ExecuteNonQueryAsync(ct);
    }

    private sealed record Checkpoint(LogPosition Position, Configuration Configuration, DateTimeOffset AsOf);
}
