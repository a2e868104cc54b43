using Microsoft.AspNetCore.Mvc;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;
using PresenceLedger.Queries.RealTime;

namespace PresenceLedger.Api.Reports.RealTime;

/// <summary>What is asked of the real-time agents report, as it came.</summary>
public sealed record RealTimeParameters
{
    [FromQuery(Name = "range")]
    public string? Range { get; init; }

    [FromQuery(Name = "timeRange")]
    public string? TimeRange { get; init; }

    [FromQuery(Name = "timeZone")]
    public string? TimeZone { get; init; }

    [FromQuery(Name = "tab")]
    public string? Tab { get; init; }

    [FromQuery(Name = "base")]
    public string? Base { get; init; }

    [FromQuery(Name = "status")]
    public string? Status { get; init; }

    [FromQuery(Name = "queue")]
    public string? Queue { get; init; }

    [FromQuery(Name = "skill")]
    public string? Skill { get; init; }

    [FromQuery(Name = "signedIn")]
    public string? SignedIn { get; init; }

    [FromQuery(Name = "text")]
    public string? Text { get; init; }

    [FromQuery(Name = "agents"), QueryList]
    public string? Agents { get; init; }

    [FromQuery(Name = "stuck")]
    public string? Stuck { get; init; }

    /// <summary>Reads them all.</summary>
    /// <exception cref="InvalidQueryException">One is bad.</exception>
    public RealTimeQuery Bind(HttpContext http)
    {
        var range = Range ?? TimeRange ?? RealTimeQuery.Today;
        if (!RealTimeQuery.Ranges.Contains(range))
            throw new InvalidQueryException("range", "must be today, last24h or openBeyond24h");
        if (Tab is not null && !RealTimeQuery.Tabs.Contains(Tab))
            throw new InvalidQueryException("tab", "must be online, offline or with-sessions");
        return new RealTimeQuery
        {
            Range = range,
            Zone = ZoneQuery.Read(TimeZone),
            Tab = Tab,
            Base = QueryValues.Base(Base, "base"),
            Status = QueryValues.Id(Status, "status"),
            Queue = QueryValues.Id(Queue, "queue"),
            Skill = QueryValues.Id(Skill, "skill"),
            SignedIn = QueryValues.Flag(SignedIn, "signedIn"),
            Text = string.IsNullOrEmpty(Text) ? null : QueryValues.Text(Text, "text"),
            Agents = QueryLists.Identifiers(http, "agents"),
            Stuck = QueryValues.Flag(Stuck, "stuck"),
        };
    }
}

/// <summary>The real-time agents report (docs/real-time.md): a page of it, and an agent in detail.</summary>
internal static class RealTimeEndpoints
{
    public const string Path = "/reports/real-time/agents";

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet(Path, ListAsync)
            .Allow(actor => Permissions.CheckReport(actor))
            .WithTags("Reports")
            .WithMetadata(new Paged(), new ReadsYourWrites())
            .WithSummary("How agents stand now, with the numbers of today or of the last 24 hours; a summary and a page of rows.")
            .Produces<RealTimeAnswer>()
            .ProducesProblems(400, 403, 503);
        api.MapGet(Path + "/{agentId}", FindAsync)
            .Allow((actor, agentId) => Permissions.CheckReport(actor, agentId))
            .WithTags("Reports")
            .WithMetadata(new ReadsYourWrites())
            .WithSummary("An agent of the real-time report: conversations, capacity, skills, and the presence history of the range.")
            .Produces<RealTimeAgentAnswer>()
            .ProducesProblems(400, 403, 404, 503);
    }

    private static async Task<IResult> ListAsync(
        HttpContext http,
        [AsParameters] RealTimeParameters asked,
        RealTimeAgents agents,
        ReportLedger ledger
    )
    {
        var (query, paging) = (asked.Bind(http), PageQuery.Read(http));
        await ReadPositionHeaders.WaitAsync(http);
        await ledger.BeginAsync(http.RequestAborted);
        var (answer, read) = await agents.PageAsync(query, paging, http.RequestAborted);
        return ReadPositionHeaders.Json(http, answer, read);
    }

    private static async Task<IResult> FindAsync(
        HttpContext http,
        string agentId,
        string? range,
        string? timeRange,
        string? timeZone,
        RealTimeAgents agents,
        ReportLedger ledger
    )
    {
        var asked = new RealTimeParameters
        {
            Range = range,
            TimeRange = timeRange,
            TimeZone = timeZone,
        };
        var query = asked.Bind(http);
        await ReadPositionHeaders.WaitAsync(http, agentId);
        await ledger.BeginAsync(http.RequestAborted);
        var (agent, read) = await agents.FindAsync(query, agentId, http.RequestAborted);
        return ReadPositionHeaders.Json(http, agent, read);
    }
}
