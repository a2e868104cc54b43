using System.Text;
using Google.Protobuf;

namespace PresenceLedger.Testing.EventStoreDb;

/// <summary>An event that somebody wants to append.</summary>
internal sealed record Proposed(Guid Id, string Type, bool IsJson, ByteString Data, ByteString Custom)
{
    /// <summary>What the limit of an append counts.</summary>
    public long Size => Data.Length + Custom.Length + 2 * Type.Length;
}

/// <summary>
/// An event of the log, from where it begins to where the next one does; or a run of events that are alike, one behind the other, so that
/// millions of others' events take no memory.
/// </summary>
internal sealed record Recorded(Proposed Event, string Stream, long Revision, long At, long End, long CreatedTicks)
{
    /// <summary>How many events it is.</summary>
    public int Times { get; init; } = 1;

    public Position Position => new(At, At);

    private long Length => (End - At) / Times;

    /// <summary>One of the events of a run.</summary>
    public Recorded Nth(int n) =>
        Times == 1 ? this : this with { Revision = Revision + n, At = At + (n * Length), End = At + ((n + 1) * Length), Times = 1 };

    /// <summary>Which event of a run begins at a place; -1 where none does.</summary>
    public int IndexOf(long at) => at >= At && at < End && (at - At) % Length == 0 ? (int)((at - At) / Length) : -1;

    public bool IsSystem => Stream.StartsWith('$') || Event.Type.StartsWith('$');
}

internal enum Verdict
{
    Success,
    WrongExpectedVersion,
    Deleted,
}

/// <summary>What became of an append: the number and the place of its last event, or the number that the stream is at.</summary>
internal sealed record Outcome(Verdict Verdict, long Revision, long At);

/// <summary>One page of $all: what was found, and where the search began and came to.</summary>
internal sealed record Page(IReadOnlyList<Recorded> Events, Position From, Position Next, bool IsEnd, int Considered);

/// <summary>What a subscription that is live has to look at next, and the task that ends when there is more.</summary>
internal sealed record News(IReadOnlyList<Recorded> Events, Task Changed, int Life, int FellBehind);

/// <summary>Where the log is: where its last event begins, how many there are, how often it was cut off, and what its subscriptions were told.</summary>
internal sealed record Mark(Position Last, int Length, int Life, int FellBehind);

/// <summary>The log in memory, with the real server's rules of expected revisions and of repeated appends.</summary>
internal sealed class FakeStore
{
    public const long NoStream = -1;
    public const long Any = -2;
    public const long StreamExists = -4;

    /// <summary>What a stream's tombstone is numbered with.</summary>
    private const long DeletedStream = long.MaxValue;

    /// <summary>The log begins with a record that is no event.</summary>
    private const long Beginning = 187;

    /// <summary>The server writes figures about itself between so many events of others.</summary>
    private const int StatisticsEvery = 20;

    private readonly Lock _lock = new();
    private readonly List<Recorded> _all = [];
    private readonly Dictionary<string, List<Recorded>> _streams = [];
    private readonly HashSet<string> _deleted = [];
    private readonly Dictionary<Guid, (string Stream, long Revision)> _recent = [];
    private readonly Queue<Guid> _recentInOrder = new();
    private long _end = Beginning;
    private int _ofOthers;
    private int _life;
    private int _fellBehind;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FakeStore()
    {
        lock (_lock)
        {
            WriteSystem("$epoch-information", "$epoch-information");
            WriteSystem("$scavenges", "$scavengeIndexInitialized");
            WriteSystem("$stats-127.0.0.1:2113", "$statsCollected");
        }
    }

    /// <summary>How many ids the cache holds by which an append without an exact revision is known again.</summary>
    public int Remembers { get; set; } = 100_000;

    public int Count
    {
        get
        {
            lock (_lock)
                return _ofOthers;
        }
    }

    private Position Last => _all.Count == 0 ? Position.None : _all[^1].Nth(_all[^1].Times - 1).Position;

    /// <summary>Where the log is.</summary>
    public Mark Now
    {
        get
        {
            lock (_lock)
                return new(Last, _all.Count, _life, _fellBehind);
        }
    }

    public IReadOnlyList<Recorded>? Stream(string stream)
    {
        lock (_lock)
            return _streams.TryGetValue(stream, out var events) ? [.. events] : null;
    }

