using System.Runtime.CompilerServices;
using PresenceLedger.Ledger;

namespace PresenceLedger.Projections.Tests;

/// <summary>A log whose pages are small, and that does something before it gives one of them.</summary>
internal sealed class PagedLog(ILog log, int mostEvents, Func<LogPage, Task> before) : ILog
{
    public string Store => log.Store;

    public string Name => log.Name;

    public bool SpansStreams => log.SpansStreams;

    public Task NextAppend => log.NextAppend;

    public Task<AppendResult> AppendAsync(Commit commit) => log.AppendAsync(commit);

    public Task<IReadOnlyList<StoredEvent>> ReadStreamAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        log.ReadStreamAsync(stream, fromVersion, count, ct);

    public Task<IReadOnlyList<StoredEvent>> ReadStreamBackwardsAsync(string stream, long fromVersion, int count, CancellationToken ct) =>
        log.ReadStreamBackwardsAsync(stream, fromVersion, count, ct);

    public Task<IReadOnlyList<StoredEvent>> ReadAllAsync(LogPosition after, int count, CancellationToken ct) =>
        log.ReadAllAsync(after, count, ct);

    public async IAsyncEnumerable<LogPage> SubscribeAsync(LogPosition after, int pageSize, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var page in log.SubscribeAsync(after, Math.Min(pageSize, mostEvents), ct))
        {
            await before(page);
            yield return page;
        }
    }

    public Task<RecordedAnswer?> FindAnswerAsync(string key, CancellationToken ct) => log.FindAnswerAsync(key, ct);
}
