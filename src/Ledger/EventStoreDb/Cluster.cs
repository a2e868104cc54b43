using Microsoft.Extensions.Logging;
using PresenceLedger.Ledger.EventStoreDb.Wire;
using State = PresenceLedger.Ledger.EventStoreDb.Wire.MemberInfo.Types.VNodeState;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>
/// The cluster: finds the leader by gossip, keeps one connection to it for everybody, and looks for it again once that failed.
/// What a node says of the leader is not believed before the leader itself has answered: it may be dead, or frozen.
/// </summary>
internal sealed class Cluster(EventStoreDbSettings settings, TimeProvider clock, ILogger logger) : IDisposable
{
    // While nobody leads, everything is tried again many times a second.
    private readonly Sparingly _sparingly = new(clock);
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<NodeAddress> _known = [.. settings.Nodes];
    private Task<Member>? _leader;
    private NodeAddress? _connected;

    /// <summary>The connection to the leader; made where there is none.</summary>
    /// <exception cref="StoreException">There is none to be had for now.</exception>
    public async Task<Member> LeaderAsync(CancellationToken ct)
    {
        Task<Member> leader;
        lock (_lock)
            leader = _leader ??= Task.Run(() => FindLeaderAsync(named: null));
        try
        {
            return await leader.WaitAsync(ct);
        }
        catch (StoreException)
        {
            Forget(leader);
            throw;
        }
    }

    /// <summary>A connection of its own to the kind of node that is preferred for reading; the caller closes it.</summary>
    public async Task<Member> ReaderAsync(CancellationToken ct)
    {
        var address = settings.Preference is NodePreference.Leader ? null : await PreferredAsync(ct);
        return await ConnectAsync(address ?? (await LeaderAsync(ct)).Address, ct);
    }

    /// <summary>Closes a connection on which something went wrong, so that the leader is looked for again.</summary>
    /// <param name="member">The connection.</param>
    /// <param name="why">What went wrong; it may say who leads instead.</param>
    public void Close(Member member, StoreException why)
    {
        lock (_lock)
            if (_leader is { IsCompletedSuccessfully: true } current && current.Result == member)
            {
                logger.Log(
                    _sparingly.Says(why.Message) ? LogLevel.Warning : LogLevel.Debug,
                    "The connection to EventStoreDB is made anew, and calls are tried again: {Error}",
                    why.Message
                );
                _leader = _stopping.IsCancellationRequested ? null : Task.Run(() => FindLeaderAsync(why.Leader));
            }
        member.Dispose();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Task<Member>? leader;
        lock (_lock)
        {
            if (_stopping.IsCancellationRequested)
                return;
            _stopping.Cancel();
            leader = _leader;
            _leader = null;
        }
        if (leader is { IsCompletedSuccessfully: true })
            leader.Result.Dispose();
        _stopping.Dispose();
    }

    private void Forget(Task<Member> failed)
    {
        lock (_lock)
            if (_leader == failed)
                _leader = null;
    }

    /// <summary>One round: whom the hint names, else whom the members name; who answers is taken.</summary>
    private async Task<Member> FindLeaderAsync(NodeAddress? named)
    {
        var ct = _stopping.Token;
        if (named is not null)
            try
            {
                return await ConnectAsync(named, ct);
            }
            catch (StoreException e)
            {
                logger.Log(
                    _sparingly.Says($"named {named}: {e.Message}") ? LogLevel.Information : LogLevel.Debug,
                    "The leader that was named, {Node}, does not answer: {Error}",
                    named,
                    e.Message
                );
            }
        if (!settings.Discover)
            return await ConnectAsync(settings.Nodes[0], ct);

        var troubles = new List<string>();
        var tried = new HashSet<NodeAddress>();
        await foreach (var asked in AskAll(ct))
        {
            try
            {
                foreach (var leader in (await asked).Where(m => m is { IsAlive: true, State: State.Leader }).Select(AddressOf))
                    if (tried.Add(leader))
                        return await ConnectAsync(leader, ct);
            }
            catch (StoreException e) when (e.Transient)
            {
                troubles.Add(e.Message);
            }
        }
        throw StoreException.NoLeader(
            tried.Count == 0 && troubles.Count == 0
                ? "no node of the cluster leads for now"
                : "no leader answers: " + string.Join("; ", troubles.Distinct(StringComparer.Ordinal))
        );
    }

    private async Task<NodeAddress?> PreferredAsync(CancellationToken ct)
    {
        await foreach (var asked in AskAll(ct))
            try
            {
                var able = (await asked).Where(m => m.IsAlive && Suits(m.State)).Select(AddressOf).ToArray();
                if (able.Length > 0)
                    return able[Random.Shared.Next(able.Length)];
            }
            catch (StoreException e)
            {
                logger.LogDebug("A node does not say who is in the cluster: {Error}", e.Message);
            }
        return null;
    }

    private bool Suits(State state) =>
        settings.Preference switch
        {
            NodePreference.Follower => state is State.Follower,
            NodePreference.ReadOnlyReplica => state is State.ReadOnlyReplica,
            _ => state is State.Leader or State.Follower or State.ReadOnlyReplica,
        };

    /// <summary>What each member says of the cluster, as they answer.</summary>
    private IAsyncEnumerable<Task<IReadOnlyList<MemberInfo>>> AskAll(CancellationToken ct)
    {
        NodeAddress[] nodes;
        lock (_lock)
            nodes = [.. _known];
        return Task.WhenEach(nodes.Select(node => AskAsync(node, ct)));
    }

    private async Task<IReadOnlyList<MemberInfo>> AskAsync(NodeAddress node, CancellationToken ct)
    {
        using var member = new Member(node, settings);
        var members = await member.GossipAsync(ct);
        lock (_lock)
            foreach (var m in members.Where(m => m.HttpEndPoint is { Address.Length: > 0 }))
                _known.Add(AddressOf(m));
        return members;
    }

    private async Task<Member> ConnectAsync(NodeAddress node, CancellationToken ct)
    {
        var member = new Member(node, settings);
        try
        {
            await member.GreetAsync(ct);
            var first = Interlocked.Exchange(ref _connected, node) != node;
            logger.Log(
                first && _sparingly.Says($"connected {node}") ? LogLevel.Information : LogLevel.Debug,
                "Connected to EventStoreDB {Version} at {Node}",
                member.Version,
                node
            );
            return member;
        }
        catch
        {
            member.Dispose();
            throw;
        }
    }

    private static NodeAddress AddressOf(MemberInfo member) => new(member.HttpEndPoint.Address, (int)member.HttpEndPoint.Port);
}
