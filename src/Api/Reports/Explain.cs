using System.ComponentModel;
using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Reports;

/// <summary>Which number of an agent is to be explained, as it came.</summary>
public sealed class ExplainParameters : FilterParameters
{
    /// <summary>Name of a metric.</summary>
    [FromQuery(Name = "metric"), Description("Name of a metric, as in /reports/metrics.")]
    public string? Metric { get; init; }

    /// <summary>Of which status.</summary>
    [FromQuery(Name = "status"), Description("With metric=statusSeconds: of which status.")]
    public string? Status { get; init; }
}

/// <summary>Explains a number (REP-9): the clipped intervals, sessions and events that add up to it.</summary>
internal static class Explain
{
    private const int MostItems = 1000;

    /// <summary>Versions no further apart than this are read together.</summary>
    private const int Gap = 50;

    private const int MostEvents = 500;

    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/reports/historical/agents/{agentId}/explain", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Reports")
            .WithMetadata(new Paged(MostItems), new ReadsYourWrites(), new RecordsReads())
            .WithSummary("What a number of the report is made of: the intervals and sessions that add up to it, and the events under them.")
            .Produces<ExplainAnswer>()
            .ProducesProblems(400, 404, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        [AsParameters] ExplainParameters asked,
        ILog log,
        ReadRecording recording,
        TimeProvider clock
    )
    {
        if (asked.Read(clock, out var window) is { } badWindow)
            return badWindow;
        if (window.From is not { } from || window.To is not { } to)
            return Problems.Validation(
                window.From is null ? "from" : "to",
                "must be given: an RFC 3339 instant, or a date in the time zone"
            );
        if (asked.Metric is not { } name || ReportMetrics.Named(name) is not { } definition)
            return Problems.Validation("metric", $"must be the name of a metric; {ReportMetrics.FullPath} lists them");
        var metric = Metrics.Named(name);
        if (metric is null && !Identifiers.IsValid(asked.Status))
            return Problems.Validation("status", "must name the status whose seconds are explained");
        if (FilterParameters.ReadFilter(http, out var filter) is { } badFilter)
            return badFilter;
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        var first = 0;
        if (paging.After is { } cursor && !int.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out first))
            return Problems.Validation("cursor", "must be the 'next' of an earlier page");

        var (facts, problem) = await ReportFacts.OpenAsync(http, window.KnownAt, agentId);
        if (facts is null)
            return problem!;
        var asOf = facts.AsOf;
        AgentFacts agent;
        await using (facts)
        {
            if (await facts.OfAgentAsync(agentId, window, http.RequestAborted) is not { } found)
                return Problems.Of(Refusal.AgentUnknown(agentId));
            agent = window.See(found, asOf);
        }
        if (await recording.RecordAsync(http, agentId, "explain", from, to) is { } unrecorded)
            return unrecorded;

        var explained = metric is null
            ? Explained.OfStatus(agent, from, to, asOf, asked.Status!)
            : Explained.Of(agent, from, to, asOf, filter, metric);
        var limit = http.Request.Query.ContainsKey("limit") ? paging.Limit : MostItems;
        var parts = explained.Parts.Skip(first).Take(limit).ToArray();
        var corrections = window.IsRaw ? [] : agent.Corrections;
        var events = await EventsAsync(
            log,
            agentId,
            parts.SelectMany(p => ExplainItem.VersionsOf(p.Contribution, corrections)),
            http.RequestAborted
        );
        var rest = explained.Parts.Count > first + parts.Length;
        return Results.Json(
            new ExplainAnswer(
                agentId,
                name,
                metric is null ? asked.Status : null,
                definition,
                explained.Value,
                explained.Numerator,
                explained.Denominator,
                asOf,
                from,
                to,
                window.Zone.Id,
                window.View,
                window.KnownAt,
                ReportMetrics.FullPath,
                [.. parts.Select(p => ExplainItem.Of(p, events, corrections))],
                rest ? Paging.Cursor((first + parts.Length).ToString(CultureInfo.InvariantCulture)) : null
            ),
            WireJson.Options
        );
    }

    /// <summary>The events of some versions, in few reads: runs of versions, and what is between those that are near to each other.</summary>
    private static async Task<IReadOnlyDictionary<long, StoredEvent>> EventsAsync(
        ILog log,
        string agentId,
        IEnumerable<long> versions,
        CancellationToken ct
    )
    {
        var wanted = versions.Distinct().Order().ToArray();
        var events = new Dictionary<long, StoredEvent>();
        for (var n = 0; n < wanted.Length; )
        {
            var last = n;
            while (last + 1 < wanted.Length && wanted[last + 1] - wanted[last] <= Gap && wanted[last + 1] - wanted[n] < MostEvents)
                last++;
            var run = await log.ReadStreamAsync(StreamNames.Agent(agentId), wanted[n], (int)(wanted[last] - wanted[n]) + 1, ct);
            foreach (var e in run)
                events[e.Record.Version] = e;
            n = last + 1;
        }
        return events;
    }
}

