using System.Collections.Immutable;
using System.Security.Cryptography;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Heartbeats;

/// <summary>What a flush was answered with.</summary>
/// <param name="Leased">Of the signs told, those whose connections have a lease.</param>
/// <param name="LookedUp">Leases of connections that were asked for.</param>
/// <param name="Closing">Leases of connections that said that they close.</param>
/// <param name="KnownThrough">All nodes have told everything that arrived before this instant.</param>
/// <param name="Outages">Those of the last day, in the order of their ends.</param>
/// <param name="NewOutages">Those that this flush found out.</param>
internal sealed record Told(
    IReadOnlySet<ConnectionKey> Leased,
    IReadOnlyList<Lease> LookedUp,
    IReadOnlyList<Lease> Closing,
    DateTimeOffset KnownThrough,
    ImmutableArray<Outage> Outages,
    IReadOnlyList<string> NewOutages
);

/// <summary>
/// This node among the others, in the database: what it heard and up to when, that it is there, and which others are gone. A node holds an
/// advisory lock on a connection of its own, so that one that was killed is found out at once; one that only stands still keeps it, and is
/// given up after <see cref="Leases.Standstill"/>.
/// </summary>
internal sealed class NodePresence(NpgsqlDataSource database) : IDisposable
{
    /// <summary>A node that has told nothing for so long may be gone; its lock tells.</summary>
    private static readonly TimeSpan Silent = TimeSpan.FromSeconds(1);

    private const string Flush = """
        with seen as (
            select s.agent_id, s.connection_id, s.at, s.closing_at, s.has_lease
            from unnest($1, $2, $3, $4, $5) as s (agent_id, connection_id, at, closing_at, has_lease)
        ), held as (
            select l.agent_id, l.connection_id, s.at, s.closing_at
            from ledger.lease l join seen s using (agent_id, connection_id)
            order by l.agent_id, l.connection_id for update of l
        ), updated as (
            update ledger.lease l
                set last_seen_at = greatest(l.last_seen_at, h.at), closing_at = greatest(l.closing_at, h.closing_at)
                from held h where l.agent_id = h.agent_id and l.connection_id = h.connection_id
                returning l.agent_id, l.connection_id
        ), opened as (
            insert into ledger.lease as l (agent_id, connection_id, last_seen_at, closing_at)
                select s.agent_id, s.connection_id, s.at, s.closing_at from seen s
                where not s.has_lease and not exists (select from held h where h.agent_id = s.agent_id and h.connection_id = s.connection_id)
                order by s.agent_id, s.connection_id
                on conflict (agent_id, connection_id) do update
                    set last_seen_at = greatest(l.last_seen_at, excluded.last_seen_at),
                        closing_at = greatest(l.closing_at, excluded.closing_at)
                returning agent_id, connection_id
        )
        select agent_id, connection_id from updated union all select agent_id, connection_id from opened
        """;

    private const string Here = """
        insert into ledger.node as n (node_id, lock_key, heard_until, seen_at) values ($1, $2, $3, now())
            on conflict (node_id) do update set heard_until = greatest(n.heard_until, excluded.heard_until), seen_at = now()
        """;

    // The lock of a node is only tried for where the node is silent, and free again with this transaction.
    private const string Gone = """
        with silent as (
            select node_id from ledger.node
            where node_id <> $1 and case
                when seen_at < now() - $2 then true
                when seen_at < now() - $3 then pg_try_advisory_xact_lock(lock_key)
                else false
            end
            for update skip locked
        ), gone as (
            delete from ledger.node n using silent s where n.node_id = s.node_id returning n.heard_until
        )
        insert into ledger.outage (from_at, until_at, cause)
            select min(heard_until), $4, 'a node is gone' from gone having count(*) > 0
            returning cause
        """;

    private const string StoodStill =
        "insert into ledger.outage (from_at, until_at, cause) select heard_until, $2, $3 from ledger.node where node_id = $1 returning cause";

