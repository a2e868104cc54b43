using System.ComponentModel;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Privacy;

namespace PresenceLedger.Api.Privacy;

/// <summary>Disputes: raised by agents, answered by supervisors, listed; and who read the audit of an agent.</summary>
internal static class Disputes
{
    private const string Tag = "Privacy";

    public static void Map(RouteGroupBuilder api, RouteGroupBuilder agent)
    {
        Command<DisputeEntry>(
            agent.MapPost(
                "/disputes",
                (HttpContext http, string agentId, Body<DisputeBody> body) =>
                    CommandEndpoint.SendAsync(http, agentId, body, b => new DisputeEntry(b.Version!.Value))
            ),
            "The agent disputes an entry of the own timeline, in words."
        );
        Command<AnswerDispute>(
            agent.MapPost(
                "/disputes/{version:long}/answer",
                (HttpContext http, string agentId, long version, Body<DisputeAnswerBody> body) =>
                    CommandEndpoint.SendAsync(
                        http,
                        agentId,
                        body,
                        b => new AnswerDispute(version, b.Accepted!.Value),
                        null,
                        RefusalCodes.DisputeUnknown
                    )
            ),
            "Answer the open dispute of an entry. What is to be put right is put right by a correction."
        );
        agent
            .MapGet("/disputes", OfAgentAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags(Tag)
            .WithMetadata(new Paged())
            .WithSummary("The agent's disputes, by the version of the disputed entry.")
            .Produces<Page<DisputeItem>>()
            .ProducesProblems(403, 404);
        agent
            .MapGet("/readers", ReadersAsync)
            .Allow(Permissions.CheckReaders)
            .WithTags(Tag)
            .WithMetadata(new Paged())
            .WithSummary("Who else read the agent's audit, the newest first: when, what, of which time, and what for.")
            .Produces<Page<ReaderAnswer>>()
            .ProducesProblems(403, 404);
        api.MapGet("/disputes", OfAllAsync)
            .Allow(Permissions.CheckDisputes)
            .WithTags(Tag)
            .WithMetadata(new Paged(), new ReadsYourWrites())
            .WithSummary("Disputes of all agents, the oldest first.")
            .Produces<Page<DisputeItem>>()
            .ProducesProblems(403, 503);
    }

    private static async Task<IResult> OfAgentAsync(
        HttpContext http,
        string agentId,
        DisputeList disputes,
        [Description("Only those that await an answer (true), or only the others (false).")] string? open
    ) =>
        Results.Json(
            await disputes.OfAgentAsync(agentId, QueryValues.Flag(open, "open"), PageQuery.Read(http), http.RequestAborted),
            WireJson.Options
        );

    private static async Task<IResult> OfAllAsync(
        HttpContext http,
        DisputeList disputes,
        [Description("Only those that await an answer (true), or only the others (false).")] string? open
    )
    {
        var (isOpen, paging) = (QueryValues.Flag(open, "open"), PageQuery.Read(http, DisputeList.IsCursor));
        await ReadPositionHeaders.WaitAsync(http);
        var (page, read) = await disputes.OfAllAsync(isOpen, paging, http.RequestAborted);
        return ReadPositionHeaders.Json(http, page, read);
    }

    private static async Task<IResult> ReadersAsync(HttpContext http, string agentId, ReaderList readers) =>
        Results.Json(await readers.OfAsync(agentId, PageQuery.Read(http), http.RequestAborted), WireJson.Options);

    private static void Command<TCommand>(RouteHandlerBuilder endpoint, string summary)
        where TCommand : AgentCommand => endpoint.IsCommand<TCommand>(Tag, summary);
}
