using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Due;

namespace PresenceLedger.Ledger.Heartbeats;

/// <summary>
/// Signs of life: kept in memory, flushed four times a second in one statement to the table <c>ledger.lease</c>, whose rows come
/// and go with the events of the log. Heartbeats are not events (CON-7).
/// </summary>
public sealed class Leases(NpgsqlDataSource database, TimeProvider clock, ILogger<Leases> logger) : BackgroundService, ISignsOfLife
{
    /// <summary>How often signs of life go to the table.</summary>
    public static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How long after the heartbeat timeout a loss is still doubted: another node may have seen the connection and not flushed
    /// yet. One that said it closes is not expected to send heartbeats, so its grace ends when it ends.
    /// </summary>
    public static readonly TimeSpan Doubt = TimeSpan.FromMilliseconds(500);

    /// <summary>A flush that is this late says that the process, the machine or the database stood still; or the node is gone.</summary>
    public static readonly TimeSpan Standstill = TimeSpan.FromSeconds(5);

    /// <summary>A lease that comes later than this after its connection counts from when it comes.</summary>
    public static readonly TimeSpan Late = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AliveInterval = TimeSpan.FromSeconds(1);

    private readonly Guid _nodeId = Guid.NewGuid();
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<(string AgentId, string ConnectionId), Known> _signs = new();
    private readonly ConcurrentDictionary<(string AgentId, string ConnectionId), DateTimeOffset> _unflushed = new();
    private DateTimeOffset _grantedAt;
    private DateTimeOffset _toldAliveAt;

    // No lease counts from before; so nothing is overdue for a while.
    private DateTimeOffset _oldest;

    // Of the next flush: the leases there are, of those that were seen.
    private TaskCompletionSource<HashSet<(string, string)>> _flush = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // When signs of life were last flushed; null where nobody flushes.
    private long? _flushedAt;

    /// <summary>
    /// Takes a heartbeat. True where the connection has a lease: from memory, or, of one that this node has not heard of yet, by the
    /// next flush, so that very many who come at once cost one statement. False where it has none: lost, or so new that only the
    /// log knows.
    /// </summary>
    /// <exception cref="LedgerUnavailableException">This node does not know it, and the database is away.</exception>
    public ValueTask<bool> TakeAsync(string agentId, string connectionId, DateTimeOffset now, CancellationToken ct)
    {
        var key = (agentId, connectionId);
        if (_signs.ContainsKey(key))
        {
            Seen(agentId, connectionId, now);
            return ValueTask.FromResult(true);
        }
        return AskedAsync();

        async ValueTask<bool> AskedAsync()
        {
            Task<HashSet<(string, string)>> flushed;
            lock (_lock)
            {
                _unflushed[key] = now;
                flushed = _flush.Task;
            }
            if (!(await flushed.WaitAsync(ct)).Contains(key))
                return false;
            _signs.TryAdd(key, new Known(now, now, now));
            return true;
        }
    }

    /// <inheritdoc />
    public void Seen(string agentId, string connectionId, DateTimeOffset now)
    {
        var key = (agentId, connectionId);
        _signs.AddOrUpdate(
            key,
            static (_, at) => new Known(at, at, at),
            static (_, known, at) => known with { LastSeenAt = at, CountsFrom = at },
            now
        );
        _unflushed[key] = now;
        ConnectionMetrics.Beat();
    }

    /// <inheritdoc />
    public void Forget(string agentId, string connectionId)
    {
        var key = (agentId, connectionId);
        _signs.TryRemove(key, out _);
        _unflushed.TryRemove(key, out _);
    }

    /// <inheritdoc />
    public async ValueTask<IReadOnlyDictionary<string, SignOfLife>> OfAsync(
        Agent agent,
        Policy policy,
        DateTimeOffset now,
        CancellationToken ct
    )
    {
        if (agent.Connections.IsEmpty)
            return AgentContext.NoSigns;
        var signs = KnownOf(agent);
        if (!AnyOverdue(agent, signs, policy, now))
            return signs;

        // Whoever asks first after a standstill, before the grant: nobody could show up meanwhile (CON-8).
        if (StoodStill())
            return signs.ToDictionary(s => s.Key, s => s.Value with { CountsFrom = now }, StringComparer.Ordinal);

        // By what this node knows something is lost; other nodes may know better.
        await MergeTableAsync(agent, signs, ct);
        foreach (var (id, connection) in agent.Connections)
        {
            var loss = DueWork.LossOf(id, connection, signs[id], policy);
            if (loss is { Cause: LossCause.Heartbeat } && loss.At <= now && loss.At + Doubt > now)
                signs[id] = signs[id] with { CountsFrom = now };
        }
        return signs;
    }

