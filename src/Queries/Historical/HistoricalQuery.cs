using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.Historical;

/// <summary>What is asked of the historical agents report: what agents did, by agent and bucket of any window that the ledger holds.</summary>
/// <param name="Window">Of which time.</param>
/// <param name="Bucket">How that is cut.</param>
/// <param name="Edges">Where, ascending.</param>
/// <param name="Filter">Which sessions count.</param>
/// <param name="Agents">Whom; null for all.</param>
/// <param name="Statuses">Which statuses are told of; null for all.</param>
public sealed record HistoricalQuery(
    ReportWindow Window,
    Bucket Bucket,
    DateTimeOffset[] Edges,
    SessionFilter Filter,
    SortedSet<string>? Agents,
    SortedSet<string>? Statuses
)
{
    public DateTimeOffset From => Edges[0];

    public DateTimeOffset To => Edges[^1];

    /// <summary>How many buckets an agent has.</summary>
    public int Buckets => Edges.Length - 1;

    /// <summary>What a reader of these numbers has to know about the filters.</summary>
    public IEnumerable<string> Notes()
    {
        if (Filter != SessionFilter.All)
            yield return "The session metrics follow the filters by queue, channel and workstream; the availability metrics do not "
                + "(followsFilters in the definitions).";
        if (Statuses is not null)
            yield return "The filter by status narrows statusSeconds alone.";
    }

    /// <summary>A page of cells, and whether there are more.</summary>
    public async Task<(IReadOnlyList<AgentCells> Cells, bool More)> PageAsync(ReportFacts facts, ReportCursor paging, CancellationToken ct)
    {
        // With the one that the page before ended in, and one more to know whether there are any.
        var agents = await AgentsAsync(facts, paging.AgentId, paging.Limit / Buckets + 3, ct);
        var (parts, more) = Parts(agents, paging);
        var cells = new List<AgentCells>();
        await foreach (var agent in CellsAsync(facts, parts, ct))
            cells.Add(agent);
        return (cells, more);
    }

    /// <summary>All cells of some agents, in the order of their ids.</summary>
    public IAsyncEnumerable<AgentCells> CellsAsync(ReportFacts facts, IReadOnlyList<string> agents, CancellationToken ct) =>
        CellsAsync(facts, [.. agents.Select(id => new Part(id, 0, Buckets))], ct);

    /// <summary>The agents that are listed, from one on, in the order of their ids.</summary>
    /// <exception cref="InvalidQueryException">One is asked for and not there.</exception>
    public async Task<IReadOnlyList<string>> AgentsAsync(ReportFacts facts, string from, int most, CancellationToken ct)
    {
        if (Agents is not { } asked)
        {
            // Whoever was registered at the instant that the report is complete up to is known, and is in it.
            var asOf = facts.AsOf.AddMilliseconds(1);
            return await facts.Snapshot.AgentsAsync(To < asOf ? To : asOf, from, most, ct);
        }
        string[] ids = [.. asked];
        var known = (await facts.Snapshot.OpenAsync(ids, ct)).Select(o => o.Agent.AgentId).ToHashSet(StringComparer.Ordinal);
        return ids.FirstOrDefault(id => !known.Contains(id)) is { } unknown
            ? throw new InvalidQueryException("agents", $"there is no agent '{unknown}'")
            : [.. ids.Where(id => string.CompareOrdinal(id, from) >= 0)];
    }

    /// <summary>What all agents did together: sums are sums of theirs, averages are over the sessions of all of them.</summary>
    public async Task<Totals> TotalsAsync(ReportFacts facts, CancellationToken ct)
    {
        var totals = new Cell[Buckets];
        for (var bucket = 0; bucket < totals.Length; bucket++)
            totals[bucket] = Cell.Empty(Edges[bucket], Edges[bucket + 1]);
        // Not the sum of the buckets: a stretch over several of them is one episode, and a conversation is one.
        var whole = Cell.Empty(From, To);
        var agents = await AgentsAsync(facts, "", int.MaxValue, ct);
        var window = new FactsWindow(From, To) { KnownAt = Window.KnownAt };
        await foreach (var record in FactsAhead.ReadAsync(facts.Snapshot, agents, window, ct))
        {
            var seen = Window.See(record.Facts, facts.AsOf);
            var cells = Arithmetic.Of(seen, Edges, facts.AsOf, Filter);
            for (var bucket = 0; bucket < totals.Length; bucket++)
                totals[bucket].Add(cells[bucket]);
            whole.Add(cells.Count == 1 ? cells[0] : Arithmetic.Of(seen, [From, To], facts.AsOf, Filter)[0]);
        }
        return new Totals(agents.Count, whole, totals);
    }

    private async IAsyncEnumerable<AgentCells> CellsAsync(
        ReportFacts facts,
        IReadOnlyList<Part> parts,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        if (parts.Count == 0)
            yield break;
        var partOf = parts.ToDictionary(p => p.AgentId, StringComparer.Ordinal);
        var window = new FactsWindow(Edges[parts.Min(p => p.First)], Edges[parts.Max(p => p.First + p.Count)]) { KnownAt = Window.KnownAt };
        await foreach (var record in FactsAhead.ReadAsync(facts.Snapshot, [.. partOf.Keys], window, ct))
        {
            var part = partOf[record.Facts.AgentId];
            yield return new AgentCells(
                part.AgentId,
                Arithmetic.Of(Window.See(record.Facts, facts.AsOf), Edges[part.First..(part.First + part.Count + 1)], facts.AsOf, Filter)
            );
        }
    }

    /// <summary>The parts of agents that make a page, and whether there are more.</summary>
    private (IReadOnlyList<Part> Parts, bool More) Parts(IReadOnlyList<string> agents, ReportCursor paging)
    {
        var parts = new List<Part>();
        var room = paging.Limit;
        foreach (var agentId in agents)
        {
            var first = agentId == paging.AgentId ? Edges.Count(e => e <= paging.Start) : 0;
            if (first >= Buckets)
                continue;
            var count = Math.Min(room, Buckets - first);
            if (count > 0)
                parts.Add(new Part(agentId, first, count));
            room -= count;
            if (count < Buckets - first)
                return (parts, true);
        }
        return (parts, false);
    }

    /// <summary>Some of the buckets of an agent.</summary>
    private sealed record Part(string AgentId, int First, int Count);
}

/// <summary>What an agent did, by bucket.</summary>
public sealed record AgentCells(string AgentId, IReadOnlyList<Cell> Cells);

/// <summary>What all agents did together: in all, and by bucket.</summary>
public sealed record Totals(int Agents, Cell Whole, IReadOnlyList<Cell> Buckets)
{
    /// <summary>Whether in every bucket of every agent the statuses fill the bucket (REP-4).</summary>
    public bool Conserved => Whole.Conserved && Buckets.All(cell => cell.Conserved);
}

/// <summary>Where a page begins: after a bucket of an agent.</summary>
/// <param name="Limit">At most so many items.</param>
/// <param name="AgentId">The agent that the page before ended with; empty for the first page.</param>
/// <param name="Start">The bucket that it ended with.</param>
public sealed record ReportCursor(int Limit, string AgentId, DateTimeOffset Start)
{
    /// <summary>The most items of a page, and how many there are where nothing is said.</summary>
    public const int Most = 1000;

    /// <summary>The cursor that begins after a bucket.</summary>
    public static string After(string agentId, DateTimeOffset start) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{Instant.Format(start)} {agentId}"));
}
