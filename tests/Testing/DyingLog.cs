using PresenceLedger.Ledger;

namespace PresenceLedger.Testing;

/// <summary>The log of a service that dies after some appends: what it was going to append then never comes.</summary>
public sealed class DyingLog(ILog log, int appends) : ILog
{
    private int _left = appends;

    public string Store => log.Store;

    public string Name => log.Name;

    public bool SpansStreams => log.SpansStreams;

    public Task NextAppend => log.NextAppend;

    public Task<AppendResult> AppendAsync(Commit commit) =>
        Interlocked.Decrement(ref _left) >= 0
            ? log.AppendAsync(commit)
            : throw new LedgerUnavailableException("The service died here.", null, outcomeUnknown: true);

    public Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        log.ReadStreamAsync(stream, fromVersion, count, ct);

    public Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        log.ReadStreamBackwardsAsync(stream, fromVersion, count, ct);

    public Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct) =>
        log.ReadAllAsync(after, count, ct);

    public IAsyncEnumerable<LogPage> SubscribeAsync(LogPosition after, int pageSize, CancellationToken ct) =>
        log.SubscribeAsync(after, pageSize, ct);

    public Task<RecordedAnswer?> FindAnswerAsync(string key, CancellationToken ct) => log.FindAnswerAsync(key, ct);
}
