using System.Collections.Immutable;

namespace PresenceLedger.Dashboard.Wall;

/// <summary>What a wall shows of a board: the rows that its filter lists, in its order, and what its cards count.</summary>
/// <param name="Board">What the board knew.</param>
/// <param name="Filter">Which agents.</param>
/// <param name="Order">In which order.</param>
/// <param name="Rows">The rows.</param>
/// <param name="Counts">The numbers of the cards.</param>
public sealed record WallView(BoardState Board, WallFilter Filter, WallOrder Order, ImmutableArray<AgentRow> Rows, WallCounts Counts)
{
    /// <summary>A view of a board.</summary>
    public static WallView Of(BoardState board, WallFilter filter, WallOrder order) =>
        new(board, filter, order, [.. board.Rows.Where(filter.Lists).Order(order)], WallCounts.Of(board.Rows, filter));

    /// <summary>
    /// The same view of what the board knows now. Few rows change between two looks, and many walls look: those few are put in their
    /// places, and nothing is sorted anew.
    /// </summary>
    public WallView Next(BoardState board)
    {
        if (board.Rows == Board.Rows)
            return this with { Board = board };
        var changed = board.Since(Board).ToArray();
        if (changed.Length > Rows.Length / 4)
            return Of(board, Filter, Order);
        var left = new HashSet<AgentRow>(changed.Select(c => c.Was).OfType<AgentRow>(), ReferenceEqualityComparer.Instance);
        var came = changed.Select(c => c.Is).OfType<AgentRow>().Where(Filter.Lists).Order(Order);
        return this with
        {
            Board = board,
            Rows = [.. Merge(Rows.Where(row => !left.Contains(row)), came)],
            Counts = WallCounts.Of(board.Rows, Filter),
        };
    }

    private IEnumerable<AgentRow> Merge(IEnumerable<AgentRow> some, IEnumerable<AgentRow> others)
    {
        using var other = others.GetEnumerator();
        var isMore = other.MoveNext();
        foreach (var one in some)
        {
            for (; isMore && Order.Compare(other.Current, one) < 0; isMore = other.MoveNext())
                yield return other.Current;
            yield return one;
        }
        for (; isMore; isMore = other.MoveNext())
            yield return other.Current;
    }
}

/// <summary>How many agents have a status.</summary>
public sealed record StatusCount(string StatusId, string Text, string Base, int Agents);

/// <summary>How many agents of a queue can be given work.</summary>
public sealed record QueueCount(string Queue, int Routable, int Agents);

/// <summary>The numbers of the cards and of the donut; each agent counts once, but in each of its queues.</summary>
public sealed record WallCounts
{
    private static readonly string[] Bases = ["available", "busy", "do-not-disturb", "away", "offline"];

    /// <summary>Agents that are counted.</summary>
    public int Agents { get; private set; }
    public int Online { get; private set; }
    public int WithSessions { get; private set; }
    public int AtCapacity { get; private set; }
    public int Routable { get; private set; }

    /// <summary>Agents with a stuck conversation.</summary>
    public int Stuck { get; private set; }

    /// <summary>Conversations of theirs that are open with several agents at the same time.</summary>
    public int Conflicts { get; private set; }

    /// <summary>From available to offline; within a base the most frequent first.</summary>
    public ImmutableArray<StatusCount> ByStatus { get; private set; } = [];

    /// <summary>The fewest first: there somebody may have to act.</summary>
    public ImmutableArray<QueueCount> ByQueue { get; private set; } = [];

    /// <summary>All queues that any agent works in, whatever the filter.</summary>
    public ImmutableArray<string> Queues { get; private set; } = [];

    /// <summary>All skills that any agent has, whatever the filter.</summary>
    public ImmutableArray<string> Skills { get; private set; } = [];

    /// <summary>Counts.</summary>
    public static WallCounts Of(ImmutableArray<AgentRow> rows, WallFilter filter)
    {
        var counts = new WallCounts();
        var statuses = new Dictionary<string, (AgentRow First, int Agents)>(StringComparer.Ordinal);
        var queues = new Dictionary<string, (int Routable, int Agents)>(StringComparer.Ordinal);
        var skills = new HashSet<string>(StringComparer.Ordinal);
        var conflicts = new HashSet<string>(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            var isCounted = filter.Counts(row);
            foreach (var queue in row.Queues)
            {
                var (routable, agents) = queues.GetValueOrDefault(queue);
                queues[queue] = isCounted ? (routable + (row.Routable ? 1 : 0), agents + 1) : (routable, agents);
            }
            foreach (var skill in row.Skills)
                skills.Add(skill.Skill);
            if (!isCounted)
                continue;
            counts.Agents++;
            counts.Online += row.IsOnline ? 1 : 0;
            counts.WithSessions += row.HasSessions ? 1 : 0;
            counts.AtCapacity += row.AtCapacity ? 1 : 0;
            counts.Routable += row.Routable ? 1 : 0;
            counts.Stuck += row.Stuck ? 1 : 0;
            conflicts.UnionWith(row.Conflicts.Select(c => c.ConversationId));
            statuses[row.StatusId] = statuses.TryGetValue(row.StatusId, out var known) ? (known.First, known.Agents + 1) : (row, 1);
        }
        counts.Conflicts = conflicts.Count;
        counts.ByStatus =
        [
            .. statuses
                .Values.Select(s => new StatusCount(s.First.StatusId, s.First.StatusText, s.First.Base, s.Agents))
                .OrderBy(s => Array.IndexOf(Bases, s.Base))
                .ThenByDescending(s => s.Agents)
                .ThenBy(s => s.StatusId, StringComparer.Ordinal),
        ];
        counts.ByQueue =
        [
            .. queues
                .Where(q => q.Value.Agents > 0)
                .Select(q => new QueueCount(q.Key, q.Value.Routable, q.Value.Agents))
                .OrderBy(q => q.Routable)
                .ThenBy(q => q.Queue, StringComparer.Ordinal),
        ];
        counts.Queues = [.. queues.Keys.Order(StringComparer.Ordinal)];
        counts.Skills = [.. skills.Order(StringComparer.Ordinal)];
        return counts;
    }
}
