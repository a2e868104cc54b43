using System.Collections.Immutable;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Wall;

/// <summary>How a board hears of the service.</summary>
public enum Hearing
{
    /// <summary>The first report is not complete.</summary>
    Beginning,

    /// <summary>Whatever changes is told as it happens.</summary>
    Live,

    /// <summary>Nothing is heard; it tries again.</summary>
    Broken,
}

/// <summary>What a board knows; it never changes, the next one takes its place.</summary>
public sealed record BoardState
{
    /// <summary>Of a board that has heard nothing.</summary>
    public static BoardState Empty { get; } = new();

    /// <summary>In the order of their ids. Rows that did not change are the same objects as in the state before.</summary>
    public ImmutableArray<AgentRow> Rows { get; init; } = [];

    /// <summary>Up to where it is complete; null before anything was heard.</summary>
    public DateTimeOffset? AsOf { get; init; }

    public Hearing Hearing { get; init; }

    /// <summary>Why nothing is heard, where the service said why.</summary>
    public Problem? Problem { get; init; }

    /// <summary>After some rows changed and some agents are no longer listed.</summary>
    /// <param name="changed">Rows as they are now.</param>
    /// <param name="gone">Who is not listed any more.</param>
    /// <param name="asOf">Up to where that is all.</param>
    public BoardState With(IEnumerable<AgentRow> changed, IReadOnlySet<string> gone, DateTimeOffset asOf)
    {
        AgentRow[] fresh = [.. changed.Select(row => row with { AsOf = asOf }).OrderBy(row => row.AgentId, StringComparer.Ordinal)];
        return this with
        {
            AsOf = asOf,
            Rows = fresh.Length == 0 && gone.Count == 0 ? Rows : [.. Merge(fresh).Where(row => !gone.Contains(row.AgentId))],
        };
    }

    /// <summary>The rows that differ, each as it was and as it is; one of them is null where the agent came or went.</summary>
    public IEnumerable<(AgentRow? Was, AgentRow? Is)> Since(BoardState before)
    {
        var (old, now) = (before.Rows, Rows);
        for (int o = 0, n = 0; o < old.Length || n < now.Length; )
        {
            var order =
                o == old.Length ? 1
                : n == now.Length ? -1
                : ReferenceEquals(old[o], now[n]) ? 0
                : string.CompareOrdinal(old[o].AgentId, now[n].AgentId);
            if (order < 0)
                yield return (old[o++], null);
            else if (order > 0)
                yield return (null, now[n++]);
            else
            {
                if (!ReferenceEquals(old[o], now[n]))
                    yield return (old[o], now[n]);
                o++;
                n++;
            }
        }
    }

    // Both are in the order of ids; of two with the same id the fresh one is taken.
    private IEnumerable<AgentRow> Merge(AgentRow[] fresh)
    {
        var next = 0;
        foreach (var row in Rows)
        {
            while (next < fresh.Length && string.CompareOrdinal(fresh[next].AgentId, row.AgentId) < 0)
                yield return fresh[next++];
            if (next < fresh.Length && fresh[next].AgentId == row.AgentId)
                yield return fresh[next++];
            else
                yield return row;
        }
        while (next < fresh.Length)
            yield return fresh[next++];
    }
}
