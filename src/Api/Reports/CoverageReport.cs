using System.Globalization;
using System.Text.Json.Serialization;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Api.Reports.RealTime;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Reports;

/// <summary>When too few agents of a queue were routable, and why (docs/real-time.md).</summary>
internal static class CoverageReport
{
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(31);
    private static readonly TimeSpan DefaultWindow = TimeSpan.FromHours(24);

    /// <summary>For so many causes of a page the reason is looked up in the ledger.</summary>
    private const int MostReasons = 200;

    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/reports/coverage", GetAsync)
            .Allow(actor => Permissions.CheckReport(actor))
            .WithTags("Reports")
            .WithMetadata(new Paged(), new ReadsYourWrites())
            .WithSummary("The stretches in which fewer than so many agents (below, 1) of a queue were routable, with the causes.")
            .Produces<CoverageAnswer>()
            .ProducesProblems(400, 403, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        LatestAgents latest,
        ILog log,
        Reasons given,
        Records records,
        TimeProvider clock,
        ReadPosition position,
        string? queue,
        string? from,
        string? to,
        string? timeZone,
        string? below,
        string? view,
        string? asKnownAt
    )
    {
        if (queue is null || !Identifiers.IsValid(queue))
            return Problems.Validation("queue", Identifiers.Error);
        if (ZoneQuery.Read(timeZone, out var zone) is { } badZone)
            return badZone;
        if (ZoneQuery.ReadInstant(from, "from", zone, out var first) is { } badFrom)
            return badFrom;
        if (ZoneQuery.ReadInstant(to, "to", zone, out var last) is { } badTo)
            return badTo;
        var least = 1;
        if (below is not null && (!int.TryParse(below, NumberStyles.None, CultureInfo.InvariantCulture, out least) || least < 1))
            return Problems.Validation("below", "must be a whole number from 1");
        if (view is not (null or "" or ReportWindow.RawView))
            return Problems.Validation("view", "must be raw: who was routable is a fact that no later correction changes");
        if (InstantQuery.Read(asKnownAt, "asKnownAt", out var knownAt) is { } badKnownAt)
            return badKnownAt;
        if (knownAt > clock.Now())
            return Problems.Validation("asKnownAt", "must not be in the future");
        if (Paging.Read(http, out var paging, IsCursor) is { } badPage)
            return badPage;
        var ct = http.RequestAborted;
        if (!await RealTimeEndpoints.HasBegunAsync(position, ct))
            return ReadPositionHeaders.Behind(http);
        var (facts, problem) = await ReportFacts.OpenAsync(http, knownAt);
        if (facts is null)
            return problem!;

        DateTimeOffset start;
        DateTimeOffset end;
        var asOf = facts.AsOf;
        var agents = new List<AgentFacts>();
        await using (facts)
        {
            var snapshot = facts.Snapshot;
            end = last < asOf ? last.Value : asOf;
            start = first ?? end - DefaultWindow;
            if (start >= end)
                return Problems.Validation("from", "must be earlier than 'to', and not in the future");
            if (end - start > LongestWindow)
                return Problems.Validation("from", "must be at most 31 days before 'to'");
            var ids = (await snapshot.AllOpenAsync(latest, ct))
                .Where(open => open.Queues.Queues.Contains(queue))
                .Select(open => open.Agent.AgentId)
                .Union(await snapshot.AgentsWhoLeftAsync(queue, start, end, knownAt, ct), StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .ToArray();
            var window = new FactsWindow(start, end)
            {
                InDetail = true,
                WithQueues = true,
                KnownAt = knownAt,
            };
            await foreach (var record in snapshot.ReadAsync(ids, window, ct))
                agents.Add(record.Facts);
        }

        var blocking = BlockingProfiles.Of(await records.Configurations.KnownAtAsync(knownAt, ct));
        var coverage = new Coverage(queue, agents, start, end, blocking);
        var page = coverage
            .Below(least)
            .Where(s => paging.After is null || s.Start > Instants(paging.After))
            .Take(paging.Limit + 1)
            .ToArray();
        var shown = page.Take(paging.Limit).Select(s => (Shortage: s, Causes: coverage.CausesOf(s))).ToArray();
        var reasons = await ReasonsAsync(log, given, shown.SelectMany(s => s.Causes), ct);
        return Results.Json(
            new CoverageAnswer
            {
                AsOf = asOf,
                From = start,
                To = end,
                TimeZone = zone.Id,
                TimeZoneVersion = Zones.Version,
                AsKnownAt = knownAt,
                Queue = queue,
                Below = least,
                Items =
                [
                    .. shown.Select(s => new ShortageAnswer(
                        s.Shortage.Start,
                        s.Shortage.End,
                        (s.Shortage.End - s.Shortage.Start).TotalSeconds,
                        s.Shortage.Routable,
                        [
                            .. s.Causes.Select(c => new CauseAnswer(c.AgentId, c.Cause, c.StatusId, c.Since, c.Rule, c.Actor)
                            {
                                Reason = reasons.GetValueOrDefault((c.AgentId, c.Version ?? -1)),
                            }),
                        ]
                    )),
                ],
                Next =
                    page.Length > paging.Limit
                        ? Paging.Cursor(page[paging.Limit - 1].Start.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture))
                        : null,
            },
            WireJson.Options
        );
    }

