using PresenceLedger.Domain.WhatIf;

namespace PresenceLedger.Queries.WhatIf;

/// <summary>An amount as recorded and as it would have been.</summary>
/// <param name="Recorded">As recorded.</param>
/// <param name="Other">As it would have been.</param>
public readonly record struct Compared(long Recorded, long Other)
{
    public long Difference => Other - Recorded;

    public static Compared operator +(Compared a, Compared b) => new(a.Recorded + b.Recorded, a.Other + b.Other);
}

/// <summary>A stretch of time, in milliseconds.</summary>
public readonly record struct Stretch(long Start, long End);

/// <summary>When an agent was routable in a queue.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="Recorded">As recorded.</param>
/// <param name="Other">As it would have been.</param>
public sealed record RoutableIn(string Queue, IReadOnlyList<Stretch> Recorded, IReadOnlyList<Stretch> Other);

/// <summary>What would have been other for one agent. Times in milliseconds.</summary>
public sealed record AgentComparison
{
    public required string AgentId { get; init; }

    /// <summary>How long each status stood.</summary>
    public required IReadOnlyDictionary<string, Compared> Statuses { get; init; }

    /// <summary>How long the agent was signed in.</summary>
    public required Compared SignedIn { get; init; }

    /// <summary>How long the agent was routable, whatever the queues.</summary>
    public required Compared Routable { get; init; }

    /// <summary>By queue, when.</summary>
    public required IReadOnlyList<RoutableIn> Queues { get; init; }

    /// <summary>Changes of presence.</summary>
    public required Compared Transitions { get; init; }

    /// <summary>Those that would have been other.</summary>
    public required IReadOnlyList<OtherTransition> Other { get; init; }

    /// <summary>What would have been refused.</summary>
    public required IReadOnlyList<RefusedFact> Refused { get; init; }

    /// <summary>Whether anything is other.</summary>
    public bool Differs =>
        Other.Count > 0
        || Refused.Count > 0
        || SignedIn.Difference != 0
        || Routable.Difference != 0
        || Statuses.Values.Any(s => s.Difference != 0);
}

/// <summary>How a queue was covered. Times in milliseconds.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="Routable">How long its agents were routable, each counted.</param>
/// <param name="Nobody">How long nobody was.</param>
public sealed record QueueComparison(string Queue, Compared Routable, Compared Nobody)
{
    /// <summary>The queues in which any of the agents was routable.</summary>
    public static IReadOnlyList<QueueComparison> Of(IEnumerable<AgentComparison> agents, DateTimeOffset from, DateTimeOffset to) =>
        [
            .. agents
                .SelectMany(a => a.Queues)
                .GroupBy(q => q.Queue, StringComparer.Ordinal)
                .OrderBy(q => q.Key, StringComparer.Ordinal)
                .Select(q => new QueueComparison(
                    q.Key,
                    new Compared(q.Sum(a => Length(a.Recorded)), q.Sum(a => Length(a.Other))),
                    new Compared(Uncovered(q.SelectMany(a => a.Recorded), from, to), Uncovered(q.SelectMany(a => a.Other), from, to))
                )),
        ];

    private static long Length(IReadOnlyList<Stretch> stretches) => stretches.Sum(s => s.End - s.Start);

    private static long Uncovered(IEnumerable<Stretch> stretches, DateTimeOffset from, DateTimeOffset to)
    {
        var upTo = from.ToUnixTimeMilliseconds();
        var uncovered = 0L;
        foreach (var stretch in stretches.OrderBy(s => s.Start))
        {
            uncovered += Math.Max(0, stretch.Start - upTo);
            upTo = Math.Max(upTo, stretch.End);
        }
        return uncovered + Math.Max(0, to.ToUnixTimeMilliseconds() - upTo);
    }
}
