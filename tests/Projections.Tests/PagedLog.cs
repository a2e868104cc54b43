using System.Runtime.CompilerServices;
using PresenceLedger.Ledger;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests;

/// <summary>A log whose pages are small, and that does something before it gives one of them.</summary>
internal sealed class PagedLog(ILog log, int mostEvents, Func<LogPage, Task> before) : PassingLog(log)
{
    public override async IAsyncEnumerable<LogPage> SubscribeAsync(
        LogPosition after,
        int pageSize,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        await foreach (var page in Inner.SubscribeAsync(after, Math.Min(pageSize, mostEvents), ct))
        {
            await before(page);
            yield return page;
        }
    }
}
