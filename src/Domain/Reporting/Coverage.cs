using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Reporting;

/// <summary>Why an agent of a queue was not routable.</summary>
public enum Absence
{
    NotRegistered,
    Offline,
    Away,
    DoNotDisturb,
    AtCapacity,
    LeftQueue,
}

/// <summary>An agent of the queue who was not routable.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Cause">Why.</param>
/// <param name="StatusId">The status that stood; null before registration.</param>
/// <param name="Since">Since when the cause holds; null before registration.</param>
/// <param name="Rule">The rule that made it so.</param>
/// <param name="Actor">Who made it so.</param>
/// <param name="Version">The event in the agent's stream that began it; null where that is not one.</param>
public sealed record AbsenceCause(
    string AgentId,
    Absence Cause,
    string? StatusId,
    DateTimeOffset? Since,
    string? Rule,
    Actor? Actor,
    long? Version
);

/// <summary>A stretch in which too few agents of a queue were routable.</summary>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended; not part of it.</param>
/// <param name="Routable">The fewest that were routable within it.</param>
public sealed record Shortage(DateTimeOffset Start, DateTimeOffset End, int Routable);

/// <summary>Which capacity profiles were blocking from an instant on.</summary>
public sealed record BlockingProfiles(DateTimeOffset Since, IReadOnlySet<string> ProfileIds)
{
    /// <summary>By the versions of the configuration, in order, from the initial one on.</summary>
    public static IReadOnlyList<BlockingProfiles> Of(IEnumerable<Configuration> versions)
    {
        var all = new List<BlockingProfiles>();
        foreach (var version in versions)
        {
            var blocking = version.Profiles.Values.Where(p => p.Blocking).Select(p => p.Id).ToHashSet(StringComparer.Ordinal);
            if (all.Count == 0 || !blocking.SetEquals(all[^1].ProfileIds))
                all.Add(new BlockingProfiles(version.LastOccurredAt, blocking));
        }
        return all;
    }
}

/// <summary>
/// Who of a queue was routable when: in the queue, signed in, base available or busy, capacity not exhausted. Within a window; an open
/// fact lasts beyond it.
/// </summary>
public sealed class Coverage
{
    private readonly DateTimeOffset _from;
    private readonly DateTimeOffset _to;
    private readonly string? _queue;
    private readonly IReadOnlyList<BlockingProfiles> _blocking;
    private readonly List<Stretch[]> _agents;

    /// <summary>Of the agents who were in the queue at some time within the window.</summary>
    /// <param name="queue">The queue; null for all agents from their registration on, whatever they work in.</param>
    /// <param name="agents">Facts of the window, with queues and in detail.</param>
    /// <param name="from">Where the window begins.</param>
    /// <param name="to">Where it ends; not part of it.</param>
    /// <param name="blocking">Which profiles were blocking when (CAP-4): at least one, in order, the first from before the window on.</param>
    public Coverage(
        string? queue,
        IEnumerable<AgentFacts> agents,
        DateTimeOffset from,
        DateTimeOffset to,
        IReadOnlyList<BlockingProfiles> blocking
    )
    {
        (_queue, _from, _to, _blocking) = (queue, from, to, blocking);
        _agents = [.. agents.Where(WasInQueue).Select(facts => StretchesOf(facts).ToArray())];
    }

    /// <summary>The stretches in which an agent was routable, agent after agent.</summary>
    public IEnumerable<(DateTimeOffset Start, DateTimeOffset End)> Routable =>
        _agents.SelectMany(stretches => stretches).Where(s => s.IsRoutable).Select(s => (s.Start, s.End));

    /// <summary>The stretches, as long as they are, in which fewer than so many were routable.</summary>
    public IReadOnlyList<Shortage> Below(int below)
    {
        var changes = new SortedDictionary<DateTimeOffset, int> { [_from] = 0 };
        foreach (var stretch in _agents.SelectMany(stretches => stretches).Where(s => s.IsRoutable))
        {
            changes[stretch.Start] = changes.GetValueOrDefault(stretch.Start) + 1;
            changes[stretch.End] = changes.GetValueOrDefault(stretch.End) - 1;
        }
        var shortages = new List<Shortage>();
        Shortage? open = null;
        var routable = 0;
        foreach (var (at, change) in changes)
        {
            if (at >= _to)
                break;
            routable += change;
            if (routable < below)
                open = open is null ? new Shortage(at, _to, routable) : open with { Routable = Math.Min(open.Routable, routable) };
            else if (open is not null)
            {
                shortages.Add(open with { End = at });
                open = null;
            }
        }
        if (open is not null && open.Start < _to)
            shortages.Add(open);
        return shortages;
    }

