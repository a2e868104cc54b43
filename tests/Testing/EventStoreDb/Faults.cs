namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>What is to go wrong with a request.</summary>
public enum Fault
{
    None,

    /// <summary>The answer of a node that does not lead: it names the one that does.</summary>
    NotLeader,

    /// <summary>The answer of a node that does not know who leads.</summary>
    NoLeaderInfo,

    /// <summary>The answer of a server that is starting or stopping.</summary>
    NotReady,

    /// <summary>The connection breaks, and nothing was done.</summary>
    CutBefore,

    /// <summary>It is done, and the connection breaks before the answer.</summary>
    CutAfter,

    /// <summary>The connection breaks after about half of the events; an append is as with <see cref="CutAfter" />.</summary>
    CutMidAnswer,

    /// <summary>Nothing is done, and no answer ever comes.</summary>
    TimeOut,

    /// <summary>It is done, and no answer ever comes.</summary>
    TimeOutAfter,

    /// <summary>It is done, and answered after <see cref="Faults.DelayBy" />.</summary>
    Delay,

    /// <summary>One append of a batch is answered twice; any other request once.</summary>
    DuplicateAnswer,
    Unknown,
    Internal,
    Unavailable,

    /// <summary>The server's own time limit has passed; here nothing was done.</summary>
    Aborted,
}

/// <summary>
/// What goes wrong, by kind of request: "append" (one append, by itself or within a batch), "read", "subscribe", "gossip",
/// "features". Faults that were asked for one by one come first, in the order asked for.
/// </summary>
public sealed class Faults
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<Fault>> _next = [];
    private readonly Dictionary<string, Chance> _chances = [];

    /// <summary>How long <see cref="Fault.Delay" /> holds an answer back.</summary>
    public TimeSpan DelayBy { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How many requests something went wrong with.</summary>
    public int Injected { get; private set; }

    /// <summary>The next requests of a kind, on any node, meet a fault; with <see cref="Fault.None" /> they are let pass.</summary>
    public void Next(string method, Fault fault, int times = 1)
    {
        Check(method);
        lock (_lock)
        {
            if (!_next.TryGetValue(method, out var queue))
                _next[method] = queue = new();
            for (var n = 0; n < times; n++)
                queue.Enqueue(fault);
        }
    }

    /// <summary>Each request of a kind meets one of the faults with a probability; the seed tells which ones do.</summary>
    public void Randomly(string method, double rate, int seed, params Fault[] faults)
    {
        Check(method);
        ArgumentOutOfRangeException.ThrowIfZero(faults.Length);
        lock (_lock)
            _chances[method] = new Chance(rate, new Random(seed), faults);
    }

    /// <summary>Nothing goes wrong any more. A request that is never answered stays so.</summary>
    public void None()
    {
        lock (_lock)
        {
            _next.Clear();
            _chances.Clear();
        }
    }

    internal Fault Take(string method)
    {
        lock (_lock)
        {
            var fault =
                _next.TryGetValue(method, out var queue) && queue.TryDequeue(out var next) ? next
                : _chances.TryGetValue(method, out var chance) ? chance.Draw()
                : Fault.None;
            if (fault != Fault.None)
                Injected++;
            return fault;
        }
    }

    private static void Check(string method)
    {
        if (method is not ("append" or "read" or "subscribe" or "gossip" or "features"))
            throw new ArgumentException($"There are no requests of the kind '{method}'.", nameof(method));
    }

    private sealed record Chance(double Rate, Random Random, Fault[] Faults)
    {
        // Not for secrets: the same seed is to give the same faults.
#pragma warning disable CA5394
        public Fault Draw() => Random.NextDouble() < Rate ? Faults[Random.Next(Faults.Length)] : Fault.None;
#pragma warning restore CA5394
    }
}
