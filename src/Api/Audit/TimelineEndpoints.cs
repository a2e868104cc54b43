using System.ComponentModel;
using System.Globalization;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Queries;
using PresenceLedger.Queries.AsOf;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Audit;

/// <summary>The audit of an agent: its timeline, why it was what it was, and its states of the past.</summary>
internal static class TimelineEndpoints
{
    public static void Map(RouteGroupBuilder agent)
    {
        agent
            .MapGet("/timeline", TimelineAsync)
            .IsAudit("Every event of the agent, explained; order=asc (default) or desc, from and to by when they took effect.")
            .WithMetadata(new Paged())
            .Produces<Page<TimelineEntry>>();
        agent
            .MapGet("/why", WhyAsync)
            .IsAudit("Why the agent was what it was at an instant, in a paragraph, with the events and rules under it.")
            .Produces<WhyAnswer>();
        agent
            .MapGet("/state", StateAsync)
            .IsAudit(
                "The state as of an instant (at), as the ledger knew it at another (knownAt), or as of a version; the present one where none is given."
            )
            .Produces<StateAnswer>();
        agent
            .MapGet("/diff", DiffAsync)
            .IsAudit(
                "What is other in the state at an instant (to; now) than at an earlier one (from), of what the ledger knew at knownAt."
            )
            .Produces<DiffAnswer>();
    }

    private static RouteHandlerBuilder IsAudit(this RouteHandlerBuilder endpoint, string summary) =>
        endpoint.Allow(Permissions.CheckAudit).WithTags("Audit").WithSummary(summary).ProducesProblems(400, 404);

    private static async Task<IResult> TimelineAsync(
        HttpContext http,
        string agentId,
        AgentTimeline timeline,
        string? from,
        string? to,
        string? order,
        [QueryList, Description("Types of events, as in presence-changed,agent-signed-in.")] string? type,
        [QueryList, Description("Rules, as in CAP-3,CAP-6.")] string? rule,
        [QueryList, Description("Who did it, as in supervisor:sue or system.")] string? actor
    )
    {
        var paging = PageQuery.Read(http);
        if (order is not (null or "asc" or "desc"))
            throw new InvalidQueryException("order", "must be asc or desc");
        var query = new TimelineQuery(
            agentId,
            TimelineFilter.Of(List("type"), List("rule"), List("actor")),
            InstantQuery.Read(from, "from"),
            InstantQuery.Read(to, "to"),
            Descending: order == "desc"
        );
        return Results.Json(await timeline.AnswerAsync(query, paging, Language.Of(http), http.RequestAborted), WireJson.Options);

        string[] List(string name) => [.. QueryLists.Items(http.Request.Query[name])];
    }

    private static async Task<IResult> WhyAsync(
        HttpContext http,
        string agentId,
        Inquiry inquiry,
        ShownEntries shown,
        TimeProvider clock,
        [Description("The instant; now where it is left out. Without a fraction it is the whole second: what stood at its end.")] string? at
    )
    {
        var now = clock.GetUtcNow().ToMillisecond();
        var moment = InstantQuery.ReadPast(at, "at", clock) is { } asked ? Moment.WholeSecond(at!, asked, now) : now;
        var answer =
            await inquiry.WhyAsync(agentId, moment, Language.Of(http), http.RequestAborted) ?? throw RefusedException.AgentUnknown(agentId);
        return Results.Json(await shown.OfAsync(answer, http.RequestAborted), WireJson.Options);
    }

    private static async Task<IResult> StateAsync(
        HttpContext http,
        string agentId,
        States states,
        TimeProvider clock,
        string? at,
        string? knownAt,
        string? version
    )
    {
        if (version is not null && (at ?? knownAt) is not null)
            throw new InvalidQueryException("version", "goes without 'at' and 'knownAt'");
        long? upTo =
            version is null ? null
            : long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new InvalidQueryException("version", "must be a whole number from 0");
        var query = new StateQuery(agentId, InstantQuery.Read(at, "at"), InstantQuery.ReadPast(knownAt, "knownAt", clock), upTo);
        return Results.Json(await states.AnswerAsync(query, http.RequestAborted), WireJson.Options);
    }

    private static async Task<IResult> DiffAsync(
        HttpContext http,
        string agentId,
        States states,
        TimeProvider clock,
        string? from,
        string? to,
        string? knownAt
    )
    {
        var query = new DiffQuery(
            agentId,
            InstantQuery.Read(from, "from") ?? throw new InvalidQueryException("from", "is required"),
            InstantQuery.Read(to, "to"),
            InstantQuery.ReadPast(knownAt, "knownAt", clock)
        );
        return Results.Json(await states.AnswerAsync(query, http.RequestAborted), WireJson.Options);
    }
}
