using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Reports.RealTime;

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
        [AsParameters] RealTimeParameters parameters,
        RealTimeAgents agents,
        ReadPosition position
    )
    {
        if (RealTimeQuery.Read(http, parameters, out var query) is { } bad)
            return bad;
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        if (await ReadPositionHeaders.WaitAsync(http, position) is { } behind)
            return behind;
        if (!await HasBegunAsync(position, http.RequestAborted))
            return ReadPositionHeaders.Behind(http);

        string? next = null;
        var look = await agents.LookAsync(query, PageOf, http.RequestAborted);
        ReadPositionHeaders.Set(http, look.Read.Position);
        return Results.Json(AnswerOf(query, look) with { Next = next }, WireJson.Options);

        IReadOnlyList<string> PageOf(IReadOnlyList<Standing> listed)
        {
            var rest = listed
                .Select(agent => agent.AgentId)
                .Where(id => paging.After is null || string.CompareOrdinal(id, paging.After) > 0)
                .Take(paging.Limit + 1)
                .ToList();
            if (rest.Count <= paging.Limit)
                return rest;
            rest.RemoveAt(paging.Limit);
            next = Paging.Cursor(rest[^1]);
            return rest;
        }
    }

    private static async Task<IResult> FindAsync(
        HttpContext http,
        string agentId,
        string? range,
        string? timeRange,
        string? timeZone,
        RealTimeAgents agents,
        ReadPosition position
    )
    {
        var parameters = new RealTimeParameters
        {
            Range = range,
            TimeRange = timeRange,
            TimeZone = timeZone,
        };
        if (RealTimeQuery.Read(http, parameters, out var query) is { } bad)
            return bad;
        if (await ReadPositionHeaders.WaitAsync(http, position, agentId) is { } behind)
            return behind;
        if (!await HasBegunAsync(position, http.RequestAborted))
            return ReadPositionHeaders.Behind(http);
        var (agent, read) = await agents.FindAsync(query, agentId, http.RequestAborted);
        if (agent is null)
            return Problems.Of(Refusal.AgentUnknown(agentId));
        ReadPositionHeaders.Set(http, read.Position);
        return Results.Json(agent, WireJson.Options);
    }

    /// <summary>A page as it is answered.</summary>
    public static RealTimeAnswer AnswerOf(RealTimeQuery query, Look look) =>
        new()
        {
            AsOf = look.Read.AsOf,
            From = look.From,
            To = look.Read.AsOf,
            TimeZone = query.Zone.Id,
            TimeZoneVersion = Zones.Version,
            Range = query.Range,
            Conserved = look.Conserved,
            Summary = look.Summary,
            Items = look.Rows,
        };

    /// <summary>Waits for facts of any instant: a read model that was never filled is not one without agents.</summary>
    public static Task<bool> HasBegunAsync(ReadPosition position, CancellationToken ct) =>
        position.WaitAsync(read => read.AsOf > DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(5), ct);
}