    private readonly Guid _id = Guid.NewGuid();
    private readonly long _lockKey = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));
    private NpgsqlConnection? _lock;

    /// <summary>
    /// Joins the others. Where there are none, the service was down since the last of them was heard of (CON-8); of a ledger that no node
    /// ever served on this database nothing is known at all.
    /// </summary>
    public async Task StartAsync(DateTimeOffset now, CancellationToken ct)
    {
        await HoldLockAsync(ct);
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(GoneCommand(TimeSpan.Zero, now));
        var first = new NpgsqlBatchCommand(
            """
            insert into ledger.outage (from_at, until_at, cause)
                select '0001-01-01Z'::timestamptz, $1, 'the service started' where not exists (select from ledger.node)
                    and not exists (select from ledger.outage where until_at >= $1)
            """
        );
        first.Parameters.Add(new() { Value = now });
        batch.BatchCommands.Add(first);
        batch.BatchCommands.Add(HereCommand(now));
        await batch.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Tells what arrived here before an instant, in one transaction with that instant, and learns what is new.</summary>
    /// <param name="signs">What arrived, in the order of its keys.</param>
    /// <param name="asked">Connections to look up.</param>
    /// <param name="until">Everything that arrived before is told with this, or was before.</param>
    /// <param name="now">The ledger's clock.</param>
    /// <param name="stoodStill">Whether this node has told nothing for too long, so that it may not have heard.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<Told> TellAsync(
        Sign[] signs,
        ConnectionKey[] asked,
        DateTimeOffset until,
        DateTimeOffset now,
        bool stoodStill,
        CancellationToken ct
    )
    {
        await HoldLockAsync(ct);
        await using var batch = database.CreateBatch();
        if (signs.Length > 0)
            batch.BatchCommands.Add(FlushCommand(signs));
        if (stoodStill)
        {
            var stood = new NpgsqlBatchCommand(StoodStill);
            stood.Parameters.AddValues(_id, now, "the process, the machine or the database stood still");
            batch.BatchCommands.Add(stood);
        }
        batch.BatchCommands.Add(HereCommand(until));
        batch.BatchCommands.Add(GoneCommand(Silent, now));
        batch.BatchCommands.Add(new("select min(heard_until) from ledger.node"));
        var outages = new NpgsqlBatchCommand("select from_at, until_at from ledger.outage where until_at > $1 order by until_at, id");
        outages.Parameters.Add(new() { Value = now.AddDays(-1) });
        batch.BatchCommands.Add(outages);
        var closing = new NpgsqlBatchCommand(
            "select agent_id, connection_id, last_seen_at, closing_at from ledger.lease where closing_at > $1 and closing_at >= last_seen_at"
        );
        closing.Parameters.Add(new() { Value = now.AddHours(-1) });
        batch.BatchCommands.Add(closing);
        if (asked.Length > 0)
            batch.BatchCommands.Add(LookUpCommand(asked));

        await using var reader = await batch.ExecuteReaderAsync(ct);
        var leased = new HashSet<ConnectionKey>(signs.Length);
        if (signs.Length > 0)
        {
            while (await reader.ReadAsync(ct))
                leased.Add(new(reader.GetString(0), reader.GetString(1)));
            await reader.NextResultAsync(ct);
        }
        var causes = new List<string>();
        if (stoodStill)
            await CausesAsync();
        await CausesAsync();
        await reader.ReadAsync(ct);
        var knownThrough = reader.GetFieldValue<DateTimeOffset>(0);
        await reader.NextResultAsync(ct);
        var all = ImmutableArray.CreateBuilder<Outage>();
        while (await reader.ReadAsync(ct))
            all.Add(new(reader.GetFieldValue<DateTimeOffset>(0), reader.GetFieldValue<DateTimeOffset>(1)));
        var closings = await LeasesAsync();
        var lookedUp = asked.Length > 0 ? await LeasesAsync() : [];
        return new Told(leased, lookedUp, closings, knownThrough, all.ToImmutable(), causes);

        async Task CausesAsync()
        {
            while (await reader.ReadAsync(ct))
                causes.Add(reader.GetString(0));
            await reader.NextResultAsync(ct);
        }

        async Task<IReadOnlyList<Lease>> LeasesAsync()
        {
            await reader.NextResultAsync(ct);
            var leases = new List<Lease>();
            while (await reader.ReadAsync(ct))
                leases.Add(
                    new(
                        new(reader.GetString(0), reader.GetString(1)),
                        reader.GetFieldValue<DateTimeOffset>(2),
                        await reader.IsDBNullAsync(3, ct) ? null : reader.GetFieldValue<DateTimeOffset>(3)
                    )
                );
            return leases;
        }
    }

    /// <summary>Lets go of the lock.</summary>
    public async Task LeaveAsync()
    {
        if (_lock is { } held)
        {
            _lock = null;
            // Back in the pool the connection keeps its locks until it is used again; so it is closed for good.
            NpgsqlConnection.ClearPool(held);
            await held.DisposeAsync();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _lock?.Dispose();

    private async Task HoldLockAsync(CancellationToken ct)
    {
        if (_lock is { FullState: System.Data.ConnectionState.Open })
            return;
        if (_lock is { } broken)
        {
            _lock = null;
            await broken.DisposeAsync();
        }
        var connection = await database.OpenConnectionAsync(ct);
        try
        {
            await using var command = new NpgsqlCommand("select pg_advisory_lock($1)", connection);
            command.Parameters.Add(new() { Value = _lockKey });
            await command.ExecuteNonQueryAsync(ct);
            _lock = connection;
        }
        finally
        {
            if (_lock != connection)
                await connection.DisposeAsync();
        }
    }

    private NpgsqlBatchCommand HereCommand(DateTimeOffset until)
    {
        var here = new NpgsqlBatchCommand(Here);
        here.Parameters.AddValues(_id, _lockKey, until);
        return here;
    }

    private NpgsqlBatchCommand GoneCommand(TimeSpan silent, DateTimeOffset now)
    {
        var gone = new NpgsqlBatchCommand(Gone);
        gone.Parameters.AddValues(_id, Leases.Standstill, silent, now);
        return gone;
    }

    private static NpgsqlBatchCommand FlushCommand(Sign[] signs)
    {
        var flush = new NpgsqlBatchCommand(Flush);
        flush.Parameters.AddColumn(signs, s => s.Key.AgentId);
        flush.Parameters.AddColumn(signs, s => s.Key.ConnectionId);
        flush.Parameters.AddColumn(signs, s => s.At);
        flush.Parameters.AddColumn(signs, s => s.Known.ClosingAt);
        flush.Parameters.AddColumn(signs, s => s.Known.HasLease);
        return flush;
    }

    private static NpgsqlBatchCommand LookUpCommand(ConnectionKey[] asked)
    {
        var lookUp = new NpgsqlBatchCommand(
            """
            select l.agent_id, l.connection_id, l.last_seen_at, l.closing_at from ledger.lease l
                join unnest($1, $2) as a (agent_id, connection_id) using (agent_id, connection_id)
            """
        );
        lookUp.Parameters.AddColumn(asked, a => a.AgentId);
        lookUp.Parameters.AddColumn(asked, a => a.ConnectionId);
        return lookUp;
    }
}