    public bool IsDeleted(string stream)
    {
        lock (_lock)
            return _deleted.Contains(stream);
    }

    public Outcome Append(string stream, long expected, IReadOnlyList<Proposed> events)
    {
        lock (_lock)
        {
            if (_deleted.Contains(stream))
                return new(Verdict.Deleted, DeletedStream, -1);
            var written = _streams.GetValueOrDefault(stream);
            var current = (written?.Count ?? 0) - 1L;
            var known = expected is Any or StreamExists
                ? FindRecent(stream, expected, current, events)
                : FindAt(stream, expected, current, events);
            if (known is not null)
                return known;

            foreach (var e in events)
                Write(stream, ++current, e);
            if (events.Count > 0 && _ofOthers / StatisticsEvery != (_ofOthers - events.Count) / StatisticsEvery)
                WriteSystem("$stats-127.0.0.1:2113", "$statsCollected");
            var at = events.Count == 0 ? Last.Commit : _streams[stream][^1].At;
            Changed();
            return new(Verdict.Success, current, at);
        }
    }

    /// <summary>Events of $all, the one at the place given included.</summary>
    /// <returns>Nothing where the place is in the middle of an event.</returns>
    public Page? ReadForwards(Position from, int count, int window, Func<Recorded, bool> filter)
    {
        lock (_lock)
        {
            if (from.Commit > Last.Commit)
                return new([], from, from, true, 0);
            var index = IndexOf(from.Commit);
            var n = 0;
            if (from.Commit > 0 && (index == _all.Count || _all[index].At != from.Commit))
            {
                if (index == 0 || (n = _all[--index].IndexOf(from.Commit)) < 0)
                    return null;
            }

            var events = new List<Recorded>();
            var next = from;
            var considered = 0;
            while (events.Count < count && considered < window)
            {
                if (index == _all.Count)
                    return new(events, from, next, true, considered);
                var entry = _all[index];
                var e = entry.Nth(n);
                var isFound = filter(e);
                // Of a run either all are looked for or none.
                var passed = isFound || entry.Times == 1 ? 1 : Math.Min(entry.Times - n, window - considered);
                if (e.Position >= from)
                {
                    considered += passed;
                    if (isFound)
                        events.Add(e);
                    next = new(entry.Nth(n + passed - 1).End, 0);
                }
                n += passed;
                if (n == entry.Times)
                    (index, n) = (index + 1, 0);
            }
            return new(events, from, next, false, considered);
        }
    }

    /// <summary>Events of $all that end at the place given, or at the end of the log, or before it; the last one first.</summary>
    /// <returns>Nothing where the place is none of the log.</returns>
    public IReadOnlyList<Recorded>? ReadBackwards(Position? from, ulong count, Func<Recorded, bool> filter)
    {
        lock (_lock)
        {
            var start = from ?? new Position(_end, _end);
            if (start.Commit > _end)
                return null;
            var index = start.Commit == _end ? _all.Count : IndexOf(start.Commit);
            if (start.Commit > 0 && index < _all.Count && _all[index].At != start.Commit)
                return null;

            var events = new List<Recorded>();
            while (--index >= 0 && (ulong)events.Count < count)
                if (new Position(_all[index].End, _all[index].End) <= start && filter(_all[index]))
                    for (var n = _all[index].Times; n > 0 && (ulong)events.Count < count; n--)
                        events.Add(_all[index].Nth(n - 1));
            return events;
        }
    }

    /// <summary>What follows after so many events of $all.</summary>
    public News Since(int index)
    {
        lock (_lock)
            return new(
                index < _all.Count ? _all.GetRange(index, Math.Min(256, _all.Count - index)) : [],
                _changed.Task,
                _life,
                _fellBehind
            );
    }

    /// <summary>Somebody else, who shares the server, has written so many events that are alike; a stream of theirs cannot be read.</summary>
    public void AddForeign(string stream, int count)
    {
        lock (_lock)
        {
            var first = Add(stream, 0, new(Guid.CreateVersion7(), "foreign", true, ByteString.CopyFromUtf8("{}"), ByteString.Empty));
            _end = first.At + (count * (first.End - first.At));
            _all[^1] = first with { End = _end, Times = count };
            Changed();
        }
    }