    /// <summary>
    /// Why there were too few: each agent of the queue who was not routable within a stretch, with the cause as of its start, or as of
    /// when the agent dropped out. Who dropped out as it began comes first.
    /// </summary>
    public IReadOnlyList<AbsenceCause> CausesOf(Shortage shortage) =>
        [
            .. _agents
                .Select(stretches => stretches.FirstOrDefault(s => s.Cause is not null && s.End > shortage.Start && s.Start < shortage.End))
                .Select(s => s.Cause)
                .OfType<AbsenceCause>()
                .OrderBy(c => c.Since == shortage.Start ? 0 : 1)
                .ThenBy(c => c.AgentId, StringComparer.Ordinal),
        ];

    private bool WasInQueue(AgentFacts facts) =>
        _queue is not { } queue
        || facts.Queues.Any(q =>
            q.Queues.Contains(queue, StringComparer.Ordinal) && q.Start.At < _to && (q.End is not { } end || end.At > _from)
        );

    /// <summary>What an agent was, stretch by stretch over the whole window.</summary>
    private IEnumerable<Stretch> StretchesOf(AgentFacts facts)
    {
        var edges = new SortedSet<DateTimeOffset> { _from };
        Note(facts.Registered?.At);
        foreach (var since in _blocking.Select(b => b.Since))
            Note(since);
        var statuses = Along(facts.Statuses, s => s.Start, s => s.End);
        var logins = Along(facts.Logins, l => l.Start, l => l.End);
        var capacity = Along(facts.Capacity, c => c.Start, c => c.End);
        var queues = Along(facts.Queues, q => q.Start, q => q.End);

        var joined = false;
        Mark? fullSince = null;
        QueueInterval? left = null;
        var starts = edges.ToArray();
        for (var n = 0; n < starts.Length; n++)
        {
            var (at, end) = (starts[n], n + 1 < starts.Length ? starts[n + 1] : _to);
            var (status, queue, full) = (statuses(at), queues(at), capacity(at));
            var inQueue = _queue is null || queue?.Queues.Contains(_queue, StringComparer.Ordinal) == true;
            joined |= inQueue;
            left = inQueue ? null : left ?? queue;
            fullSince = full is not null && IsExhausted(full, at) ? fullSince ?? full.Start : null;
            if (status is null)
                yield return new Stretch(at, end, false, new(facts.AgentId, Absence.NotRegistered, null, null, null, null, null));
            else if (inQueue)
            {
                var cause = CauseOf(facts.AgentId, status, logins(at) is not null, fullSince);
                yield return new Stretch(at, end, cause is null, cause);
            }
            // Who has not come to the queue yet is no loss to it.
            else if (joined && left is { } gone)
                yield return new Stretch(
                    at,
                    end,
                    false,
                    new(facts.AgentId, Absence.LeftQueue, status.StatusId, gone.Start.At, null, null, gone.Start.Version)
                );
        }

        void Note(DateTimeOffset? edge)
        {
            if (edge is { } at && at > _from && at < _to)
                edges.Add(at);
        }

        // What stands at instants that are asked for in their order.
        Func<DateTimeOffset, T?> Along<T>(IReadOnlyList<T> intervals, Func<T, Mark> start, Func<T, Mark?> end)
            where T : class
        {
            foreach (var interval in intervals)
            {
                Note(start(interval).At);
                Note(end(interval)?.At);
            }
            var next = 0;
            return at =>
            {
                while (next < intervals.Count && end(intervals[next]) is { } ends && ends.At <= at)
                    next++;
                return next < intervals.Count && start(intervals[next]).At <= at ? intervals[next] : null;
            };
        }
    }

    private static AbsenceCause? CauseOf(string agentId, StatusInterval status, bool signedIn, Mark? fullSince)
    {
        Absence? absence = status switch
        {
            { Base: BaseStatus.Offline } => Absence.Offline,
            _ when !signedIn => Absence.Offline,
            { Base: BaseStatus.Away } => Absence.Away,
            { Base: BaseStatus.DoNotDisturb, Origin: Origin.Capacity } => Absence.AtCapacity,
            { Base: BaseStatus.DoNotDisturb } => Absence.DoNotDisturb,
            _ => null,
        };
        if (absence is { } cause)
            return new(agentId, cause, status.StatusId, status.Start.At, status.Rule, status.Actor, status.Start.Version);
        return fullSince is { } since ? new(agentId, Absence.AtCapacity, status.StatusId, since.At, Rules.Cap4, null, since.Version) : null;
    }

    /// <summary>CAP-4. Without units (CAP-8) an agent who was assigned something shows it in the status.</summary>
    private bool IsExhausted(CapacityInterval capacity, DateTimeOffset at)
    {
        var blocking = _blocking.Last(b => b.Since <= at).ProfileIds;
        return CapacityRules.IsExhausted(
            capacity.UnitsTotal is { } total ? total > 0 && capacity.UnitsUsed >= total : null,
            [.. capacity.Profiles.Select(p => (blocking.Contains(p.ProfileId), p.Used >= p.Limit))]
        );
    }

    private readonly record struct Stretch(DateTimeOffset Start, DateTimeOffset End, bool IsRoutable, AbsenceCause? Cause);
}
