using PresenceLedger.Ledger;

namespace PresenceLedger.Testing;

/// <summary>A log before another one, to which it passes everything on that a test does not change.</summary>
public abstract class PassingLog(ILog log) : ILog
{
    /// <summary>The log behind it.</summary>
    public ILog Inner { get; set; } = log;

    public string Store => Inner.Store;

    public string Name => Inner.Name;

    public bool IsNumbered => Inner.IsNumbered;

    public bool SpansStreams => Inner.SpansStreams;

    public string? Trouble => Inner.Trouble;

    public Task NextAppend => Inner.NextAppend;

    public void MustReach(LogPosition position) => Inner.MustReach(position);

    public virtual Task<AppendResult> AppendAsync(Commit commit) => Inner.AppendAsync(commit);

    public virtual Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        Inner.ReadStreamAsync(stream, fromVersion, count, ct);

    public virtual Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(
        string stream,
        long fromVersion,
        int count,
        CancellationToken ct
    ) => Inner.ReadStreamBackwardsAsync(stream, fromVersion, count, ct);

    public virtual Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct) =>
        Inner.ReadAllAsync(after, count, ct);

    public virtual IAsyncEnumerable<LogPage> SubscribeAsync(LogPosition after, int pageSize, CancellationToken ct) =>
        Inner.SubscribeAsync(after, pageSize, ct);

    public Task<long?> CountAfterAsync(LogPosition after, int atMost, CancellationToken ct) => Inner.CountAfterAsync(after, atMost, ct);

    public Task<IReadOnlyList<string>?> StreamsAsync(string prefix, CancellationToken ct) => Inner.StreamsAsync(prefix, ct);

    public Task<RecordedAnswer?> FindAnswerAsync(string key, CancellationToken ct) => Inner.FindAnswerAsync(key, ct);
}
