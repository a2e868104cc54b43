namespace PresenceLedger.Ledger;

/// <summary>
/// The newest events of a log that was followed to its end, in memory: what one follower of this node has read, the others need not read. Who
/// is further behind reads for itself.
/// </summary>
internal sealed class NewestEvents(ILog log, TimeProvider clock) : IDisposable
{
    private const int Most = 4_000;

    private readonly SemaphoreSlim _one = new(1);
    private readonly List<StoredEvent> _events = [];

    // Those that are kept come after the one position, and end at the other, which was the end of the log at the instant.
    private LogPosition _after;
    private LogPosition _end;
    private DateTimeOffset _asOf;

    /// <summary>The next events after a position.</summary>
    public async Task<LogPage> AfterAsync(LogPosition position, int count, CancellationToken ct)
    {
        using (await _one.EnterAsync(ct))
        {
            if (position >= _after && position < _end)
                return Kept(position, count);
            // At the end one reads for all, who wait for it.
            if (position == _end)
                return Keep(position, await log.ReadPageAsync(position, count, clock, ct));
        }

        // There may be much to read: the others go on meanwhile.
        var page = await log.ReadPageAsync(position, count, clock, ct);
        if (!page.CaughtUp)
            return page;
        using var turn = await _one.EnterAsync(ct);
        return Keep(position, page);
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private LogPage Kept(LogPosition position, int count)
    {
        var from = _events.FindIndex(e => e.Position > position);
        StoredEvent[] events = [.. _events.Skip(from).Take(count)];
        var isEnd = events[^1].Position == _end;
        return new LogPage(events, events[^1].Position, isEnd ? _asOf : null, isEnd);
    }

    private LogPage Keep(LogPosition position, LogPage page)
    {
        // Another one may have come further meanwhile.
        if (!page.CaughtUp || page.Events.Count == 0 || page.Position <= _end)
            return page;
        if (position != _end || _events.Count + page.Events.Count > Most)
        {
            _events.Clear();
            _after = position;
        }
        _events.AddRange(page.Events);
        (_end, _asOf) = (page.Position, page.AsOf!.Value);
        return page;
    }
}