    /// <summary>What was said to what somebody did; facts do not keep it.</summary>
    private static async Task<Dictionary<(string, long), ReasonAnswer>> ReasonsAsync(
        ILog log,
        Reasons given,
        IEnumerable<AbsenceCause> causes,
        CancellationToken ct
    )
    {
        var recorded = new Dictionary<(string AgentId, long Version), GivenReason>();
        var said = causes.Where(c => c is { Actor.Kind: not Persona.System, Version: >= 0 }).DistinctBy(c => (c.AgentId, c.Version));
        foreach (var cause in said.Take(MostReasons))
        {
            var events = await log.ReadStreamAsync(StreamNames.Agent(cause.AgentId), cause.Version!.Value, 1, ct);
            if (
                events.Count > 0
                && LedgerJson.Read<EventMetadata>(events[0].Record.Metadata) is { Reason: { } reason } by
                && by.Actor == cause.Actor
            )
                recorded.Add((cause.AgentId, cause.Version.Value), new(cause.AgentId, reason, events[0].Record.OccurredAt));
        }
        var read = await given.ReadAsync(recorded.Values, ct);
        return recorded.ToDictionary(r => r.Key, r => read.Of(r.Value)!);
    }

    private static bool IsCursor(string? text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var at) && Math.Abs(at) < 100_000_000_000_000;

    private static DateTimeOffset Instants(string cursor) =>
        DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(cursor, CultureInfo.InvariantCulture));
}

/// <summary>When too few agents of a queue were routable, a page of it.</summary>
public sealed record CoverageAnswer
{
    public required DateTimeOffset AsOf { get; init; }
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required string TimeZone { get; init; }
    public required string TimeZoneVersion { get; init; }

    /// <summary>Always raw: coverage is of what was.</summary>
    public string View { get; } = ReportWindow.RawView;

    /// <summary>Only what was recorded by this instant counts; left out where all does.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AsKnownAt { get; init; }
    public string Definitions { get; } = "/api/v1/reports/metrics";
    public required string Queue { get; init; }
    public required int Below { get; init; }
    public required IReadOnlyList<ShortageAnswer> Items { get; init; }

    /// <summary>The cursor of the page after; left out of the last one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Next { get; init; }
}

/// <summary>A stretch with fewer than were asked for.</summary>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended; not part of it.</param>
/// <param name="DurationSeconds">How long it was.</param>
/// <param name="Routable">The fewest that were routable within it.</param>
/// <param name="Causes">Who of the queue was not; first who dropped out as it began.</param>
public sealed record ShortageAnswer(
    DateTimeOffset Start,
    DateTimeOffset End,
    double DurationSeconds,
    int Routable,
    IReadOnlyList<CauseAnswer> Causes
);

/// <summary>Why an agent was not routable.</summary>
public sealed record CauseAnswer(string AgentId, Absence Cause, string? StatusId, DateTimeOffset? Since, string? Rule, Actor? Actor)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ReasonAnswer? Reason { get; init; }
}