/// <summary>A number, and what it is made of.</summary>
/// <param name="Value">The number; null where it is undefined.</param>
/// <param name="Numerator">What adds up; in seconds where it is time.</param>
/// <param name="Denominator">What that is divided by; null where it is a sum.</param>
/// <param name="Parts">What they are made of.</param>
internal sealed record Explained(double? Value, double Numerator, double? Denominator, IReadOnlyList<ExplainedPart> Parts)
{
    public static Explained Of(
        AgentFacts agent,
        DateTimeOffset from,
        DateTimeOffset to,
        DateTimeOffset asOf,
        SessionFilter filter,
        Metric metric
    )
    {
        var parts = new List<ExplainedPart>();
        var cell = Arithmetic.Of(
            agent,
            [from, to],
            asOf,
            filter,
            heard =>
            {
                if (heard.Measure == metric.Of)
                    parts.Add(new ExplainedPart(heard, "numerator", metric.InSeconds));
                if (heard.Measure == metric.Over)
                    parts.Add(new ExplainedPart(heard, "denominator", metric.OverSeconds));
            }
        )[0];
        return new Explained(metric.In(cell), metric.Numerator(cell), metric.Over is null ? null : metric.Denominator(cell), parts);
    }

    public static Explained OfStatus(AgentFacts agent, DateTimeOffset from, DateTimeOffset to, DateTimeOffset asOf, string statusId)
    {
        var parts = new List<ExplainedPart>();
        var cell = Arithmetic.Of(
            agent,
            [from, to],
            asOf,
            SessionFilter.All,
            heard =>
            {
                // Online is these once more.
                if (
                    heard
                        is {
                            Measure: Measure.Available or Measure.Busy or Measure.DoNotDisturb or Measure.Away or Measure.Offline,
                            Fact: StatusInterval status
                        }
                    && status.StatusId == statusId
                )
                    parts.Add(new ExplainedPart(heard, "numerator", InSeconds: true));
            }
        )[0];
        var seconds = (cell.Statuses.FirstOrDefault(s => s.StatusId == statusId)?.Milliseconds ?? 0) / 1000.0;
        return new Explained(seconds, seconds, null, parts);
    }
}

/// <summary>Part of a number.</summary>
/// <param name="Contribution">What it is.</param>
/// <param name="Part">Of the numerator, or the denominator.</param>
/// <param name="InSeconds">Whether it is time.</param>
internal sealed record ExplainedPart(Contribution Contribution, string Part, bool InSeconds);

/// <summary>A number of the report, and what it is made of.</summary>
public sealed record ExplainAnswer(
    string AgentId,
    string Metric,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Status,
    MetricDefinition Definition,
    double? Value,
    double Numerator,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Denominator,
    DateTimeOffset AsOf,
    DateTimeOffset From,
    DateTimeOffset To,
    string TimeZone,
    string View,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? AsKnownAt,
    string Definitions,
    IReadOnlyList<ExplainItem> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Next
);

/// <summary>A fact, and how much of it counts. Of its own members only those of its kind are there.</summary>
public sealed record ExplainItem(string Kind, DateTimeOffset Start, DateTimeOffset End, double Amount, string Part)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? StatusId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BaseStatus? Base { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Origin? Origin { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Rule { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ActorAnswer? Actor { get; init; }

