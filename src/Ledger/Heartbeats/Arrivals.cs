namespace PresenceLedger.Ledger.Heartbeats;

/// <summary>
/// Requests that have arrived here and are still under way. What decides over a connection is the instant at which something
/// arrived, however late it is processed (CON-1); so nobody may be told that this node has heard everything up to an instant
/// while a request from before is still on its way.
/// </summary>
public sealed class Arrivals(TimeProvider clock)
{
    /// <summary>A request that is under way for longer holds nothing back: it may wait for its body, or for the database.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly LinkedList<DateTimeOffset> _underWay = new();

    /// <summary>A request arrives now; it is under way until the arrival is disposed.</summary>
    public Arrival Begin()
    {
        lock (_lock)
            return new Arrival(this, _underWay.AddLast(clock.Now()));
    }

    /// <summary>Now, or the arrival of the oldest request under way, where that is earlier.</summary>
    public DateTimeOffset AllBefore()
    {
        lock (_lock)
        {
            var now = clock.Now();
            return _underWay.First?.Value is not { } oldest || oldest > now ? now
                : oldest > now - Patience ? oldest
                : now - Patience;
        }
    }

    /// <summary>An arrival.</summary>
    public sealed class Arrival : IDisposable
    {
        private readonly Arrivals _arrivals;
        private readonly LinkedListNode<DateTimeOffset> _node;

        internal Arrival(Arrivals arrivals, LinkedListNode<DateTimeOffset> node) => (_arrivals, _node) = (arrivals, node);

        /// <summary>When it arrived, by the ledger's clock.</summary>
        public DateTimeOffset At => _node.Value;

        /// <inheritdoc />
        public void Dispose()
        {
            lock (_arrivals._lock)
                if (_node.List is not null)
                    _arrivals._underWay.Remove(_node);
        }
    }
}
