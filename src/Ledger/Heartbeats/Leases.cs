using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Configurations;
using static PresenceLedger.Domain.Instants;

namespace PresenceLedger.Ledger.Heartbeats;

/// <summary>
/// Signs of life: kept in memory, and flushed four times a second in one round trip to the table <c>ledger.lease</c>. With each
/// flush a node says up to when it has told everything that arrived at it. A loss is decided once all nodes have told what arrived
/// before its deadline, never on a guess (CON-1, ADR 21). Heartbeats are not events (CON-7).
/// </summary>
public sealed class Leases(
    NpgsqlDataSource database,
    ConfigurationStream configurations,
    Arrivals arrivals,
    TimeProvider clock,
    ILogger<Leases> logger,
    Task? listens = null
) : BackgroundService, ISignsOfLife
{
    /// <summary>How often signs of life go to the table.</summary>
    public static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>A flush that is this late says that the process, the machine or the database stood still; or the node is gone.</summary>
    public static readonly TimeSpan Standstill = TimeSpan.FromSeconds(5);

    /// <summary>For how long a command waits until it is known what other nodes heard.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>A lease comes at most this long after its connection opened, unless what keeps them is late.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(5);

    private readonly NodePresence _node = new(database);
    private readonly LeaseTable _table = new(database);
    private readonly Trouble _waiting = new(logger, clock);
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<ConnectionKey, Known> _known = new();
    private readonly ConcurrentDictionary<ConnectionKey, DateTimeOffset> _unflushed = new();

    // What arrived at or after the deadline as this node knows it, or over a connection that it does not know.
    private readonly UndecidedSigns _undecided = new();

    // Connections to look up with the next flush, and who waits for that; under the lock.
    private HashSet<ConnectionKey> _asked = [];
    private TaskCompletionSource _flushed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile View _view = new(DateTimeOffset.MinValue, []);
    private volatile bool _runs;
    private DateTimeOffset _toldUntil = DateTimeOffset.MinValue;

    // When this node last told what it heard, by the ledger's clock: a jump of it is as bad as a standstill.
    private DateTimeOffset? _flushedAt;

    // No lease was last seen before; so nothing is overdue for a while.
    private DateTimeOffset _oldest;

    /// <summary>
    /// Takes a heartbeat: true where it surely came before the deadline of a connection. Otherwise it is not decided: the agent tells
    /// (<see cref="AgentStreams.IsOpenAsync"/>), and then <see cref="Decided"/> is to be called. A connection that this node has not heard of
    /// yet is looked up with the next flush, so that very many who come at once cost one statement.
    /// </summary>
    /// <exception cref="LedgerUnavailableException">This node does not know the connection, and the database is away.</exception>
    public ValueTask<bool> TakeAsync(string agentId, string connectionId, DateTimeOffset at, CancellationToken ct)
    {
        var key = new ConnectionKey(agentId, connectionId);
        ConnectionMetrics.Heartbeat();
        if (IsInTime(key, at))
            return ValueTask.FromResult(true);
        _undecided.Add(key, at);
        if (_known.ContainsKey(key) || !_runs)
            return ValueTask.FromResult(false);
        lock (_lock)
        {
            _asked.Add(key);
            return LookedUpAsync(_flushed.Task);
        }

        async ValueTask<bool> LookedUpAsync(Task flushed)
        {
            await flushed.WaitAsync(ct);
            if (!IsInTime(key, at))
                return false;
            Decided(agentId, connectionId, at);
            return true;
        }
    }

    /// <inheritdoc />
    public void Arrived(string agentId, string connectionId, DateTimeOffset at)
    {
        var key = new ConnectionKey(agentId, connectionId);
        if (!KnowsClosings(at) || !IsInTime(key, at))
            _undecided.Add(key, at);
    }

    /// <inheritdoc />
    public void Decided(string agentId, string connectionId, DateTimeOffset at) =>
        _undecided.Remove(new ConnectionKey(agentId, connectionId), at);

    /// <inheritdoc />
    public void Opened(string agentId, string connectionId, DateTimeOffset at)
    {
        var key = new ConnectionKey(agentId, connectionId);
        _known.AddOrUpdate(
            key,
            static (_, at) => new Known(at, null, HasLease: false),
            static (_, known, at) => new Known(Later(known.LastSeenAt, at), null, known.HasLease),
            at
        );
        FlushLater(key, at);
    }

    /// <inheritdoc />
    public void Closing(string agentId, string connectionId, DateTimeOffset at)
    {
        var key = new ConnectionKey(agentId, connectionId);
        _known.AddOrUpdate(
            key,
            static (_, at) => new Known(at, at, HasLease: false),
            static (_, known, at) => known with { LastSeenAt = Later(known.LastSeenAt, at), ClosingAt = at },
            at
        );
        FlushLater(key, at);
    }

    /// <inheritdoc />
    public void Forget(string agentId, string connectionId)
    {
        var key = new ConnectionKey(agentId, connectionId);
        _known.TryRemove(key, out _);
        _unflushed.TryRemove(key, out _);
    }

    /// <inheritdoc />
    public async ValueTask<Heard> OfAsync(Agent agent, Configuration configuration, DateTimeOffset now, bool wait, CancellationToken ct)
    {
        if (agent.Connections.IsEmpty)
            return new Heard(AgentContext.NoSigns, now);
        var signs = SignsOf(agent, configuration);
        if (!AnyLost(agent, signs, configuration, DateTimeOffset.MinValue, now) && (!wait || KnowsClosingsOf(agent)))
            return new Heard(signs, now);

        // By what this node knows something is lost, or something arrived of which it does not know yet whether it came in time; other
        // nodes may know better.
        var began = clock.GetTimestamp();
        while (true)
        {
            var knownThrough = _runs ? _view.KnownThrough : now;
            await MergeTableAsync(agent, ct);
            signs = SignsOf(agent, configuration);
            if (!AnyLost(agent, signs, configuration, knownThrough, now) && (!wait || KnowsClosingsOf(agent)))
                return new Heard(signs, now);
            if (!wait)
                return new Heard(signs, Earlier(knownThrough, now));
            if (clock.GetElapsedTime(began) > Patience)
                throw new LedgerUnavailableException("It cannot be found out now what other nodes heard of the agent's connections.", null);
            await NextFlushAsync(ct);
        }
    }

    /// <summary>Waits until everything that arrived at any node before an instant is known.</summary>
    /// <exception cref="LedgerUnavailableException">It cannot be found out.</exception>
    public async Task KnownThroughAsync(DateTimeOffset at, CancellationToken ct)
    {
        for (var began = clock.GetTimestamp(); _runs && _view.KnownThrough < at; await NextFlushAsync(ct))
            if (clock.GetElapsedTime(began) > Patience)
                throw new LedgerUnavailableException("It cannot be found out now what other nodes heard.", null);
    }

    /// <summary>Claims agents with a connection that may be lost by now, by the table; the longest silent first.</summary>
    public async Task<IReadOnlyList<string>> ClaimOverdueAsync(int atMost, CancellationToken ct)
    {
        var overdue = LostIfSilentSince();
        var now = clock.Now();
        // Looked up while the clock was ahead.
        if (_oldest > now)
            _oldest = default;
        if (overdue < _oldest || overdue == DateTimeOffset.MinValue)
            return [];
        var (agentIds, first) = await _table.ClaimAsync(overdue, atMost, ct);
        // Leases that come were seen from now on, but for the time that they may come late.
        var soonest = now - Late;
        _oldest = first < soonest ? first.Value : soonest;
        return agentIds;
    }

    /// <summary>Removes leases of connections that the agent has no more: a flush that crossed the loss may have left one.</summary>
    public Task TidyAsync(Agent agent, CancellationToken ct) => _table.RemoveAsync(agent, LostIfSilentSince(), ct);

    /// <summary>Signs of life of an agent's connections as the table has them, this node's newer ones on top; for diagnostics.</summary>
    public async Task<IReadOnlyDictionary<string, SignOfLife>> ReadAsync(Agent agent, CancellationToken ct)
    {
        await MergeTableAsync(agent, ct);
        return SignsOf(agent, configurations.Current);
    }

    /// <summary>When a connection of each agent was last seen, as the table has it; nothing of an agent without any.</summary>
    public Task<IReadOnlyDictionary<string, DateTimeOffset>> LastSeenAsync(IReadOnlyList<string> agents, CancellationToken ct) =>
        _table.LastSeenAsync(agents, ct);

    /// <inheritdoc />
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _runs = true;
        if (listens is null)
            await JoinAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _node.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (_flushedAt is null)
                {
                    // Nobody can be heard before the service listens: until then nothing is known, and the timeout of those who wait
                    // for it does not run (CON-8).
                    await listens!.WaitAsync(stoppingToken);
                    await JoinAsync(stoppingToken);
                }
                await Task.Delay(FlushInterval, clock, stoppingToken);
                await FlushAsync(stoppingToken);
                _waiting.IsOver("Signs of life reach the database again");
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                _waiting.Is("Signs of life wait for the database: " + e.Message);
                await Task.WhenAny(Task.Delay(FlushInterval, clock, stoppingToken));
            }
        }
        try
        {
            if (_flushedAt is not null)
                await FlushAsync(CancellationToken.None);
        }
        catch (Exception e)
        {
            logger.LogWarning("The last signs of life were not flushed: {Error}", e.Message);
        }
        _runs = false;
        // Now free, its lock tells the other nodes that this one is gone.
        await _node.LeaveAsync();
    }

    private async Task JoinAsync(CancellationToken ct)
    {
        await _node.StartAsync(clock.Now(), ct);
        await FlushAsync(ct);
    }

    /// <summary>Tells what arrived here, and learns what others were told, up to when, and which outages there were.</summary>
    private async Task FlushAsync(CancellationToken ct)
    {
        if (clock.Now() is var time && time < _flushedAt)
            await SetBackAsync(time, ct);
        // First the instant, then what arrived before it.
        var until = arrivals.AllBefore();
        if (_undecided.Oldest is { } oldest)
            until = Earlier(until, oldest);
        ConnectionKey[] asked;
        TaskCompletionSource flushed;
        lock (_lock)
        {
            asked = [.. _asked];
            _asked = [];
            flushed = _flushed;
            _flushed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        _toldUntil = Later(_toldUntil, until);
        try
        {
            var now = clock.Now();
            var signs = Unflushed(now);
            var told = await _node.TellAsync(signs, asked, _toldUntil, now, stoodStill: now - _flushedAt > Standstill, ct);
            foreach (var outage in told.NewOutages)
                logger.LogInformation("Every connection gets a full heartbeat timeout: {Outage}", outage);
            Keep(signs, told);
            _view = new View(told.KnownThrough, told.Outages);
            _flushedAt = now;
            flushed.SetResult();
        }
        catch (Exception e)
        {
            flushed.SetException(new LedgerUnavailableException("Whether the connection lives cannot be looked up.", e));
            // Nobody may be waiting for it.
            _ = flushed.Task.Exception;
            throw;
        }
    }

    /// <summary>
    /// The clock of the database was set back: what was heard while it was ahead was heard by now, and everybody gets a full timeout.
    /// </summary>
    private async Task SetBackAsync(DateTimeOffset now, CancellationToken ct)
    {
        foreach (var (key, known) in _known)
            if (Later(known.LastSeenAt, known.ClosingAt ?? now) > now)
                Update(
                    key,
                    k =>
                        k with
                        {
                            LastSeenAt = Earlier(k.LastSeenAt, now),
                            ClosingAt = k.ClosingAt is { } closing ? Earlier(closing, now) : null,
                        }
                );
        _toldUntil = Earlier(_toldUntil, now);
        await ClockKeeper.MendAsync(database, now, ct);
        await using var outage = database.CreateCommand(
            "insert into ledger.outage (from_at, until_at, cause) values ('0001-01-01Z', $1, 'the clock of the database was set back')"
        );
        outage.Parameters.Add(new() { Value = now });
        await outage.ExecuteNonQueryAsync(ct);
        logger.LogInformation("Every connection gets a full heartbeat timeout: the clock of the database was set back");
    }

    private Sign[] Unflushed(DateTimeOffset now)
    {
        // What arrived while the clock was ahead may be noted only after it was set back.
        foreach (var (key, at) in _unflushed)
            if (at > now)
            {
                Update(key, k => k with { LastSeenAt = Earlier(k.LastSeenAt, now) });
                _unflushed.TryUpdate(key, now, at);
            }
        var signs = new List<Sign>();
        foreach (var (key, at) in _unflushed)
            if (_known.TryGetValue(key, out var known))
                signs.Add(new Sign(key, at, known));
            else
                _unflushed.TryRemove(new(key, at));
        // In one order, so that two nodes that flush the same rows do not wait for each other in a circle.
        signs.Sort((a, b) => a.Key.CompareTo(b.Key));
        return [.. signs];
    }

    private void Keep(Sign[] signs, Told told)
    {
        foreach (var sign in signs)
        {
            // Only what was flushed: a sign that came meanwhile is for the next time.
            _unflushed.TryRemove(new(sign.Key, sign.At));
            if (told.Leased.Contains(sign.Key))
                Update(sign.Key, known => known with { HasLease = true });
            else if (sign.Known.HasLease)
                // Lost on another node, as the log will tell at the next heartbeat.
                _known.TryRemove(sign.Key, out _);
        }
        foreach (var lease in told.LookedUp)
            _known.TryAdd(lease.Key, new Known(lease.LastSeenAt, lease.ClosingAt, HasLease: true));
        foreach (var lease in told.Closing)
            Update(lease.Key, known => known.ClosingAt >= lease.ClosingAt ? known : known with { ClosingAt = lease.ClosingAt });
    }

    private void Update(ConnectionKey key, Func<Known, Known> change)
    {
        while (_known.TryGetValue(key, out var known) && !_known.TryUpdate(key, change(known), known)) { }
    }

    private async Task NextFlushAsync(CancellationToken ct)
    {
        Task flushed;
        lock (_lock)
            flushed = _flushed.Task;
        try
        {
            await flushed.WaitAsync(Patience, clock, ct);
        }
        catch (Exception e) when (e is LedgerUnavailableException or TimeoutException)
        {
            // Whoever waits knows for how long.
        }
    }

    /// <summary>Whether something arrived before the deadline by what this node knows; then it is kept as a sign of life.</summary>
    private bool IsInTime(ConnectionKey key, DateTimeOffset at)
    {
        while (_known.TryGetValue(key, out var known))
        {
            if (at >= DeadlineOf(known))
                return false;
            if (at <= known.LastSeenAt)
                return true;
            if (!_known.TryUpdate(key, known with { LastSeenAt = at }, known))
                continue;
            FlushLater(key, at);
            return true;
        }
        return false;
    }

    private DateTimeOffset DeadlineOf(Known known) =>
        LossOf("", new Connection(null, known.OpenedAt, known.ClosingAt), known.LastSeenAt, configurations.Current).At;

    private DueWork.Loss LossOf(string id, Connection connection, DateTimeOffset lastSeenAt, Configuration policies) =>
        DueWork.LossOf(id, connection, DueWork.SignOf(connection, lastSeenAt, _view.Outages, policies), policies);

    /// <summary>What this node knows, with what arrived in time and was not decided yet.</summary>
    private Dictionary<string, SignOfLife> SignsOf(Agent agent, Configuration policies)
    {
        var signs = new Dictionary<string, SignOfLife>(agent.Connections.Count, StringComparer.Ordinal);
        foreach (var (id, connection) in agent.Connections)
        {
            var key = new ConnectionKey(agent.AgentId, id);
            var known = _known.TryGetValue(key, out var here) ? here : null;
            // The agent may be as it was before it said at another node that it closes, which was told since.
            var closing = connection with
            {
                ClosingAt = Latest(connection.ClosingAt, known?.ClosingAt),
            };
            var seen = known?.LastSeenAt > connection.OpenedAt ? known.LastSeenAt : connection.OpenedAt;
            foreach (var at in _undecided.Of(key))
                if (at > seen && KnowsClosings(at) && at < LossOf(id, closing, seen, policies).At)
                    Saw(key, closing, seen = at);
            signs[id] = DueWork.SignOf(connection, seen, _view.Outages, policies);
        }
        return signs;
    }

    /// <summary>
    /// Whether every closing is known, wherever it arrived, that may have ended a connection's grace before something arrived over it.
    /// </summary>
    private bool KnowsClosings(DateTimeOffset at)
    {
        var policy = configurations.Current.Policy;
        var grace = policy.RefreshGrace < policy.HeartbeatTimeout ? policy.RefreshGrace : policy.HeartbeatTimeout;
        return !_runs || _view.KnownThrough >= Minus(at, grace);
    }

    private bool KnowsClosingsOf(Agent agent) =>
        agent.Connections.Keys.All(id => _undecided.Of(new ConnectionKey(agent.AgentId, id)).All(KnowsClosings));

    private static DateTimeOffset? Latest(DateTimeOffset? a, DateTimeOffset? b) => b is null || a > b ? a : b;

    private void Saw(ConnectionKey key, Connection connection, DateTimeOffset at)
    {
        _known.AddOrUpdate(
            key,
            static (_, sign) => new Known(sign.at, sign.connection.ClosingAt, HasLease: false),
            static (_, known, sign) => known with { LastSeenAt = Later(known.LastSeenAt, sign.at) },
            (connection, at)
        );
        FlushLater(key, at);
    }

    private void FlushLater(ConnectionKey key, DateTimeOffset at) =>
        _unflushed.AddOrUpdate(key, static (_, at) => at, static (_, before, at) => Later(before, at), at);

    /// <summary>Whether a connection is lost after one instant and no later than another.</summary>
    private static bool AnyLost(
        Agent agent,
        Dictionary<string, SignOfLife> signs,
        Configuration policies,
        DateTimeOffset after,
        DateTimeOffset until
    )
    {
        foreach (var (id, connection) in agent.Connections)
            if (DueWork.LossOf(id, connection, signs[id], policies).At is var at && at > after && at <= until)
                return true;
        return false;
    }

    private async Task MergeTableAsync(Agent agent, CancellationToken ct)
    {
        foreach (var lease in await _table.ReadAsync(agent.AgentId, ct))
            // Remembered, so that a connection that lives on another node is asked about once a timeout.
            if (agent.Connections.TryGetValue(lease.Key.ConnectionId, out var connection))
                _known.AddOrUpdate(
                    lease.Key,
                    static (_, row) => new Known(row.seen, row.closing, HasLease: true),
                    static (_, known, row) =>
                        new Known(Later(known.LastSeenAt, row.seen), Latest(known.ClosingAt, row.closing), HasLease: true),
                    (seen: lease.LastSeenAt, closing: Latest(connection.ClosingAt, lease.ClosingAt))
                );
    }

    /// <summary>A connection that is silent since then, or longer, may be lost by what is known; one that is not surely is not.</summary>
    private DateTimeOffset LostIfSilentSince()
    {
        var now = clock.Now();
        var knownThrough = _runs && _view.KnownThrough < now ? _view.KnownThrough : now;
        var current = configurations.Current;
        var silentSince = Minus(knownThrough, current.Policy.HeartbeatTimeout);
        foreach (var earlier in current.Earlier)
            if (earlier.Until <= knownThrough)
                silentSince = Later(silentSince, Minus(earlier.Until, earlier.Policy.HeartbeatTimeout));
        foreach (var outage in _view.Outages)
            if (outage.Until + current.Policy.HeartbeatTimeout > knownThrough)
                silentSince = Earlier(silentSince, Minus(outage.From, current.Policy.HeartbeatTimeout));
        return silentSince;
    }

    private static DateTimeOffset Minus(DateTimeOffset at, TimeSpan length) =>
        at - DateTimeOffset.MinValue > length ? at - length : DateTimeOffset.MinValue;

    /// <summary>What all nodes have told.</summary>
    /// <param name="KnownThrough">Everything that arrived anywhere before this instant is known.</param>
    /// <param name="Outages">In the order of their ends.</param>
    private sealed record View(DateTimeOffset KnownThrough, ImmutableArray<Outage> Outages);
}

/// <summary>What a node knows of a connection.</summary>
/// <param name="LastSeenAt">Its last sign of life.</param>
/// <param name="ClosingAt">When it said that it closes; it is closing while nothing was seen of it since.</param>
/// <param name="HasLease">Its lease was seen: when that is gone, the connection is.</param>
internal sealed record Known(DateTimeOffset LastSeenAt, DateTimeOffset? ClosingAt, bool HasLease)
{
    /// <summary>No later than its last sign of life, which is all that counts for its deadline.</summary>
    public DateTimeOffset OpenedAt => ClosingAt < LastSeenAt ? ClosingAt.Value : LastSeenAt;
}

/// <summary>A sign of life to tell.</summary>
internal sealed record Sign(ConnectionKey Key, DateTimeOffset At, Known Known);