    public void Truncate(int count)
    {
        lock (_lock)
        {
            var keep = 0;
            for (var others = 0; others < count && keep < _all.Count; keep++)
                if (!_all[keep].IsSystem && _all[keep].Times == 1)
                    others++;
            var gone = _all.GetRange(keep, _all.Count - keep);
            _all.RemoveRange(keep, gone.Count);
            _end = keep == 0 ? Beginning : _all[^1].End;
            foreach (var stream in gone.Select(e => e.Stream).Distinct())
                if (_streams.TryGetValue(stream, out var events) && events.RemoveAll(e => e.At >= _end) > 0 && events.Count == 0)
                    _streams.Remove(stream);
            _deleted.ExceptWith(gone.Where(e => e.Revision == DeletedStream).Select(e => e.Stream));
            _ofOthers -= gone.Count(e => !e.IsSystem && e.Times == 1);
            ForgetRecent();
            _life++;
            Changed();
        }
    }

    public void Tombstone(string stream)
    {
        lock (_lock)
        {
            if (!_deleted.Add(stream))
                return;
            Add(stream, DeletedStream, new(Guid.CreateVersion7(), "$streamDeleted", false, ByteString.Empty, ByteString.Empty));
            Changed();
        }
    }

    public void ForgetRecent()
    {
        lock (_lock)
        {
            _recent.Clear();
            _recentInOrder.Clear();
        }
    }

    public void FallBehind()
    {
        lock (_lock)
        {
            _fellBehind++;
            Changed();
        }
    }

    /// <summary>Whether an append at an exact revision is to be written (nothing), was, or is not to be.</summary>
    private Outcome? FindAt(string stream, long expected, long current, IReadOnlyList<Proposed> events)
    {
        if (expected == current)
            return null;
        var wrong = new Outcome(Verdict.WrongExpectedVersion, current, -1);
        if (expected > current || events.Count == 0)
            return wrong;
        var written = _streams[stream];
        var revision = expected;
        foreach (var e in events)
            // Bodies are not compared.
            if (++revision > current || written[(int)revision].Event.Id != e.Id)
                return wrong;
        return new(Verdict.Success, revision, written[(int)revision].At);
    }

    /// <summary>The same for an append at any revision: only the cache knows.</summary>
    private Outcome? FindRecent(string stream, long expected, long current, IReadOnlyList<Proposed> events)
    {
        if (expected == StreamExists && current < 0)
            return new(Verdict.WrongExpectedVersion, current, -1);
        var revision = -1L;
        for (var n = 0; n < events.Count; n++)
        {
            if (!_recent.TryGetValue(events[n].Id, out var recent) || recent.Stream != stream)
                return n == 0 ? null : new(Verdict.WrongExpectedVersion, current, -1);
            revision = recent.Revision;
        }
        return events.Count == 0 ? null : new(Verdict.Success, revision, _streams[stream][(int)revision].At);
    }

    private void Write(string stream, long revision, Proposed e)
    {
        var recorded = Add(stream, revision, e);
        if (!_streams.TryGetValue(stream, out var events))
            _streams[stream] = events = [];
        events.Add(recorded);
        if (!recorded.IsSystem)
            _ofOthers++;
        _recent[e.Id] = (stream, revision);
        _recentInOrder.Enqueue(e.Id);
        while (_recentInOrder.Count > Remembers)
            _recent.Remove(_recentInOrder.Dequeue());
    }

    private void WriteSystem(string stream, string type) =>
        Write(
            stream,
            _streams.GetValueOrDefault(stream)?.Count ?? 0,
            new(Guid.CreateVersion7(), type, true, ByteString.CopyFromUtf8("{\"es-queue-length\":0}"), ByteString.Empty)
        );

    private Recorded Add(string stream, long revision, Proposed e)
    {
        var size = 100 + Encoding.UTF8.GetByteCount(stream) + Encoding.UTF8.GetByteCount(e.Type) + e.Data.Length + e.Custom.Length;
        var recorded = new Recorded(e, stream, revision, _end, _end + size, (DateTime.UtcNow - DateTime.UnixEpoch).Ticks);
        _all.Add(recorded);
        _end += size;
        return recorded;
    }

    /// <summary>The first event that begins at a place or after it.</summary>
    private int IndexOf(long at)
    {
        var (low, high) = (0, _all.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_all[middle].At < at)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    private void Changed() => Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
