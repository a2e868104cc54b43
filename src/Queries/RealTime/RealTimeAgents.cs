using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Queries.RealTime;

/// <summary>A look at how agents stand, all as of one place in the ledger.</summary>
/// <param name="Read">The place.</param>
/// <param name="Summary">Of all agents that match the filters.</param>
/// <param name="Listed">Those of them in the tab, in the order of their ids.</param>
/// <param name="Rows">The rows that were asked for.</param>
/// <param name="Conserved">REP-4, for each of the rows.</param>
/// <param name="From">Where the range begins.</param>
public sealed record Look(
    ProjectionPosition Read,
    RealTimeSummary Summary,
    IReadOnlyList<Standing> Listed,
    IReadOnlyList<AgentRow> Rows,
    bool Conserved,
    DateTimeOffset From
)
{
    /// <summary>As it is answered.</summary>
    public RealTimeAnswer Answer(RealTimeQuery query) =>
        new()
        {
            AsOf = Read.AsOf,
            From = From,
            To = Read.AsOf,
            TimeZone = query.Zone.Id,
            TimeZoneVersion = Zones.Version,
            Range = query.Range,
            Conserved = Conserved,
            Summary = Summary,
            Items = Rows,
        };
}

/// <summary>Reads what the real-time report is made of: the states of all agents, and the facts of those whose rows are wanted.</summary>
public sealed class RealTimeAgents(
    Names directory,
    FactsReader facts,
    LatestAgents latest,
    Leases leases,
    Reasons reasons,
    ConfigurationStream configuration
)
{
    private static readonly IReadOnlyDictionary<string, string> NoNames = new Dictionary<string, string>();

    /// <summary>Looks at the agents of a query.</summary>
    /// <param name="query">Which agents, and of which time.</param>
    /// <param name="choose">Of the agents listed, those whose rows are wanted.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<Look> LookAsync(
        RealTimeQuery query,
        Func<IReadOnlyList<Standing>, IReadOnlyList<string>> choose,
        CancellationToken ct
    )
    {
        var names = query.Text is null ? NoNames : await directory.ReadAsync(null, ct);
        ProjectionPosition read;
        RealTimeReport report;
        IReadOnlyList<Standing> matching;
        IReadOnlyList<Standing> listed;
        IReadOnlyList<string> chosen;
        var records = new List<AgentRecord>();
        await using (var snapshot = await facts.OpenAsync(ct))
        {
            read = snapshot.Read;
            var all = await snapshot.AllOpenAsync(latest, ct);
            report = new RealTimeReport(query, configuration.Current, Flags.Conflicts(all.Select(open => open.Agent)), read.AsOf);
            matching = [.. all.Select(report.Stand).Where(agent => query.Has(agent, names.GetValueOrDefault(agent.AgentId)))];
            listed = [.. matching.Where(query.IsInTab)];
            chosen = choose(listed);
            await foreach (var record in snapshot.ReadAsync(chosen, new FactsWindow(report.From, report.Until), ct))
                records.Add(record);
        }
        // Once the connection is given back: who holds one and waits for another may wait for ever.
        if (chosen.Count > 0 && query.Text is null)
            names = await directory.ReadAsync(report.NamedWith(chosen), ct);
        var seen = chosen.Count > 0 ? await leases.LastSeenAsync(chosen, ct) : new Dictionary<string, DateTimeOffset>();
        var given = await reasons.ReadAsync(records.Select(r => GivenReason.OfStatus(r.Open)), ct);
        var conserved = true;
        var rows = new List<AgentRow>(records.Count);
        foreach (var record in records)
        {
            var agentId = record.Open.Agent.AgentId;
            var (row, isConserved) = report.RowOf(record, names, LastSeen(seen, agentId), given);
            rows.Add(row);
            conserved &= isConserved;
        }
        return new Look(read, report.SummaryOf(matching), listed, rows, conserved, report.From);
    }

    /// <summary>Looks at a page of the agents of a query.</summary>
    public async Task<(RealTimeAnswer Answer, ProjectionPosition Read)> PageAsync(RealTimeQuery query, Paging paging, CancellationToken ct)
    {
        string? next = null;
        var look = await LookAsync(
            query,
            listed =>
            {
                var rest = listed
                    .Select(agent => agent.AgentId)
                    .Where(id => paging.After is null || string.CompareOrdinal(id, paging.After) > 0);
                var page = paging.Of(rest, id => id, id => id);
                next = page.Next;
                return page.Items;
            },
            ct
        );
        return (look.Answer(query) with { Next = next }, look.Read);
    }

    /// <summary>An agent in detail.</summary>
    /// <exception cref="RefusedException">It is not registered.</exception>
    public async Task<(RealTimeAgentAnswer Agent, ProjectionPosition Read)> FindAsync(
        RealTimeQuery query,
        string agentId,
        CancellationToken ct
    )
    {
        ProjectionPosition read;
        RealTimeReport report;
        AgentRecord? record = null;
        await using (var snapshot = await facts.OpenAsync(ct))
        {
            read = snapshot.Read;
            var all = await snapshot.AllOpenAsync(latest, ct);
            report = new RealTimeReport(query, configuration.Current, Flags.Conflicts(all.Select(open => open.Agent)), read.AsOf);
            await foreach (var one in snapshot.ReadAsync([agentId], new FactsWindow(report.From, report.Until) { InDetail = true }, ct))
                record = one;
        }
        if (record is null)
            throw RefusedException.AgentUnknown(agentId);
        var names = await directory.ReadAsync(report.NamedWith([agentId]), ct);
        var seen = await leases.LastSeenAsync([agentId], ct);
        var given = await reasons.ReadAsync([GivenReason.OfStatus(record.Open)], ct);
        return (report.DetailOf(record, names, LastSeen(seen, agentId), given), read);
    }

    private static DateTimeOffset? LastSeen(IReadOnlyDictionary<string, DateTimeOffset> seen, string agentId) =>
        seen.TryGetValue(agentId, out var at) ? at : null;
}