    /// <summary>Claims agents with a connection that may be lost by now, by the table; the longest silent first.</summary>
    public async Task<IReadOnlyList<string>> ClaimOverdueAsync(Policy policy, DateTimeOffset now, int atMost, CancellationToken ct)
    {
        var overdue = now - policy.HeartbeatTimeout - Doubt;
        if (overdue < _oldest)
            return [];
        await using var command = database.CreateCommand(
            """
            with free as (
                select agent_id, connection_id from ledger.lease
                where counts_from <= $1 and claimed_until < now()
                order by counts_from limit $2 for update skip locked
            ), claimed as (
                update ledger.lease l set claimed_until = now() + $3
                    from free f where l.agent_id = f.agent_id and l.connection_id = f.connection_id
                    returning l.agent_id
            )
            select array(select distinct agent_id from claimed), (select min(counts_from) from ledger.lease)
            """
        );
        command.Parameters.Add(new() { Value = overdue });
        command.Parameters.Add(new() { Value = atMost });
        command.Parameters.Add(new() { Value = DueWorker.Claim });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        // Leases that come count from now on, but for the time that the projection may be late.
        var soonest = now - Late;
        var oldest = await reader.IsDBNullAsync(1, ct) ? soonest : reader.GetFieldValue<DateTimeOffset>(1);
        _oldest = oldest < soonest ? oldest : soonest;
        return reader.GetFieldValue<string[]>(0);
    }

    /// <summary>Signs of life of an agent's connections as the table has them, this node's newer ones on top; for diagnostics.</summary>
    public async Task<IReadOnlyDictionary<string, SignOfLife>> ReadAsync(Agent agent, CancellationToken ct)
    {
        var signs = KnownOf(agent);
        await MergeTableAsync(agent, signs, ct);
        return signs;
    }

