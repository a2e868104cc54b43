using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;

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

    /// <summary>Reads them all.</summary>
    /// <exception cref="InvalidQueryException">One is bad.</exception>
    internal ExplainQuery Bind(HttpContext http, string agentId, TimeProvider clock)
    {
        var window = Read(clock);
        window.Bounds();
        if (Metric is null || ReportMetrics.Named(Metric) is null)
            throw new InvalidQueryException("metric", $"must be the name of a metric; {ReportMetrics.Path} lists them");
        if (Metric == ReportMetrics.StatusSeconds && !Identifier.IsValid(Status))
            throw new InvalidQueryException("status", "must name the status whose seconds are explained");
        return new ExplainQuery(agentId, window, ReadFilter(http), Metric, Status);
    }
}

/// <summary>The reports beside the historical one: what its numbers are made of, coverage, and the catalogue of metrics.</summary>
internal static class ReportEndpoints
{
    private const int MostExplained = 1000;

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/reports/historical/agents/{agentId}/explain", ExplainAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Reports")
            .WithMetadata(new Paged(MostExplained), new ReadsYourWrites(), new RecordsReads())
            .WithSummary("What a number of the report is made of: the intervals and sessions that add up to it, and the events under them.")
            .Produces<ExplainAnswer>()
            .ProducesProblems(400, 404, 503);
        api.MapGet("/reports/coverage", CoverageAsync)
            .Allow(actor => Permissions.CheckReport(actor))
            .WithTags("Reports")
            .WithMetadata(new Paged(), new ReadsYourWrites())
            .WithSummary("The stretches in which fewer than so many agents (below, 1) of a queue were routable, with the causes.")
            .Produces<CoverageAnswer>()
            .ProducesProblems(400, 403, 503);
        api.MapGet("/reports/metrics", () => Results.Json(ReportMetrics.Catalogue, WireJson.Options))
            .WithMetadata(new TellsOfTheService())
            .WithTags("Reports")
            .WithSummary("Every metric of the reports, with its formula, unit and version.")
            .Produces<MetricCatalogue>();
    }

    private static async Task<IResult> ExplainAsync(
        HttpContext http,
        string agentId,
        [AsParameters] ExplainParameters asked,
        ReportLedger ledger,
        Explain explain,
        ReadRecording recording,
        TimeProvider clock
    )
    {
        var query = asked.Bind(http, agentId, clock);
        var paging = PageQuery.Read(http, defaultLimit: MostExplained);
        var (facts, asOf) = await ReportEndpoint.OfAgentAsync(http, ledger, query.Window, agentId);
        var answer = await explain.AnswerAsync(query, query.Window.See(facts, asOf), asOf, paging, http.RequestAborted);
        await recording.RecordAsync(http, agentId, "explain", query.Window.From, query.Window.To);
        return Results.Json(answer, WireJson.Options);
    }

    private static async Task<IResult> CoverageAsync(
        HttpContext http,
        ReportLedger ledger,
        CoverageReport coverage,
        TimeProvider clock,
        string? queue,
        string? from,
        string? to,
        string? timeZone,
        string? below,
        string? view,
        string? asKnownAt
    )
    {
        var zone = ZoneQuery.Read(timeZone);
        if (view is not (null or "" or ReportWindow.RawView))
            throw new InvalidQueryException("view", "must be raw: who was routable is a fact that no later correction changes");
        var query = new CoverageQuery(
            QueryValues.Id(queue ?? "", "queue")!,
            QueryValues.Number(below, "below", 1) ?? 1,
            ZoneQuery.ReadInstant(from, "from", zone),
            ZoneQuery.ReadInstant(to, "to", zone),
            zone,
            InstantQuery.ReadPast(asKnownAt, "asKnownAt", clock)
        );
        var paging = PageQuery.Read(http, CoverageReport.IsCursor);
        await ledger.BeginAsync(http.RequestAborted);
        var facts = await ReportEndpoint.OpenAsync(http, ledger, new ReportWindow { KnownAt = query.KnownAt });
        return Results.Json(await coverage.AnswerAsync(facts, query, paging, http.RequestAborted), WireJson.Options);
    }
}
