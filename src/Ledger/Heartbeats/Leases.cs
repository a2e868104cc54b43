using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Agents;

namespace PresenceLedger.Ledger.Heartbeats;

/// <summary>
/// Signs of life: kept in memory, flushed twice a second in one statement to the table <c>ledger.lease</c>, whose rows come and
/// go with the events of the log. Heartbeats are not events (CON-7).
/// </summary>
public sealed class Leases(NpgsqlDataSource database, TimeProvider clock, ILogger<Leases> logger) : BackgroundService, ISignsOfLife
{
    /// <summary>How often signs of life go to the table.</summary>
    public static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long after the heartbeat timeout a loss is still doubted: another node may have seen the connection and not flushed
    /// yet. One that said it closes is not expected to send heartbeats, so its grace ends when it ends.
    /// </summary>
    public static readonly TimeSpan Doubt = TimeSpan.FromMilliseconds(900);

    /// <summary>A flush that is this late says that the process, the machine or the database stood still.</summary>
    private static readonly TimeSpan Standstill = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<(string AgentId, string ConnectionId), SignOfLife> _signs = new();
    private readonly ConcurrentDictionary<(string AgentId, string ConnectionId), DateTimeOffset> _unflushed = new();
    private DateTimeOffset _grantedAt;

    // When signs of life were last flushed; null where nobody flushes.
    private long? _flushedAt;

    /// <summary>Whether this node has seen the connection of late; where not, the log is to be asked.</summary>
    public bool Knows(string agentId, string connectionId) => _signs.ContainsKey((agentId, connectionId));

    /// <inheritdoc />
    public void Seen(string agentId, string connectionId, DateTimeOffset now)
    {
        var key = (agentId, connectionId);
        _signs[key] = new SignOfLife(now, now);
        _unflushed[key] = now;
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
        var signs = Known(agent);
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

    /// <summary>Agents with a connection that may be lost by now, by the table.</summary>
    public async Task<IReadOnlyList<string>> OverdueAsync(Policy policy, DateTimeOffset now, int atMost, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "select distinct agent_id from ledger.lease where counts_from <= $1 order by agent_id limit $2"
        );
        command.Parameters.Add(new() { Value = now - policy.HeartbeatTimeout - Doubt });
        command.Parameters.Add(new() { Value = atMost });
        var ids = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            ids.Add(reader.GetString(0));
        return ids;
    }

    /// <summary>Signs of life of an agent's connections as the table has them, this node's newer ones on top; for diagnostics.</summary>
    public async Task<IReadOnlyDictionary<string, SignOfLife>> ReadAsync(Agent agent, CancellationToken ct)
    {
        var signs = Known(agent);
        await MergeTableAsync(agent, signs, ct);
        return signs;
    }

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
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
        var pairs = _unflushed
            .ToArray()
            .OrderBy(p => p.Key.AgentId, StringComparer.Ordinal)
            .ThenBy(p => p.Key.ConnectionId, StringComparer.Ordinal)
            .ToArray();
        if (pairs.Length == 0)
            return;
        // In one order, so that two nodes that flush the same rows do not wait for each other in a circle.
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
        var known = new HashSet<(string, string)>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            known.Add((reader.GetString(0), reader.GetString(1)));

        // No lease: just opened and not projected yet, or lost on another node. The log knows; ask it at the next heartbeat.
        foreach (var (key, at) in pairs)
            if (!known.Contains(key))
                _signs.TryRemove(new(key, new SignOfLife(at, at)));

        // Only now, and only what was flushed: a heartbeat that came meanwhile is for the next time.
        foreach (var pair in pairs)
            _unflushed.TryRemove(pair);
    }

    private Dictionary<string, SignOfLife> Known(Agent agent)
    {
        var signs = new Dictionary<string, SignOfLife>(agent.Connections.Count, StringComparer.Ordinal);
        foreach (var (id, connection) in agent.Connections)
        {
            var sign = _signs.TryGetValue((agent.AgentId, id), out var known)
                ? known
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
            signs[id] = Later(sign, new SignOfLife(seen, countsFrom));
            // What the table says is remembered, so that a connection that lives on another node is asked about once a timeout;
            // a heartbeat that came while the table was read is newer.
            signs[id] = _signs.AddOrUpdate((agent.AgentId, id), signs[id], (_, known) => Later(known, signs[id]));
        }
    }

    private static SignOfLife Later(SignOfLife a, SignOfLife b) =>
        new(b.LastSeenAt > a.LastSeenAt ? b.LastSeenAt : a.LastSeenAt, b.CountsFrom > a.CountsFrom ? b.CountsFrom : a.CountsFrom);

    private bool StoodStill() => _flushedAt is { } at && clock.GetUtcNow().Ticks - at > Standstill.Ticks;
}
