using System.Globalization;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>
/// A server, or a cluster, that speaks EventStoreDB's protocol, in this process: for tests of what the ledger's client makes of it.
/// The answers are the real server's, of version 24.10, in all that the ledger uses: expected revisions and repeated appends, limits,
/// errors with their details, places in $all, checkpoints, and when a subscription has caught up.
/// <para>
/// What it is not: it has no disk and keeps nothing; its nodes share one store, so a follower is never behind and nothing is ever
/// lost at an election; nobody is elected but by <see cref="Elect" />; there are no access lists, no users but one, no soft deletion,
/// no links, no stream metadata (a stream of that name is like any other), no scavenging, no persistent subscriptions and none to one
/// stream, no projections and no HTTP but gRPC. It buffers without bounds, so a slow subscriber never falls behind by itself; and an
/// append of a batch that is never finished is never timed out. Others' events in masses are alike, and no stream of theirs can be read. A follower whose leader is gone answers that forwarding timed out at
/// once, where the real one waits. It says nothing about speed.
/// </para>
/// </summary>
public sealed class FakeEventStore : IAsyncDisposable
{
    private readonly FakeNode[] _nodes;
    private volatile FakeNode _leading;
    private int _reads;
    private int _appends;
    private int _subscriptions;
    private long _lookedAt;
    private uint? _checkpointInterval;

    private FakeEventStore(int nodes, bool tls, string? user, string? password)
    {
        Credentials = user is null ? null : $"{user}:{password}";
        Authority = tls ? Authority.Create() : null;
        _nodes = [.. Enumerable.Range(0, nodes).Select(_ => new FakeNode(this))];
        _leading = _nodes[0];
        var login = user is null ? "" : $"{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password ?? "")}@";
        var hosts = string.Join(',', _nodes.Select(n => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{n.Address.Port}")));
        ConnectionString = $"esdb://{login}{hosts}?{(tls ? $"tls=true&tlsCaFile={CertificateAuthorityFile}" : "tls=false")}";
    }

    /// <summary>Names all nodes, with the credentials and the authority's file where there are any.</summary>
    public string ConnectionString { get; }

    public string? CertificateAuthorityFile => Authority?.File;

    /// <summary>What is to go wrong.</summary>
    public Faults Faults { get; } = new();

    /// <summary>The number of the node that leads.</summary>
    public int Leader => Array.IndexOf(_nodes, _leading);

    /// <summary>How many events there are, the server's own not counted.</summary>
    public int Count => Store.Count;

    /// <summary>Requests to read that came in.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>Appends that came in, each one of a batch counted.</summary>
    public int Appends => Volatile.Read(ref _appends);

    /// <summary>Subscriptions that began.</summary>
    public int Subscriptions => Volatile.Read(ref _subscriptions);

    /// <summary>Whether the server takes appends in batches, and says so.</summary>
    public bool SupportsBatchAppend { get; set; } = true;

    public string Version { get; set; } = "24.10.0";

    /// <summary>How many bytes one append may have.</summary>
    public uint MaxAppendSize { get; set; } = 1_048_576;

    /// <summary>
    /// How many events a filtered subscription looks at between checkpoints, times the multiplier that it asked for. The real server
    /// takes the window of the request where it names one; so does this one until this is set.
    /// </summary>
    public uint CheckpointInterval
    {
        get => _checkpointInterval ?? FakeSubscription.PageSize;
        set => _checkpointInterval = value;
    }

    internal FakeStore Store { get; } = new();

    internal Authority? Authority { get; }

    internal string? Credentials { get; }

    internal IReadOnlyList<FakeNode> Nodes => _nodes;

    internal FakeNode LeadingNode => _leading;

    /// <summary>Starts a server, or a cluster whose first node leads, on free ports of this machine.</summary>
    public static async Task<FakeEventStore> StartAsync(int nodes = 1, bool tls = false, string? user = null, string? password = null)
    {
        var store = new FakeEventStore(nodes, tls, user, password);
        try
        {
            foreach (var node in store._nodes)
                await node.StartAsync();
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
        return store;
    }

    public Uri Address(int node) => _nodes[node].Address;

    /// <summary>From now on another node leads.</summary>
    public void Elect(int node) => _leading = _nodes[node];

    /// <summary>A node stops listening and its connections break. It leads on, if it did, until another is elected.</summary>
    public Task KillAsync(int node) => _nodes[node].KillAsync();

    /// <summary>A node ends, if it has not yet, and starts on the port that it had. A leader forgets what a restart forgets.</summary>
    public async Task RestartAsync(int node)
    {
        await _nodes[node].KillAsync();
        _nodes[node].Gate.Open();
        if (_nodes[node].Leads)
            ForgetRecent();
        await _nodes[node].StartAsync();
    }

    /// <summary>A node stands still: it takes connections and requests and answers nothing, until it is thawed.</summary>
    public void Freeze(int node) => _nodes[node].Gate.Shut();

    /// <summary>A node that stood still goes on, beginning with what came in meanwhile.</summary>
    public void Thaw(int node) => _nodes[node].Gate.Open();

    public int CountOf(string stream) => Store.Stream(stream)?.Count ?? 0;

    public IReadOnlyList<Guid> EventIds(string stream) => [.. Store.Stream(stream)?.Select(e => e.Event.Id) ?? []];

    /// <summary>
    /// The server is restored to an older state: it has only the first events, its own in between not counted; with none it is
    /// wholly empty. Subscriptions end.
    /// </summary>
    public void Truncate(int count) => Store.Truncate(count);

    /// <summary>How many events the server looks at in a second while it passes over what a filter does not want; null for no limit.</summary>
    public int? LooksAtPerSecond { get; set; }

    /// <summary>Somebody else, who shares the server, has written so many events, millions if need be.</summary>
    public void AddForeign(int count) => Store.AddForeign("foreign-1", count);

    /// <summary>Deletes a stream for good.</summary>
    public void Tombstone(string stream) => Store.Tombstone(stream);

    /// <summary>The server forgets by which ids it knows repeated appends that name no exact revision, as at a restart.</summary>
    public void ForgetRecent() => Store.ForgetRecent();

    /// <summary>All subscriptions that are live are told that they fell behind, and catch up. The real server says it from 25.1 on.</summary>
    public void FallBehind() => Store.FallBehind();

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        Authority?.Dispose();
    }

    internal uint Window(uint? asked) => Math.Max(1, _checkpointInterval ?? asked ?? CheckpointInterval);

    /// <summary>How many events the server has looked at in all, for reads and subscriptions of $all.</summary>
    public long LookedAt => Interlocked.Read(ref _lookedAt);

    internal TimeSpan Looking(int events)
    {
        Interlocked.Add(ref _lookedAt, events);
        return LooksAtPerSecond is { } rate ? TimeSpan.FromSeconds((double)events / rate) : TimeSpan.Zero;
    }

    internal void CountRead() => Interlocked.Increment(ref _reads);

    internal void CountAppend() => Interlocked.Increment(ref _appends);

    internal void CountSubscription() => Interlocked.Increment(ref _subscriptions);
}
