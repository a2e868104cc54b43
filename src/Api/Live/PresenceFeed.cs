using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Memory;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Live;

/// <summary>
/// What happens, for those who follow it live: every node follows the log by itself, so it does not matter on which node something
/// was done. The last changes are kept in memory, older ones are read from the log, so that who comes back misses nothing. It works
/// only while somebody follows, and for a while after.
/// </summary>
internal sealed class PresenceFeed(
    ILog log,
    AgentStreams agents,
    ConfigurationStream configuration,
    ReadPosition read,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<PresenceFeed> logger
) : BackgroundService
{
    /// <summary>Who comes back and missed more events than this begins anew.</summary>
    public const int MostMissed = 20_000;

    private const string Stopping = "the service stops";
    private const int PageSize = 500;
    private const int AtOnce = 8;

    /// <summary>Agents whose states are at hand; for others the log is asked.</summary>
    private const int KnownAgents = 20_000;

    /// <summary>For how long after the last follower went changes are kept.</summary>
    private static readonly TimeSpan Remembrance = TimeSpan.FromMinutes(2);

    /// <summary>A place that another node told of may not have come here yet; nor may the first answer of the log.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // After a restart very many come back at once.
    private readonly SemaphoreSlim _histories = new(4);
    private readonly Lock _lock = new();
    private readonly Followers _followers = new();
    private readonly Queue<Change> _recent = new();
    private readonly MemoryCache _states = new(new MemoryCacheOptions { SizeLimit = KnownAgents });

    // Up to where the log was followed, the last event of it, and the place after which all changes are in _recent.
    private readonly Trouble _silent = new(logger, clock);
    private LogPosition _position;
    private LogPosition _last;
    private LogPosition _keptFrom;
    private long? _leftAt;

    // How often the end of the log was reached.
    private long _ends;

    // Whether it follows the log; that somebody wants it to, and that it does.
    private bool _follows;
    private TaskCompletionSource _wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Follows from now on, until the follower is disposed.</summary>
    /// <exception cref="LedgerUnavailableException">Where the log is cannot be found out.</exception>
    public async Task<Follower> FollowAsync(Filter filter, CancellationToken ct)
    {
        while (true)
        {
            Task begun;
            lock (_lock)
            {
                if (_follows)
                {
                    var follower = new Follower(filter, _last, clock, () => configuration.Current.Policy.HeartbeatInterval, Leave);
                    _followers.Add(follower);
                    if (lifetime.ApplicationStopping.IsCancellationRequested)
                        follower.End(Stopping);
                    return follower;
                }
                _wanted.TrySetResult();
                begun = _begun.Task;
            }
            try
            {
                await begun.WaitAsync(Patience, clock, ct);
            }
            catch (TimeoutException e)
            {
                throw new LedgerUnavailableException("What happens cannot be followed now.", e);
            }
        }
    }

    /// <summary>
    /// What a follower was not told who was told of everything up to a position: all of it up to some place at or after the one it follows
    /// from. Null where that is too much, or it is no position of this log.
    /// </summary>
    /// <exception cref="LedgerUnavailableException">The position, which another node may have told of, has not come here yet.</exception>
    public async Task<IReadOnlyList<Change>?> MissedAsync(LogPosition told, Follower follower, CancellationToken ct)
    {
        if (!log.CanHave(told))
            return null;
        // The first page at the end of the log may have been read before.
        var ends = Volatile.Read(ref _ends) + 1;
        for (var began = clock.GetTimestamp(); Position < told; await Task.Delay(Glance, clock, ct))
            if (Volatile.Read(ref _ends) > ends)
                return null;
            else if (clock.GetElapsedTime(began) > Patience)
                throw new LedgerUnavailableException("What another node has told has not come here yet.", null);
        lock (_lock)
            if (told >= _keptFrom)
                return [.. _recent.SkipWhile(change => change.Position <= told).Where(follower.Filter.Wants)];
        await _histories.WaitAsync(ct);
        try
        {
            return await HistoryAsync(told, follower, ct);
        }
        finally
        {
            _histories.Release();
        }
    }

    /// <inheritdoc />
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        // Streams are requests that never end by themselves, and the service waits for its requests before it stops anything else.
        lifetime.ApplicationStopping.Register(() => EndAll(Stopping));
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _states.Dispose();
        _histories.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
            try
            {
                await _wanted.Task.WaitAsync(stoppingToken);
                if (!_follows)
                    await BeginAsync(stoppingToken);
                IReadOnlyList<StoredEvent> rest = [];
                await foreach (var page in log.SubscribeAsync(Position, PageSize, stoppingToken))
                {
                    IReadOnlyList<StoredEvent> events = [.. rest, .. page.Events];
                    // The end of what is not the end of the log may be the middle of a commit.
                    var whole = page.CaughtUp || page.Events.Count == 0 ? events.Count : StartOfLastCommit(events);
                    rest = [.. events.Skip(whole)];
                    if (!await TakeAsync([.. events.Take(whole)], page, stoppingToken))
                        break;
                    _silent.IsOver("Changes are pushed again");
                }
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                _silent.Is("Nothing is pushed for now: " + e.Message);
                if (e is LogEndsBeforeException)
                {
                    EndAll("the ledger was restored to an older state");
                    lock (_lock)
                        Stop();
                }
                await Task.WhenAny(Task.Delay(Pause, clock, stoppingToken));
            }
    }

    private LogPosition Position
    {
        get
        {
            lock (_lock)
                return _position;
        }
    }

    private bool IsFollowed => _followers.Count > 0 || (_leftAt is { } at && clock.GetElapsedTime(at) < Remembrance);

    private async Task BeginAsync(CancellationToken ct)
    {
        var position = (await read.ReadAsync(ct)).Position;
        lock (_lock)
        {
            (_position, _last, _keptFrom) = (position, position, position);
            _leftAt = clock.GetTimestamp();
            _follows = true;
            _begun.SetResult();
        }
    }

    private void Stop()
    {
        _recent.Clear();
        _follows = false;
        _wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Tells what is in a page; false where nobody has followed for a while.</summary>
    private async Task<bool> TakeAsync(IReadOnlyList<StoredEvent> events, LogPage page, CancellationToken ct)
    {
        lock (_lock)
            if (!IsFollowed)
            {
                Stop();
                return false;
            }
        var changes = await ChangesAsync(events, _ => true, _states, ct);
        lock (_lock)
        {
            foreach (var change in changes)
            {
                _recent.Enqueue(change);
                _followers.Tell(change);
            }
            while (_recent.Count > MostMissed)
                _keptFrom = _recent.Dequeue().Position;
            if (events.Count > 0)
                _position = _last = events[^1].Position;
            if (page.CaughtUp)
            {
                _position = page.Position;
                _ends++;
            }
        }
        return true;
    }

    /// <summary>What was missed, from the log itself; null where it is too much.</summary>
    private async Task<IReadOnlyList<Change>?> HistoryAsync(LogPosition told, Follower follower, CancellationToken ct)
    {
        var changes = new List<Change>();
        using var states = new MemoryCache(new MemoryCacheOptions());
        for (var (at, events) = (told, 0); at < follower.From; )
        {
            var page = await log.ReadAllAsync(at, PageSize, ct);
            if (page.Count == 0)
                break;
            if (page.Count == PageSize && StartOfLastCommit(page) is > 0 and var whole)
                page = [.. page.Take(whole)];
            events += page.Count;
            if (events > MostMissed)
                return null;
            changes.AddRange(await ChangesAsync(page, follower.Filter.Wants, states, ct));
            at = page[^1].Position;
        }
        return [.. changes.Where(follower.Filter.Wants)];
    }

    /// <summary>
    /// The changes of a page: one for each change of the status, and one at the end of each commit, which shows what else it changed.
    /// </summary>
    private async Task<IReadOnlyList<Change>> ChangesAsync(
        IReadOnlyList<StoredEvent> events,
        Predicate<string> wanted,
        MemoryCache states,
        CancellationToken ct
    )
    {
        var before = new ConcurrentDictionary<string, Agent>(StringComparer.Ordinal);
        var firsts = events
            .Select(e => (AgentId: StreamNames.AgentId(e.Record.Stream), e.Record.Version))
            .Where(e => e.AgentId is not null && wanted(e.AgentId))
            .DistinctBy(e => e.AgentId);
        // At once, for one after another would be slow where very many are lost at a time.
        await Parallel.ForEachAsync(
            firsts,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
            async (first, token) =>
                before[first.AgentId!] =
                    states.TryGetValue(first.AgentId!, out Agent? known) && known!.Version == first.Version - 1
                        ? known
                        : await agents.AtAsync(first.AgentId!, first.Version - 1, token)
        );

        var changes = new List<Change>();
        Agent? told = null;
        for (var n = 0; n < events.Count; n++)
        {
            var record = events[n].Record;
            if (StreamNames.AgentId(record.Stream) is not { } agentId || !before.TryGetValue(agentId, out var agent))
                continue;
            var e = (AgentEvent)WireNames.Read(record);
            var after = agent.Evolve(e);
            before[agentId] = after;
            states.Set(agentId, after, new MemoryCacheEntryOptions { Size = 1 });
            told ??= agent;
            if (e is not PresenceChanged && n + 1 < events.Count && IsSameCommit(record, events[n + 1].Record))
                continue;
            changes.Add(new Change(told, after, events[n], configuration.Current));
            told = null;
        }
        return changes;
    }

    private static int StartOfLastCommit(IReadOnlyList<StoredEvent> events)
    {
        var start = events.Count - 1;
        while (start > 0 && IsSameCommit(events[start - 1].Record, events[start].Record))
            start--;
        return start;
    }

    private static bool IsSameCommit(EventRecord one, EventRecord next) =>
        next.Stream == one.Stream
        && LedgerJson.Read<EventMetadata>(next.Metadata).CausationId == LedgerJson.Read<EventMetadata>(one.Metadata).CausationId;

    private void EndAll(string why)
    {
        lock (_lock)
            _followers.End(why);
    }

    private void Leave(Follower follower)
    {
        lock (_lock)
        {
            _followers.Remove(follower);
            _leftAt = clock.GetTimestamp();
        }
    }
}
