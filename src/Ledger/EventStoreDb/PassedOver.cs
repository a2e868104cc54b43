namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>
/// Stretches of a shared server's log that have nothing of the ledger, so that nobody passes over the same millions of events again and again.
/// They hold for one connection to the leader: a server that was restored to an older state is connected to anew.
/// </summary>
internal sealed class PassedOver
{
    private const int MostKept = 256;

    private readonly Lock _lock = new();
    private readonly List<(LogPosition From, LogPosition To)> _stretches = [];
    private Member? _member;

    /// <summary>Where to go on from a position.</summary>
    public LogPosition Skip(Member member, LogPosition after)
    {
        lock (_lock)
            if (_member == member)
                foreach (var (from, to) in _stretches)
                    if (from <= after && after < to)
                        return to;
        return after;
    }

    /// <summary>Notes that nothing of the ledger stands after one position up to another.</summary>
    public void Note(Member member, LogPosition from, LogPosition to)
    {
        if (to <= from)
            return;
        lock (_lock)
        {
            if (_member != member)
            {
                _stretches.Clear();
                _member = member;
            }
            var known = _stretches.FindIndex(s => s.From <= from && from <= s.To);
            if (known >= 0)
                _stretches[known] = (_stretches[known].From, to > _stretches[known].To ? to : _stretches[known].To);
            else
                _stretches.Add((from, to));
            if (_stretches.Count > MostKept)
                _stretches.RemoveAt(0);
        }
    }
}
