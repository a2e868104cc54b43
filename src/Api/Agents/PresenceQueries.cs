using System.ComponentModel;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Routing;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Presence;

namespace PresenceLedger.Api.Agents;

/// <summary>Current presence from the read model: of one agent, of a list, and of those whom work may be given to.</summary>
internal static class PresenceQueries
{
    private const int MostUnits = 1_000_000;
    private const int MostNames = 50;

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/agents/{agentId}/presence", PresenceAsync)
            .WithTags("Queries")
            .WithMetadata(new ReadsYourWrites())
            .WithSummary("The current presence.")
            .Produces<PresenceAnswer>()
            .ProducesProblems(404, 503);
        api.MapGet("/agents", ListAsync)
            .WithTags("Queries")
            .WithMetadata(new Paged(), new ReadsYourWrites())
            .WithSummary("Agents with their presence; filters narrow, all of them together.")
            .Produces<Page<PresenceAnswer>>()
            .ProducesProblem(StatusCodes.Status400BadRequest);
        api.MapGet("/routing/eligible", EligibleAsync)
            .WithTags("Queries")
            .WithMetadata(new Paged(), new ReadsYourWrites(), new MayAnswer(typeof(EligibilityAnswer)))
            .WithSummary(
                "Signed-in agents whose base status is allowed and whose capacity suffices, most available first; or why an agent is not."
            )
            .Produces<Page<EligibleAgent>>()
            .ProducesProblems(400, 404, 503);
    }

    private static async Task<IResult> PresenceAsync(HttpContext http, string agentId, Presences presences)
    {
        await ReadPositionHeaders.WaitAsync(http, agentId);
        var (presence, read) = await presences.FindAsync(agentId, http.RequestAborted);
        CommandEndpoint.SetVersion(http, presence.Version);
        return ReadPositionHeaders.Json(http, presence, read);
    }

    private static async Task<IResult> ListAsync(
        HttpContext http,
        Presences presences,
        string? @base,
        string? status,
        string? queue,
        string? skill,
        string? signedIn,
        string? text
    )
    {
        var paging = PageQuery.Read(http);
        QueryValues.Base(@base, "base");
        var query = new PresencesQuery
        {
            Base = @base,
            Status = QueryValues.Id(status, "status"),
            Queue = QueryValues.Id(queue, "queue"),
            Skill = QueryValues.Id(skill, "skill"),
            SignedIn = QueryValues.Flag(signedIn, "signedIn"),
            Text = QueryValues.Text(text, "text"),
        };
        await ReadPositionHeaders.WaitAsync(http);
        var (page, read) = await presences.ListAsync(query, paging, http.RequestAborted);
        return ReadPositionHeaders.Json(http, page, read);
    }

    private static async Task<IResult> EligibleAsync(
        HttpContext http,
        EligibleAgents agents,
        [QueryList, Description("Base statuses, with commas between them (available,busy).")] string? allowed,
        [Description("Capacity units that the work takes (0).")] string? units,
        [QueryList, Description("Capacity profiles that it takes an item of.")] string? profiles,
        [Description("A queue that the agent works in.")] string? queue,
        [QueryList, Description("Skills, all of them.")] string? skills,
        [Description("An agent: answers whether it is eligible, and if not, why.")] string? why,
        [Description("With why: the least version of the agent.")] string? minVersion
    )
    {
        var need = new Need
        {
            Units = QueryValues.Number(units, "units", 0, MostUnits) ?? 0,
            Queue = QueryValues.Id(queue, "queue"),
            Profiles = [.. QueryLists.Identifiers(http, "profiles", MostNames) ?? []],
            Skills = [.. QueryLists.Identifiers(http, "skills", MostNames) ?? []],
        };
        if (QueryLists.Read(http, "allowed", text => QueryValues.Bases.ContainsKey(text) ? null : QueryValues.BaseRule) is { } bases)
            need = need with { Allowed = [.. bases.Select(b => QueryValues.Bases[b])] };
        var paging = PageQuery.Read(http, EligibleAgents.IsCursor);
        QueryValues.Id(why, "why");
        if (minVersion is not null && why is null)
            throw new InvalidQueryException("minVersion", "goes with 'why', which names the agent that it is of");
        await ReadPositionHeaders.WaitAsync(http, why);
        if (why is null)
        {
            var (page, read) = await agents.ListAsync(need, paging, http.RequestAborted);
            return ReadPositionHeaders.Json(http, page, read);
        }
        var (answer, at) = await agents.WhyAsync(need, why, http.RequestAborted);
        return ReadPositionHeaders.Json(http, answer, at);
    }
}
