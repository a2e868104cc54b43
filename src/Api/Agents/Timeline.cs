using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Agents;

/// <summary>The audit timeline: every event of an agent, explained. It reads the log, never a projection.</summary>
internal static class Timeline
{
    public static void Map(RouteGroupBuilder agent) =>
        agent
            .MapGet("/timeline", GetAsync)
            .WithTags("Audit")
            .WithMetadata(new Paged())
            .WithSummary("Every event of the agent, explained; order=asc (default) or desc, from and to by when they took effect.")
            .Produces<Page<TimelineEntry>>()
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        ILog log,
        ConfigurationStream configuration,
        string? from,
        string? to,
        string? order
    )
    {
        if (Permissions.CheckAudit(http.Actor(), agentId) is { } forbidden)
            return Problems.Of(forbidden);
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        if (order is not (null or "asc" or "desc"))
            return Problems.Validation("order", "must be asc or desc");
        if (InstantQuery.Read(from, "from", out var first) is { } badFrom)
            return badFrom;
        if (InstantQuery.Read(to, "to", out var end) is { } badTo)
            return badTo;

        var ct = http.RequestAborted;
        var stream = StreamNames.Agent(agentId);
        var versions = new StreamVersions(log, stream, ct);
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
        if (lowest > highest)
            return Results.Json(new Page<TimelineEntry>([]), WireJson.Options);

        var count = (int)Math.Min(paging.Limit, highest - lowest + 1);
        var page = descending
            ? await log.ReadStreamBackwardsAsync(stream, highest, count, ct)
            : await log.ReadStreamAsync(stream, lowest, count, ct);
        var entries = await ExplainAsync(page, log, configuration.Current, ct);
        var more = highest - lowest + 1 > count;
        var next = more ? Paging.Cursor(entries[^1].Version.ToString(CultureInfo.InvariantCulture)) : null;
        return Results.Json(new Page<TimelineEntry>(entries) { Next = next }, WireJson.Options);
    }

    private static async Task<List<TimelineEntry>> ExplainAsync(
        IReadOnlyList<StoredEvent> page,
        ILog log,
        Configuration configuration,
        CancellationToken ct
    )
    {
        var events = page.ToDictionary(e => e.Record.Version, e => (AgentEvent)WireNames.Read(e.Record));
        var entries = new List<TimelineEntry>(page.Count);
        foreach (var stored in page)
        {
            var e = events[stored.Record.Version];
            AgentEvent? followed = null;
            if (e is PresenceChanged { Follows: { } version } && !events.TryGetValue(version, out followed))
                followed = (AgentEvent)WireNames.Read((await log.ReadStreamAsync(stored.Record.Stream, version, 1, ct))[0].Record);
            entries.Add(TimelineEntry.Of(stored, e, Explanation.Of(e, followed, configuration)));
        }
        return entries;
    }
}

/// <summary>One event of the audit timeline.</summary>
public sealed record TimelineEntry(
    long Version,
    string Position,
    Guid EventId,
    string Type,
    DateTimeOffset OccurredAt,
    DateTimeOffset RecordedAt,
    ActorAnswer Actor,
    Guid CausationId,
    string CorrelationId,
    string? Client,
    string? ConnectionId,
    long PolicyVersion,
    Reason? Reason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StandingStatusAnswer? From,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StandingStatusAnswer? To,
    string? Rule,
    string Explanation,
    JsonElement Data,
    string Hash
)
{
    internal static TimelineEntry Of(StoredEvent stored, AgentEvent e, string explanation)
    {
        var record = stored.Record;
        var metadata = LedgerJson.Read<EventMetadata>(record.Metadata);
        var changed = e as PresenceChanged;
        return new TimelineEntry(
            record.Version,
            stored.Position.ToString(),
            record.EventId,
            WireNames.Short(record.Type),
            record.OccurredAt,
            record.RecordedAt,
            new ActorAnswer(metadata.Actor.Kind, metadata.Actor.Id),
            metadata.CausationId,
            metadata.CorrelationId,
            metadata.Client,
            metadata.ConnectionId,
            metadata.PolicyVersion,
            metadata.Reason,
            StandingStatusAnswer.Of(changed?.From),
            StandingStatusAnswer.Of(changed?.To),
            metadata.Rule,
            explanation,
            JsonElement.Parse(record.Data),
            Convert.ToHexStringLower(record.Hash)
        );
    }
}

/// <summary>Who did it.</summary>
public sealed record ActorAnswer(Persona Kind, string Id);

/// <summary>A status as it stood.</summary>
public sealed record StandingStatusAnswer(string StatusId, Domain.Statuses.BaseStatus Base, Origin Origin)
{
    internal static StandingStatusAnswer? Of(StandingStatus? status) =>
        status is null ? null : new(status.StatusId, status.Base, status.Origin);
}
