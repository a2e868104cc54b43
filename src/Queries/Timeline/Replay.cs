using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Queries.Timeline;

/// <summary>What of an agent's timeline is to be shown.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Filter">Which events.</param>
public sealed record ReplayRequest(string AgentId, TimelineFilter Filter)
{
    /// <summary>From when they took effect; null for the beginning.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Before when; null for the end.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>Newest first.</summary>
    public bool Descending { get; init; }

    /// <summary>Goes on with what is recorded from now on, until it is cancelled.</summary>
    public bool Follow { get; init; }
}

/// <summary>An entry as it is shown in its row.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Gap">How long after the row above, or in the newest first below, it took effect; null in the first.</param>
/// <param name="Status">Text of the status that came; null where it is no change of presence.</param>
/// <param name="Before">Text of the status that ended by it; null where the status did not change.</param>
/// <param name="Stood">How long that one stood.</param>
public sealed record ReplayRow(TimelineEntry Entry, TimeSpan? Gap, string? Status, string? Before, TimeSpan? Stood);

/// <summary>Shows rows of a replay, in a format.</summary>
public interface IReplayView
{
    Task BeginAsync(string agentId);

    Task ShowAsync(ReplayRow row);

    /// <summary>After what is recorded by now; more may come where it follows.</summary>
    Task EndAsync(int rows);
}

/// <summary>Replays the timeline of an agent from the log, in pages, for a terminal or a file.</summary>
public sealed class Replay(Records records, Entries entries, Wording wording)
{
    private const int PageSize = 500;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly Records _records = records;
    private readonly Entries _entries = entries;
    private readonly Wording _wording = wording;

    /// <summary>Shows what is asked for; false where nothing is recorded of the agent.</summary>
    public async Task<bool> RunAsync(ReplayRequest request, IReplayView view, TimeProvider clock, CancellationToken ct)
    {
        var versions = _records.VersionsOf(request.AgentId, ct);
        var last = await versions.LastAsync();
        if (last < 0)
            return false;
        var first = request.From is { } from ? await versions.FirstAtOrAfterAsync(from, last) : 0;
        var end = request.To is { } to ? await versions.FirstAtOrAfterAsync(to, last) - 1 : last;

        await view.BeginAsync(request.AgentId);
        var run = new Run(this, request, await _records.StateAfterAsync(request.AgentId, first - 1, ct), ct);
        var held = new List<ReplayRow>();
        var shown = 0;
        while (first <= end)
        {
            var rows = await run.NextAsync(first, (int)Math.Min(PageSize, end - first + 1));
            first += PageSize;
            shown += rows.Count;
            if (request.Descending)
                held.AddRange(rows);
            else
                foreach (var row in rows)
                    await view.ShowAsync(row);
        }
        for (var n = held.Count - 1; n >= 0; n--)
            await view.ShowAsync(held[n]);
        await view.EndAsync(shown);
        if (request.Follow)
            await FollowAsync(run, end + 1, view, clock, ct);
        return true;
    }

    private async Task FollowAsync(Run run, long next, IReplayView view, TimeProvider clock, CancellationToken ct)
    {
        try
        {
            while (!ct.IsCancellationRequested)
            {
                var appended = _records.Log.NextAppend;
                foreach (var row in await run.NextAsync(next, PageSize))
                    await view.ShowAsync(row);
                var more = run.Version >= next;
                next = Math.Max(next, run.Version + 1);
                if (!more)
                    await Task.WhenAny(appended, Task.Delay(Poll, clock, ct));
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // That is how following ends.
        }
    }

    /// <summary>The stream as it goes by: what stood, since when, and when the last row was.</summary>
    private sealed class Run(Replay replay, ReplayRequest request, Agent state, CancellationToken ct)
    {
        private DateTimeOffset? _shownAt;

        /// <summary>Version of the last event that went by.</summary>
        public long Version { get; private set; } = state.Version;

        private (string StatusId, DateTimeOffset Since) _stands = (state.Status.StatusId, state.Since);

        public async Task<List<ReplayRow>> NextAsync(long from, int count)
        {
            // A history for each page: a long life need not be in memory.
            var history = replay._records.HistoryOf(request.AgentId, ct);
            var page = await history.ForwardsAsync(from, count);
            var wanted = page.Where(request.Filter.Takes).ToList();
            var entries = (await replay._entries.OfAsync(history, wanted, replay._wording, ct)).ToDictionary(e => e.Version);
            var rows = new List<ReplayRow>(wanted.Count);
            foreach (var e in page)
            {
                Version = e.Version;
                var at = e.Stored.Record.OccurredAt;
                var (before, stood) = ((string?)null, (TimeSpan?)null);
                if (e.Event is AgentRegistered)
                    _stands = (_stands.StatusId, at);
                if (e.Event is PresenceChanged change && change.To.StatusId != _stands.StatusId)
                {
                    (before, stood) = (_stands.StatusId, at - _stands.Since);
                    _stands = (change.To.StatusId, at);
                }
                if (!entries.TryGetValue(e.Version, out var entry))
                    continue;
                var configuration = await replay._records.Configurations.OfAsync(e.Metadata.PolicyVersion, ct);
                rows.Add(
                    new ReplayRow(
                        entry,
                        at - _shownAt,
                        entry.To is { } to ? configuration.StatusText(to.StatusId) : null,
                        before is null ? null : configuration.StatusText(before),
                        stood
                    )
                );
                _shownAt = at;
            }
            return rows;
        }
    }
}
