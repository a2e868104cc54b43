using System.Threading.Channels;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Ledger;

namespace PresenceLedger.Api.Live;

/// <summary>What somebody wants to follow.</summary>
/// <param name="Agents">These agents; null for all.</param>
/// <param name="Queue">Agents who work in this queue; null for any.</param>
internal sealed record Filter(IReadOnlySet<string>? Agents, string? Queue)
{
    /// <summary>Whether an agent is of those that are wanted, whatever its queues.</summary>
    public bool Wants(string agentId) => Agents?.Contains(agentId) != false;

    /// <summary>Whether a change is wanted. An agent who leaves the queue is told of, too.</summary>
    public bool Wants(Change change) => Wants(change.AgentId) && (Queue is null || change.Queues.Contains(Queue));
}

/// <summary>Somebody who follows, with what waits to be sent to them: bounded, so that one who reads slowly is dropped alone.</summary>
internal sealed class Follower : IDisposable
{
    /// <summary>How many changes may wait.</summary>
    public const int Capacity = 2_000;

    private readonly Action<Follower> _leave;
    private readonly Channel<Change?> _waiting = Channel.CreateBounded<Change?>(Capacity);
    private readonly CancellationTokenSource _ended = new();
    private readonly ITimer _heartbeat;

    /// <summary>Begins to follow.</summary>
    /// <param name="filter">What it wants.</param>
    /// <param name="from">Everything after this place comes.</param>
    /// <param name="clock">The time.</param>
    /// <param name="heartbeatInterval">How long until the next heartbeat: the policy may change while somebody follows.</param>
    /// <param name="leave">Told when it goes.</param>
    internal Follower(Filter filter, LogPosition from, TimeProvider clock, Func<TimeSpan> heartbeatInterval, Action<Follower> leave)
    {
        Filter = filter;
        From = from;
        _leave = leave;
        _heartbeat = clock.CreateTimer(_ => SendHeartbeat(heartbeatInterval()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Rest(heartbeatInterval());
    }

    /// <summary>What it wants.</summary>
    public Filter Filter { get; }

    /// <summary>Everything after this place comes.</summary>
    public LogPosition From { get; }

    /// <summary>What waits to be sent, null for a heartbeat, regular whatever else there is; it ends where the follower was dropped.</summary>
    public ChannelReader<Change?> Waiting => _waiting.Reader;

    /// <summary>Why it was dropped; null while it is not.</summary>
    public string? Dropped { get; private set; }

    /// <summary>Cancelled when it is dropped.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <inheritdoc />
    public void Dispose()
    {
        _leave(this);
        _heartbeat.Dispose();
    }

    internal void Take(Change change)
    {
        if (Dropped is null && Filter.Wants(change) && !_waiting.Writer.TryWrite(change))
        {
            Telemetry.Dropped.Add(1);
            End($"too slow: more than {Capacity} changes wait");
        }
    }

    internal void End(string why)
    {
        Dropped ??= why;
        _waiting.Writer.TryComplete();
        // On another thread: whoever is told of it may come back here to leave.
        _ = _ended.CancelAsync();
    }

    private void SendHeartbeat(TimeSpan next)
    {
        _waiting.Writer.TryWrite(null);
        Rest(next);
    }

    private void Rest(TimeSpan next) => _heartbeat.Change(next, Timeout.InfiniteTimeSpan);
}

/// <summary>Who follows, by agent where they said which: most follow one of very many.</summary>
internal sealed class Followers
{
    private readonly Dictionary<string, HashSet<Follower>> _ofAgent = new(StringComparer.Ordinal);
    private readonly HashSet<Follower> _ofAll = [];

    /// <summary>How many.</summary>
    public int Count { get; private set; }

    public void Add(Follower follower)
    {
        Count++;
        Telemetry.Followers.Add(1);
        if (follower.Filter.Agents is not { } agents)
            _ofAll.Add(follower);
        else
            foreach (var agentId in agents)
                if (_ofAgent.TryGetValue(agentId, out var followers))
                    followers.Add(follower);
                else
                    _ofAgent[agentId] = [follower];
    }

    public void Remove(Follower follower)
    {
        Count--;
        Telemetry.Followers.Add(-1);
        if (follower.Filter.Agents is not { } agents)
            _ofAll.Remove(follower);
        else
            foreach (var agentId in agents)
                if (_ofAgent[agentId] is var followers && followers.Remove(follower) && followers.Count == 0)
                    _ofAgent.Remove(agentId);
    }

    public void Tell(Change change)
    {
        foreach (var follower in _ofAll)
            follower.Take(change);
        if (_ofAgent.TryGetValue(change.AgentId, out var followers))
            foreach (var follower in followers)
                follower.Take(change);
    }

    public void End(string why)
    {
        foreach (var follower in _ofAll.Concat(_ofAgent.Values.SelectMany(followers => followers)))
            follower.End(why);
    }
}
