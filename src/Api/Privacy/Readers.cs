using System.Globalization;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Access;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Privacy;

/// <summary>Who read the audit of an agent, when, and what for.</summary>
internal static class Readers
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/readers", GetAsync)
            .Allow(Permissions.CheckReaders)
            .WithTags("Privacy")
            .WithMetadata(new Paged())
            .WithSummary("Who else read the agent's audit, the newest first: when, what, of which time, and what for.")
            .Produces<Page<ReaderAnswer>>()
            .ProducesProblems(403, 404);

    private static async Task<IResult> GetAsync(HttpContext http, string agentId, AccessLog access, AgentStreams agents)
    {
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        long? before = null;
        if (paging.After is { } cursor)
        {
            if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var version))
                return Problems.Validation("cursor", "must be the 'next' of an earlier page");
            before = version;
        }
        var ct = http.RequestAborted;
        if (!(await agents.KnownAsync(agentId, ct)).IsRegistered)
            return Problems.Of(Refusal.AgentUnknown(agentId));
        var events = await access.ReadAsync(agentId, before, paging.Limit + 1, ct);
        var shown = events.Take(paging.Limit).ToArray();
        return Results.Json(
            new Page<ReaderAnswer>([.. shown.Select(ReaderAnswer.Of)])
            {
                Next = events.Count > shown.Length ? Paging.Cursor(shown[^1].Version.ToString(CultureInfo.InvariantCulture)) : null,
            },
            WireJson.Options
        );
    }
}

/// <summary>Somebody read the audit of an agent.</summary>
/// <param name="By">Who.</param>
/// <param name="At">When; the first of reads that repeated each other.</param>
/// <param name="What">What.</param>
/// <param name="From">Of which time on; null for the beginning, or where it is not of a time.</param>
/// <param name="To">Until when.</param>
/// <param name="Purpose">What for, where it was said.</param>
public sealed record ReaderAnswer(ActorAnswer By, DateTimeOffset At, string What, DateTimeOffset? From, DateTimeOffset? To, string? Purpose)
{
    internal static ReaderAnswer Of(EventRecord e)
    {
        var (actor, read) = (LedgerJson.Read<EventMetadata>(e.Metadata).Actor, (AuditRead)WireNames.ReadData(e));
        return new ReaderAnswer(ActorAnswer.Of(actor), e.OccurredAt, read.What, read.From, read.To, read.Purpose);
    }
}
