using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Projections.Presence;

namespace PresenceLedger.Api.Reports;

/// <summary>What all agents of the report did together: sums are sums of theirs, averages are over the sessions of all of them.</summary>
internal static partial class HistoricalReport
{
    /// <summary>They are told in one answer.</summary>
    private const int MostTotals = 10_000;

    private const string TogetherNote = "engagedConversations counts a conversation once for each agent who was engaged in it.";

    private static void MapTotals(RouteGroupBuilder api) =>
        api.MapGet("/reports/historical/totals", GetTotalsAsync)
            .WithTags("Reports")
            .WithMetadata(new ReadsYourWrites())
            .WithSummary("What all agents of the report did together, by bucket and in all; JSON.")
            .Produces<TotalsAnswer>()
            .ProducesProblems(400, 429, 503);

    private static async Task<IResult> GetTotalsAsync(HttpContext http, [AsParameters] HistoricalParameters asked, TimeProvider clock)
    {
        if (Read(http, asked, clock, out var query) is { } bad)
            return bad;
        if (asked.Format is not (null or "" or "json"))
            return Problems.Validation("format", "must be json: totals are not told otherwise");
        if (query.Buckets > MostTotals)
            return Problems.Validation("bucket", $"must be longer, or the window shorter: at most {MostTotals} buckets of totals");
        if (CheckAgents(http, ref query) is { } forbidden)
            return forbidden;
        return await InTurnAsync(http, () => TotalsAsync(http, query));
    }

    private static async Task<IResult> TotalsAsync(HttpContext http, Query query)
    {
        var ct = http.RequestAborted;
        var (facts, problem) = await ReportFacts.OpenAsync(http, query.Window.KnownAt);
        if (facts is null)
            return problem!;
        var totals = new Cell[query.Buckets];
        for (var bucket = 0; bucket < totals.Length; bucket++)
            totals[bucket] = Cell.Empty(query.Edges[bucket], query.Edges[bucket + 1]);
        // Not the sum of the buckets: a stretch over several of them is one episode, and a conversation is one.
        var whole = Cell.Empty(query.From, query.To);
        int count;
        await using (facts)
        {
            var (agents, unknown) = await AgentsAsync(facts, query, "", int.MaxValue, ct);
            if (unknown is not null)
                return unknown;
            count = agents.Count;
            if (count > 0)
                await foreach (
                    var record in FactsAhead.ReadAsync(
                        facts.Snapshot,
                        agents,
                        new FactsWindow(query.From, query.To) { KnownAt = query.Window.KnownAt },
                        ct
                    )
                )
                {
                    var seen = query.Window.See(record.Facts, facts.AsOf);
                    var cells = Arithmetic.Of(seen, query.Edges, facts.AsOf, query.Filter);
                    for (var bucket = 0; bucket < totals.Length; bucket++)
                        totals[bucket].Add(cells[bucket]);
                    whole.Add(cells.Count == 1 ? cells[0] : Arithmetic.Of(seen, [query.From, query.To], facts.AsOf, query.Filter)[0]);
                }
        }

        http.Response.ContentType = "application/json; charset=utf-8";
        using var json = new Utf8JsonWriter(http.Response.BodyWriter, ReportItems.JsonOptions);
        var items = new ReportItems(query.Statuses);
        json.WriteStartObject();
        WriteHead(json, facts, query, whole.Conserved && totals.All(cell => cell.Conserved), [.. query.Notes(), TogetherNote]);
        json.WriteNumber("agents", count);
        json.WritePropertyName("total");
        items.Write(json, null, whole);
        json.WriteStartArray("items");
        foreach (var cell in totals)
            items.Write(json, null, cell);
        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(ct);
        return Results.Empty;
    }
}

/// <summary>What a historical report is of.</summary>
public abstract record HistoricalHead
{
    /// <summary>The instant up to which it is complete.</summary>
    public required DateTimeOffset AsOf { get; init; }
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required string TimeZone { get; init; }
    public required string TimeZoneVersion { get; init; }
    public required string Bucket { get; init; }
    public required string View { get; init; }

    /// <summary>Where it was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AsKnownAt { get; init; }

    /// <summary>Whether in every bucket of every agent the statuses fill the bucket.</summary>
    public required bool Conserved { get; init; }

    /// <summary>Where the metrics are defined.</summary>
    public required string Definitions { get; init; }
    public required IReadOnlyList<string> Notes { get; init; }
}

/// <summary>What agents did, by agent and bucket.</summary>
public sealed record HistoricalAnswer : HistoricalHead
{
    public required IReadOnlyList<ReportItem> Items { get; init; }

    /// <summary>The cursor of the page after; left out of the last one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Next { get; init; }
}

/// <summary>What all agents of a report did together.</summary>
public sealed record TotalsAnswer : HistoricalHead
{
    /// <summary>How many agents these are the totals of.</summary>
    public required int Agents { get; init; }

    /// <summary>Of the whole window.</summary>
    public required TotalsItem Total { get; init; }

    /// <summary>Of each bucket.</summary>
    public required IReadOnlyList<TotalsItem> Items { get; init; }
}