    /// <summary>When a connection of each agent was last seen, as the table has it; nothing of an agent without any.</summary>
    public async Task<IReadOnlyDictionary<string, DateTimeOffset>> LastSeenAsync(IReadOnlyList<string> agents, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "select agent_id, max(last_seen_at) from ledger.lease where agent_id = any ($1) group by agent_id"
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. agents] });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var seen = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        while (await reader.ReadAsync(ct))
            seen.Add(reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(1));
        return seen;
    }

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await TellAliveAsync(cancellationToken);
        await GrantAsync("the service started", cancellationToken);
        _flushedAt = clock.GetUtcNow().Ticks;
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(FlushInterval, clock, stoppingToken);
                if (StoodStill())
                    await GrantAsync("the process or the database stood still", stoppingToken);
                await FlushAsync(stoppingToken);
                _flushedAt = clock.GetUtcNow().Ticks;
                if (clock.Now() - _toldAliveAt >= AliveInterval && await TellAliveAsync(stoppingToken) > 0)
                    await GrantAsync("another node is gone", stoppingToken);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                logger.LogWarning("Signs of life wait for the database: {Error}", e.Message);
            }
        }
        try
        {
            await FlushAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
        {
            logger.LogWarning("The last signs of life were not flushed: {Error}", e.Message);
        }
    }

    /// <summary>Says that this node is at work, and gives how many others are no more; one node gets to know of each.</summary>
    private async Task<int> TellAliveAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            with told as (
                insert into ledger.node (node_id, seen_at) values ($1, now()) on conflict (node_id) do update set seen_at = now()
            ), gone as (
                delete from ledger.node where node_id <> $1 and seen_at < now() - $2 returning node_id
            )
            select count(*)::int from gone
            """
        );
        command.Parameters.Add(new() { Value = _nodeId });
        command.Parameters.Add(new() { Value = Standstill });
        var gone = (int)(await command.ExecuteScalarAsync(ct))!;
        _toldAliveAt = clock.Now();
        return gone;
    }

    /// <summary>CON-8: every connection known gets one full timeout to show up again.</summary>
    private async Task GrantAsync(string why, CancellationToken ct)
    {
        var now = clock.Now();
        _grantedAt = now;
        // In the order of a flush, so that a node that starts and one that flushes do not wait for each other in a circle.
        await using var command = database.CreateCommand(
            """
            with held as (
                select agent_id, connection_id from ledger.lease where counts_from < $1 order by agent_id, connection_id for update
            )
            update ledger.lease l set counts_from = $1
                from held h where l.agent_id = h.agent_id and l.connection_id = h.connection_id
            """
        );
        command.Parameters.Add(new() { Value = now });
        var granted = await command.ExecuteNonQueryAsync(ct);
        if (granted > 0)
            logger.LogInformation("{Granted} connections are granted a full heartbeat timeout, because {Why}", granted, why);
    }

    private async Task FlushAsync(CancellationToken ct)
    {
        KeyValuePair<(string AgentId, string ConnectionId), DateTimeOffset>[] pairs;
        TaskCompletionSource<HashSet<(string, string)>> flush;
        lock (_lock)
        {
            pairs = _unflushed.ToArray();
            if (pairs.Length == 0)
                return;
            flush = _flush;
            _flush = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        try
        {
            var leased = await FlushAsync(pairs, ct);
            // No lease: lost on another node, as the log will tell at the next heartbeat; or just opened, and not projected yet.
            foreach (var (key, at) in pairs)
                if (!leased.Contains(key) && _signs.TryGetValue(key, out var known) && at - known.Since > Late)
                    _signs.TryRemove(new(key, known));

            // Only now, and only what was flushed: a heartbeat that came meanwhile is for the next time.
            foreach (var pair in pairs)
                _unflushed.TryRemove(pair);
            flush.SetResult(leased);
        }
        catch (Exception e)
        {
            flush.SetException(new LedgerUnavailableException("Whether the connection lives cannot be looked up.", e));
            // Nobody may be waiting for it.
            _ = flush.Task.Exception;
            throw;
        }
    }

    /// <summary>Writes signs of life to their leases; gives those that there are.</summary>
    private async Task<HashSet<(string, string)>> FlushAsync(
        KeyValuePair<(string AgentId, string ConnectionId), DateTimeOffset>[] pairs,
        CancellationToken ct
    )
    {
        // In one order, so that two nodes that flush the same rows do not wait for each other in a circle.
        Array.Sort(
            pairs,
            (a, b) =>
                (string.CompareOrdinal(a.Key.AgentId, b.Key.AgentId), string.CompareOrdinal(a.Key.ConnectionId, b.Key.ConnectionId)) switch
                {
                    (0, var c) => c,
                    (var c, _) => c,
                }
        );
        await using var command = database.CreateCommand(
            """
            with seen as (
                select s.agent_id, s.connection_id, s.at
                from unnest($1, $2, $3) as s (agent_id, connection_id, at)
            ), held as (
                select l.agent_id, l.connection_id, s.at
                from ledger.lease l join seen s using (agent_id, connection_id)
                order by l.agent_id, l.connection_id for update of l
            )
            update ledger.lease l
                set last_seen_at = greatest(l.last_seen_at, h.at), counts_from = greatest(l.counts_from, h.at)
                from held h where l.agent_id = h.agent_id and l.connection_id = h.connection_id
                returning l.agent_id, l.connection_id
            """
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(pairs, p => p.Key.AgentId) });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = Array.ConvertAll(pairs, p => p.Key.ConnectionId) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset[]> { TypedValue = Array.ConvertAll(pairs, p => p.Value) });
        var leased = new HashSet<(string, string)>(pairs.Length);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            leased.Add((reader.GetString(0), reader.GetString(1)));
        return leased;
    }

    private Dictionary<string, SignOfLife> KnownOf(Agent agent)
    {
        var signs = new Dictionary<string, SignOfLife>(agent.Connections.Count, StringComparer.Ordinal);
        foreach (var (id, connection) in agent.Connections)
        {
            var sign = _signs.TryGetValue((agent.AgentId, id), out var known)
                ? new SignOfLife(known.LastSeenAt, known.CountsFrom)
                : new SignOfLife(connection.OpenedAt, connection.OpenedAt);
            signs[id] = _grantedAt > sign.CountsFrom ? sign with { CountsFrom = _grantedAt } : sign;
        }
        return signs;
    }

    private static bool AnyOverdue(Agent agent, Dictionary<string, SignOfLife> signs, Policy policy, DateTimeOffset now)
    {
        foreach (var (id, connection) in agent.Connections)
            if (DueWork.LossOf(id, connection, signs[id], policy).At <= now)
                return true;
        return false;
    }

    private async Task MergeTableAsync(Agent agent, Dictionary<string, SignOfLife> signs, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "select connection_id, last_seen_at, counts_from from ledger.lease where agent_id = $1"
        );
        command.Parameters.Add(new() { Value = agent.AgentId });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var id = reader.GetString(0);
            if (!signs.TryGetValue(id, out var sign))
                continue;
            var seen = reader.GetFieldValue<DateTimeOffset>(1);
            var countsFrom = reader.GetFieldValue<DateTimeOffset>(2);
            sign = Later(sign, new SignOfLife(seen, countsFrom));
            // What the table says is remembered, so that a connection that lives on another node is asked about once a timeout;
            // a heartbeat that came while the table was read is newer.
            var known = _signs.AddOrUpdate(
                (agent.AgentId, id),
                static (_, s) => new Known(s.LastSeenAt, s.CountsFrom, s.LastSeenAt),
                static (_, known, s) =>
                    known with
                    {
                        LastSeenAt = Later(known.LastSeenAt, s.LastSeenAt),
                        CountsFrom = Later(known.CountsFrom, s.CountsFrom),
                    },
                sign
            );
            signs[id] = new SignOfLife(known.LastSeenAt, known.CountsFrom);
        }
    }

    private static SignOfLife Later(SignOfLife a, SignOfLife b) =>
        new(Later(a.LastSeenAt, b.LastSeenAt), Later(a.CountsFrom, b.CountsFrom));

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private bool StoodStill() => _flushedAt is { } at && clock.GetUtcNow().Ticks - at > Standstill.Ticks;

    /// <summary>What this node knows of a connection.</summary>
    /// <param name="LastSeenAt">Its last sign of life.</param>
    /// <param name="CountsFrom">From when its timeout counts.</param>
    /// <param name="Since">When this node came to know of it.</param>
    private sealed record Known(DateTimeOffset LastSeenAt, DateTimeOffset CountsFrom, DateTimeOffset Since);
}
