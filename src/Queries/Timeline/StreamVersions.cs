using PresenceLedger.Ledger;

namespace PresenceLedger.Queries.Timeline;

/// <summary>Finds versions of a stream by instants, by halving: instants never go back within a stream (TIM-1).</summary>
public sealed class StreamVersions(ILog log, string stream, CancellationToken ct)
{
    /// <summary>The last version; -1 where the stream has no events.</summary>
    public async Task<long> LastAsync()
    {
        var last = await log.ReadStreamBackwardsAsync(stream, long.MaxValue, 1, ct);
        return last.Count == 0 ? -1 : last[0].Record.Version;
    }

    /// <summary>The first version that took effect at or after an instant; <paramref name="last"/> + 1 where none did.</summary>
    public async Task<long> FirstAtOrAfterAsync(DateTimeOffset instant, long last)
    {
        long low = 0;
        var high = last + 1;
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            var at = (await log.ReadStreamAsync(stream, middle, 1, ct))[0].Record.OccurredAt;
            if (at < instant)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
