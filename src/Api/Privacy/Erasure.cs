using Marten;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Reasons;
using PresenceLedger.Projections;

namespace PresenceLedger.Api.Privacy;

/// <summary>
/// Erases the person behind an agent: the name in the directory and the texts of reasons. The event comes first; what it says is done each
/// time it is asked for, so that asking again makes up for what a service that died left undone.
/// </summary>
internal static class Erasure
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapPost("/erasure", EraseAsync)
            .IsCommand<ErasePerson>(
                "Privacy",
                "Erase the person behind an agent who is signed out: the name, and the texts of reasons. The chain still holds."
            );

    private static async Task<IResult> EraseAsync(
        HttpContext http,
        string agentId,
        Body<ErasureBody> body,
        AgentStreams agents,
        IReasonTexts texts,
        IDocumentStore store
    )
    {
        var answer = await CommandEndpoint.SendAsync(http, agentId, body, _ => new ErasePerson());
        if (answer is not IStatusCodeHttpResult { StatusCode: StatusCodes.Status200OK })
            return answer;
        // Seen through, whoever waits for it.
        var agent = await agents.CurrentAsync(agentId, CancellationToken.None);
        if (agent.ErasedAt is { } erasedAt)
            await texts.EraseAsync([StreamNames.Agent(agentId), StreamNames.Access(agentId)], erasedAt, CancellationToken.None);
        await using var session = store.LightweightSession();
        // The entry stays, without a name: so a registration that is sent again does not bring the name back.
        session.Store(new DirectoryEntry { Id = agentId });
        await session.SaveChangesAsync(CancellationToken.None);
        return answer;
    }
}
