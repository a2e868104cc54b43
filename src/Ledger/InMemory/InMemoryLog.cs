namespace PresenceLedger.Ledger.InMemory;

/// <summary>The log in memory, under the same contract: for scenarios and tests. It ends with its process.</summary>
/// <param name="clock">Tells when a remembered answer is too old; without one it is kept for good.</param>
public sealed class InMemoryLog(TimeProvider? clock = null) : ILog
{
    private readonly Lock _lock = new();
    private readonly List<StoredEvent> _all = [];
    private readonly Dictionary<string, List<StoredEvent>> _streams = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RecordedAnswer> _answers = new(StringComparer.Ordinal);
    private readonly Wake _appended = new();

    /// <summary>How many events there are.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _all.Count;
        }
    }

    /// <inheritdoc />
    public string Store => "InMemory";

    /// <inheritdoc />
    public bool SpansStreams => true;

    /// <inheritdoc />
    public bool IsNumbered => true;

    /// <inheritdoc />
    public IAsyncEnumerable<LogPage> SubscribeAsync(LogPosition after, int pageSize, CancellationToken ct)
    {
        var time = clock ?? TimeProvider.System;
        return this.FollowAsync(after, at => this.ReadPageAsync(at, pageSize, time, ct), time, ct);
    }

    /// <inheritdoc />
    public Task<AppendResult> AppendAsync(Commit commit)
    {
        lock (_lock)
        {
            if (commit.Streams.Any(s => Version(s.Stream) != s.ExpectedVersion))
                return Task.FromResult(
                    commit.Streams.All(IsThereAlready)
                        ? new AppendResult(AppendVerdict.Appended, commit.Streams.Max(EndOf))
                        : new AppendResult(AppendVerdict.Conflict, LogPosition.Start)
                );
            if (commit.Answer is { } answer)
            {
                if (_answers.TryGetValue(answer.Key, out var known) && known.RecordedAt >= answer.RecordedAt - RecordedAnswer.Kept)
                    return Task.FromResult(new AppendResult(AppendVerdict.KeyTaken, LogPosition.Start));
                _answers[answer.Key] = answer;
            }
            foreach (var e in commit.Events)
            {
                if (!_streams.TryGetValue(e.Stream, out var events))
                    _streams[e.Stream] = events = [];
                var stored = new StoredEvent(e, new LogPosition(_all.Count + 1));
                events.Add(stored);
                _all.Add(stored);
            }
            _appended.Give();
            return Task.FromResult(new AppendResult(AppendVerdict.Appended, new LogPosition(_all.Count)));
        }
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        Read(stream, events => events.Where(e => e.Record.Version >= fromVersion).Take(count), ct);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        Read(stream, events => events.Where(e => e.Record.Version <= fromVersion).Reverse().Take(count), ct);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (_lock)
            return Task.FromResult<IReadOnlyList<StoredEvent>>([.. _all.Skip((int)after.Number).Take(count)]);
    }

    /// <inheritdoc />
    public Task NextAppend => _appended.Next;

    /// <inheritdoc />
    public Task<RecordedAnswer?> FindAnswerAsync(string key, CancellationToken ct)
    {
        lock (_lock)
            return Task.FromResult(
                _answers.TryGetValue(key, out var answer) && !(clock?.Now() - RecordedAnswer.Kept > answer.RecordedAt) ? answer : null
            );
    }

    private Task<IReadOnlyList<StoredEvent>> Read(
        string stream,
        Func<List<StoredEvent>, IEnumerable<StoredEvent>> pick,
        CancellationToken ct
    )
    {
        ct.ThrowIfCancellationRequested();
        lock (_lock)
            return Task.FromResult<IReadOnlyList<StoredEvent>>(_streams.TryGetValue(stream, out var events) ? [.. pick(events)] : []);
    }

    private long Version(string stream) => _streams.TryGetValue(stream, out var events) ? events.Count - 1 : -1;

    private bool IsThereAlready(StreamAppend append) =>
        _streams.TryGetValue(append.Stream, out var events)
        && append.Events.All(e => e.Version < events.Count && events[(int)e.Version].Record.EventId == e.EventId);

    private LogPosition EndOf(StreamAppend append) => _streams[append.Stream][(int)append.Events[^1].Version].Position;
}
