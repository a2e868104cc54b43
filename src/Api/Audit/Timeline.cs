using System.ComponentModel;
using System.Globalization;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Authorization;

namespace PresenceLedger.Api.Audit;

/// <summary>The audit timeline: every event of an agent, explained. It reads the log, never a projection.</summary>
internal static class Timeline
{
    /// <summary>How many events one request looks at, where few of them fit.</summary>
    private const int MostLookedAt = 10_000;
    private const int LookedAtAtOnce = 1000;

    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/timeline", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Audit")
            .WithMetadata(new Paged())
            .WithSummary("Every event of the agent, explained; order=asc (default) or desc, from and to by when they took effect.")
            .Produces<Page<TimelineEntry>>()
            .ProducesProblems(400, 404);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        Records records,
        Entries entries,
        ShownEntries shown,
        string? from,
        string? to,
        string? order,
        [QueryList, Description("Types of events, as in presence-changed,agent-signed-in.")] string? type,
        [QueryList, Description("Rules, as in CAP-3,CAP-6.")] string? rule,
        [QueryList, Description("Who did it, as in supervisor:sue or system.")] string? actor
    )
    {
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        if (order is not (null or "asc" or "desc"))
            return Problems.Validation("order", "must be asc or desc");
        if (InstantQuery.Read(from, "from", out var first) is { } badFrom)
            return badFrom;
        if (InstantQuery.Read(to, "to", out var end) is { } badTo)
            return badTo;
        if (TimelineFilter.ReadLists(List("type"), List("rule"), List("actor"), out var filter) is { } bad)
            return Problems.Validation(bad.Field, bad.Error);

        string[] List(string name) => [.. QueryLists.Items(http.Request.Query[name])];
        var ct = http.RequestAborted;
        var versions = records.VersionsOf(agentId, ct);
        var last = await versions.LastAsync();
        if (last < 0)
            return Problems.Of(Refusal.AgentUnknown(agentId));

        // Instants never go back within a stream (TIM-1), so they are found by halving.
        var lowest = first is { } f ? await versions.FirstAtOrAfterAsync(f, last) : 0;
        var highest = end is { } t ? await versions.FirstAtOrAfterAsync(t, last) - 1 : last;
        var descending = order == "desc";
        if (paging.After is { } cursor)
        {
            if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var seen))
                return Problems.Validation("cursor", "must be the 'next' of an earlier page");
            if (descending)
                highest = Math.Min(highest, seen - 1);
            else
                lowest = Math.Max(lowest, seen + 1);
        }

        var history = records.HistoryOf(agentId, ct);
        var (found, upTo) = await FindAsync(history, lowest, highest, descending, filter, paging.Limit);
        return Results.Json(
            new Page<TimelineEntry>(await shown.OfAsync(agentId, await entries.OfAsync(history, found, Wording.Asked(http), ct), ct))
            {
                Next = upTo is { } version ? Paging.Cursor(version.ToString(CultureInfo.InvariantCulture)) : null,
            },
            WireJson.Options
        );
    }

    /// <summary>
    /// The next events that fit, and the version after which the next page begins; null where there is none. Where few fit, a page
    /// may be short and still have one after it: nobody waits for the whole of a long life.
    /// </summary>
    private static async Task<(List<AuditedEvent> Found, long? UpTo)> FindAsync(
        AgentHistory history,
        long lowest,
        long highest,
        bool descending,
        TimelineFilter filter,
        int limit
    )
    {
        var found = new List<AuditedEvent>();
        var lookedAt = 0;
        while (lowest <= highest)
        {
            var count = (int)Math.Min(filter.TakesAll ? limit + 1 - found.Count : LookedAtAtOnce, highest - lowest + 1);
            var page = descending ? await history.BackwardsAsync(highest, count) : await history.ForwardsAsync(lowest, count);
            if (page.Count == 0)
                break;
            foreach (var e in page)
            {
                if (!filter.Takes(e))
                    continue;
                if (found.Count == limit)
                    return (found, found[^1].Version);
                found.Add(e);
            }
            if (descending)
                highest = page[^1].Version - 1;
            else
                lowest = page[^1].Version + 1;
            lookedAt += page.Count;
            if (lookedAt >= MostLookedAt && lowest <= highest)
                return (found, page[^1].Version);
        }
        return (found, null);
    }
}
