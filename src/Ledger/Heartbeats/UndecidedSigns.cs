namespace PresenceLedger.Ledger.Heartbeats;

/// <summary>What arrived over connections and was not decided yet: whether it came before their deadlines.</summary>
internal sealed class UndecidedSigns
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ConnectionKey, List<DateTimeOffset>> _byConnection = [];
    private readonly SortedDictionary<DateTimeOffset, int> _counts = [];

    /// <summary>The oldest of all; null where there is none.</summary>
    public DateTimeOffset? Oldest
    {
        get
        {
            lock (_lock)
                return _counts.Count == 0 ? null : _counts.First().Key;
        }
    }

    public void Add(ConnectionKey key, DateTimeOffset at)
    {
        lock (_lock)
        {
            if (!_byConnection.TryGetValue(key, out var all))
                _byConnection[key] = all = [];
            all.Add(at);
            _counts[at] = _counts.GetValueOrDefault(at) + 1;
        }
    }

    public void Remove(ConnectionKey key, DateTimeOffset at)
    {
        lock (_lock)
        {
            if (!_byConnection.TryGetValue(key, out var all) || !all.Remove(at))
                return;
            if (all.Count == 0)
                _byConnection.Remove(key);
            if (--_counts[at] == 0)
                _counts.Remove(at);
        }
    }

    /// <summary>Those of one connection, oldest first.</summary>
    public DateTimeOffset[] Of(ConnectionKey key)
    {
        lock (_lock)
            return _byConnection.TryGetValue(key, out var all) ? [.. all.Order()] : [];
    }
}