    /// <summary>How a login ended.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoginEnd? Ended { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ConversationId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Channel { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Queue { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Workstream { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Direction? Direction { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SessionOutcome? Outcome { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SessionEnd? EndedBy { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ConsultMode? Mode { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? UnitsTotal { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? UnitsUsed { get; init; }

    /// <summary>What is recorded of it.</summary>
    public IReadOnlyList<ExplainEvent> Events { get; init; } = [];

    internal static ExplainItem Of(ExplainedPart part, IReadOnlyDictionary<long, StoredEvent> events, IReadOnlyList<Correction> corrections)
    {
        var (heard, amount) = (part.Contribution, part.InSeconds ? part.Contribution.Amount / 1000.0 : part.Contribution.Amount);
        var item = new ExplainItem(KindOf(heard.Fact), heard.Start, heard.End, amount, part.Part)
        {
            Events =
            [
                .. VersionsOf(heard, corrections).Distinct().Order().Where(events.ContainsKey).Select(v => ExplainEvent.Of(events[v])),
            ],
        };
        return heard.Fact switch
        {
            StatusInterval status => item with
            {
                StatusId = status.StatusId,
                Base = status.Base,
                Origin = status.Origin,
                Rule = status.Rule,
                Actor = status.Actor is { } actor ? new ActorAnswer(actor.Kind, actor.Id) : null,
            },
            LoginInterval login => item with { Ended = login.Ended },
            Session session => item with
            {
                ConversationId = session.ConversationId,
                Channel = session.Channel,
                Queue = session.Queue,
                Workstream = session.Workstream,
                Direction = session.Outbound ? Domain.Agents.Direction.Outbound : Domain.Agents.Direction.Inbound,
                Outcome = session.Outcome,
                EndedBy = session.EndedBy,
            },
            Participation participation => item with { ConversationId = participation.ConversationId, Mode = participation.Mode },
            CapacityInterval capacity => item with { UnitsTotal = capacity.UnitsTotal, UnitsUsed = capacity.UnitsUsed },
            _ => item,
        };
    }

    /// <summary>The versions of the events under a part of a number: the edges of its fact, and the corrections that count within it.</summary>
    internal static IEnumerable<long> VersionsOf(Contribution heard, IReadOnlyList<Correction> corrections) =>
        VersionsOf(heard.Fact)
            .Concat(
                corrections.Where(c => c.From < heard.End && c.To > heard.Start && Says(c, heard.Fact)).Select(c => c.Recorded.Version)
            );

    private static bool Says(Correction correction, object fact) =>
        fact switch
        {
            StatusInterval status => correction.StatusId == status.StatusId,
            LoginInterval => correction.Base is not BaseStatus.Offline,
            _ => false,
        };

    private static IEnumerable<long> VersionsOf(object fact) =>
        fact switch
        {
            StatusInterval status => Of(status.Start, status.End),
            LoginInterval login => Of(login.Start, login.End),
            Participation participation => Of(participation.Joined, participation.Left),
            CapacityInterval capacity => Of(capacity.Start, capacity.End),
            Session session => Of(session.Assigned, session.Accepted, session.WrapUp, session.BlockEnded, session.Ended)
                .Concat(session.Waits.SelectMany(w => Of(w.Start, w.End))),
            _ => [],
        };

    private static IEnumerable<long> Of(params Mark?[] marks) => marks.OfType<Mark>().Select(m => m.Version);

    private static string KindOf(object fact) =>
        fact switch
        {
            StatusInterval => "status-interval",
            LoginInterval => "login",
            Session => "session",
            Participation => "participation",
            CapacityInterval => "capacity-interval",
            _ => throw new InvalidOperationException($"{fact.GetType().Name} is no fact."),
        };
}

/// <summary>An event under a fact.</summary>
public sealed record ExplainEvent(
    long Version,
    string Position,
    Guid EventId,
    string Type,
    DateTimeOffset OccurredAt,
    DateTimeOffset RecordedAt,
    string? Rule
)
{
    internal static ExplainEvent Of(StoredEvent stored) =>
        new(
            stored.Record.Version,
            stored.Position.ToString(),
            stored.Record.EventId,
            WireNames.Short(stored.Record.Type),
            stored.Record.OccurredAt,
            stored.Record.RecordedAt,
            LedgerJson.Read<EventMetadata>(stored.Record.Metadata).Rule
        );
}
