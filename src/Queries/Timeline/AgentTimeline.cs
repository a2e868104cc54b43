using PresenceLedger.Contracts;

namespace PresenceLedger.Queries.Timeline;

/// <summary>What is asked of the timeline of an agent.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Filter">Which events.</param>
/// <param name="From">From when they took effect; null for the beginning.</param>
/// <param name="To">Before when; null for the end.</param>
/// <param name="Descending">The newest first.</param>
public sealed record TimelineQuery(string AgentId, TimelineFilter Filter, DateTimeOffset? From, DateTimeOffset? To, bool Descending);

/// <summary>The audit timeline: every event of an agent, explained. It reads the log, never a projection.</summary>
public sealed class AgentTimeline(Records records, Entries entries, ShownEntries shown)
{
    /// <summary>How many events one question looks at, where few of them fit.</summary>
    private const int MostLookedAt = 10_000;
    private const int LookedAtAtOnce = 1000;

    /// <summary>A page of it, in some language.</summary>
    /// <exception cref="RefusedException">There is no such agent, or the cursor is of another list.</exception>
    public async Task<Page<TimelineEntry>> AnswerAsync(TimelineQuery query, Paging paging, Wording wording, CancellationToken ct)
    {
        var versions = records.VersionsOf(query.AgentId, ct);
        var last = await versions.LastAsync();
        if (last < 0)
            throw RefusedException.AgentUnknown(query.AgentId);

        // Instants never go back within a stream (TIM-1), so they are found by halving.
        var lowest = query.From is { } from ? await versions.FirstAtOrAfterAsync(from, last) : 0;
        var highest = query.To is { } to ? await versions.FirstAtOrAfterAsync(to, last) - 1 : last;
        if (paging.AfterNumber is { } seen)
            (lowest, highest) = query.Descending ? (lowest, Math.Min(highest, seen - 1)) : (Math.Max(lowest, seen + 1), highest);

        var history = records.HistoryOf(query.AgentId, ct);
        var (found, upTo) = await FindAsync(history, query, lowest, highest, paging.Limit);
        return new Page<TimelineEntry>(await shown.OfAsync(query.AgentId, await entries.OfAsync(history, found, wording, ct), ct))
        {
            Next = upTo is { } version ? Paging.Cursor(version) : null,
        };
    }

    /// <summary>
    /// The next events that fit, and the version after which the next page begins; null where there is none. Where few fit, a page
    /// may be short and still have one after it: nobody waits for the whole of a long life.
    /// </summary>
    private static async Task<(List<AuditedEvent> Found, long? UpTo)> FindAsync(
        AgentHistory history,
        TimelineQuery query,
        long lowest,
        long highest,
        int limit
    )
    {
        var found = new List<AuditedEvent>();
        var lookedAt = 0;
        while (lowest <= highest)
        {
            var count = (int)Math.Min(query.Filter.TakesAll ? limit + 1 - found.Count : LookedAtAtOnce, highest - lowest + 1);
            var page = query.Descending ? await history.BackwardsAsync(highest, count) : await history.ForwardsAsync(lowest, count);
            if (page.Count == 0)
                break;
            foreach (var e in page)
            {
                if (!query.Filter.Takes(e))
                    continue;
                if (found.Count == limit)
                    return (found, found[^1].Version);
                found.Add(e);
            }
            if (query.Descending)
                highest = page[^1].Version - 1;
            else
                lowest = page[^1].Version + 1;
            lookedAt += page.Count;
            if (lookedAt >= MostLookedAt && lowest <= highest)
                return (found, page[^1].Version);
        }
        return (found, null);
    }
}
