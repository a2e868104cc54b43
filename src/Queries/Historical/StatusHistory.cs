using PresenceLedger.Contracts;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Queries.Historical;

/// <summary>The detailed view: each status of an agent with its start and end.</summary>
/// <param name="agent">The facts of the agent.</param>
/// <param name="window">Of which time, and how it looks at it.</param>
/// <param name="asOf">Where open intervals end.</param>
public sealed class StatusHistory(AgentFacts agent, ReportWindow window, DateTimeOffset asOf)
{
    public DateTimeOffset From { get; } = window.From ?? agent.Registered?.At ?? asOf;

    public DateTimeOffset To { get; } = window.To ?? asOf;

    /// <summary>The statuses that come after the page before.</summary>
    /// <exception cref="InvalidQueryException">The cursor is of another list.</exception>
    public IEnumerable<StatusItem> Items(Paging paging)
    {
        DateTimeOffset? after = paging.AfterNumber is { } last
            ? DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(last, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()))
            : null;
        return window
            .See(agent, asOf)
            .Statuses.Where(s => s.End is { } end ? s.Start.At < end.At && end.At > From : s.Start.At <= asOf)
            .Where(s => s.Start.At < To || (window.To is null && s.End is null))
            .Where(s => after is null || s.Start.At > after)
            .Select(s => StatusItem.Of(s, From, To < asOf ? To : asOf));
    }

    /// <summary>A page of them.</summary>
    public StatusHistoryAnswer Page(Paging paging)
    {
        var page = paging.Of(Items(paging), s => Cursor(s.Start), s => s);
        return new StatusHistoryAnswer(
            agent.AgentId,
            asOf,
            From,
            To,
            window.Zone.Id,
            Zones.Version,
            window.View,
            window.KnownAt,
            ReportMetrics.Path,
            page.Items,
            page.Next
        );
    }

    private static string Cursor(DateTimeOffset start) =>
        start.ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
}
