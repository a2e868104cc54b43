using System.Runtime.CompilerServices;
using System.Text;

namespace PresenceLedger.Ledger.Verification;

/// <summary>All events of a log in global order, to be verified.</summary>
internal interface ILogScan : IAsyncDisposable
{
    /// <summary>The events after a position.</summary>
    /// <exception cref="UnreadableException">The store does not give what comes next.</exception>
    IAsyncEnumerable<EventBlock> ReadAsync(LogPosition after, CancellationToken ct);
}

/// <summary>The store does not give an event; the message says why.</summary>
internal sealed class UnreadableException(string message, Exception inner) : Exception(message, inner);

/// <summary>A log of any kind, read through its port.</summary>
internal sealed class LogScan(ILog log) : ILogScan
{
    private const int PageSize = 2000;

    /// <inheritdoc />
    public async IAsyncEnumerable<EventBlock> ReadAsync(LogPosition after, [EnumeratorCancellation] CancellationToken ct)
    {
        while (true)
        {
            IReadOnlyList<StoredEvent> page;
            try
            {
                page = await log.ReadAllAsync(after, PageSize, ct);
            }
            catch (InvalidDataException e)
            {
                throw new UnreadableException(e.Message, e);
            }
            if (page.Count == 0)
                yield break;
            var block = new EventBlock();
            foreach (var e in page)
                Add(block, e);
            yield return block;
            after = page[^1].Position;
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static void Add(EventBlock block, StoredEvent stored)
    {
        var e = stored.Record;
        block.Add(
            stored.Position,
            Encoding.UTF8.GetBytes(e.Stream),
            e.Version,
            e.EventId,
            Encoding.UTF8.GetBytes(e.Type),
            Encoding.UTF8.GetBytes(e.Data),
            Encoding.UTF8.GetBytes(e.Metadata),
            e.OccurredAt,
            e.RecordedAt,
            e.Hash,
            isExact: e.OccurredAt.UtcTicks % TimeSpan.TicksPerMillisecond == 0 && e.RecordedAt.UtcTicks % TimeSpan.TicksPerMillisecond == 0
        );
    }
}
