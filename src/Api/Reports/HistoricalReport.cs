using System.Buffers.Text;
using System.ComponentModel;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;

namespace PresenceLedger.Api.Reports;

/// <summary>What the historical report is asked for, as it came.</summary>
public sealed class HistoricalParameters : FilterParameters
{
    /// <summary>Length of the buckets.</summary>
    [FromQuery(Name = "bucket"), Description("15m, 30m, hour, day (default), week, month or total.")]
    public string? Bucket { get; init; }

    /// <summary>Agents.</summary>
    [
        FromQuery(Name = "agents"),
        QueryList("agent", "agentId", "agentIds"),
        Description("Only these agents, with commas between their ids; at most 1000.")
    ]
    public string? Agents { get; init; }

    /// <summary>Statuses.</summary>
    [FromQuery(Name = "statuses"), QueryList("status"), Description("Only these statuses in statusSeconds.")]
    public string? Statuses { get; init; }

    /// <summary>Reads them all.</summary>
    /// <exception cref="InvalidQueryException">One is bad, or goes beyond what a report may have.</exception>
    internal HistoricalQuery Bind(HttpContext http, TimeProvider clock)
    {
        var window = Read(clock);
        var (from, to) = window.Bounds();
        var bucket = Buckets.Read(Bucket);
        return new HistoricalQuery(
            window,
            bucket,
            Buckets.Edges(from, to, bucket, window.Zone),
            ReadFilter(http),
            QueryLists.Identifiers(http, "agents", alsoCalled: ["agent", "agentId", "agentIds"]),
            QueryLists.Identifiers(http, "statuses", alsoCalled: "status")
        );
    }
}

/// <summary>The historical agents report, and what all agents did together.</summary>
internal static class HistoricalReport
{
    /// <summary>Enough was written that it is to be sent, in bytes.</summary>
    private const int Enough = 64 * 1024;

    /// <summary>Totals are told in one answer.</summary>
    private const int MostTotals = 10_000;

    private const string TogetherNote = "engagedConversations counts a conversation once for each agent who was engaged in it.";

    /// <summary>Each holds a connection to the database until it is told.</summary>
    private static readonly SemaphoreSlim Streams = new(4);

    /// <summary>So long does one wait for others to end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static void Map(RouteGroupBuilder api)
    {
        api.MapGet("/reports/historical/agents", GetAsync)
            .WithTags("Reports")
            .WithMetadata(new Paged(ReportCursor.Most), new ReadsYourWrites())
            .WithSummary("What agents did, by agent and bucket; JSON in pages, CSV and NDJSON whole and streamed.")
            .Produces<HistoricalAnswer>(contentType: "application/json", additionalContentTypes: [ReportFormats.Csv, ReportFormats.Ndjson])
            .ProducesProblems(400, 503);
        api.MapGet("/reports/historical/totals", GetTotalsAsync)
            .WithTags("Reports")
            .WithMetadata(new ReadsYourWrites())
            .WithSummary("What all agents of the report did together, by bucket and in all; JSON.")
            .Produces<TotalsAnswer>()
            .ProducesProblems(400, 429, 503);
    }

    private static async Task<IResult> GetAsync(
        HttpContext http,
        [AsParameters] HistoricalParameters asked,
        [AsParameters] CsvParameters csv,
        ReportLedger ledger,
        ConfigurationStream configuration,
        Names names,
        TimeProvider clock
    )
    {
        var query = asked.Bind(http, clock);
        var format = ReportFormats.Read(http, asked.Format);
        var statuses = (query.Statuses ?? configuration.Current.Statuses.Keys).Order(StringComparer.Ordinal);
        var (style, columns) = csv.Read(format, query.Window.Zone, ReportItems.CsvColumns(statuses, configuration.Current));
        var paging = ReadCursor(http);
        query = OfOwn(http, query);
        return format switch
        {
            ReportFormat.Json => await PageAsync(http, ledger, query, paging),
            ReportFormat.Csv => await InTurnAsync(http, () => WriteCsvAsync(http, ledger, query, style, columns, names)),
            _ => await InTurnAsync(http, () => WriteLinesAsync(http, ledger, query)),
        };
    }

    private static async Task<IResult> GetTotalsAsync(
        HttpContext http,
        [AsParameters] HistoricalParameters asked,
        ReportLedger ledger,
        TimeProvider clock
    )
    {
        var query = asked.Bind(http, clock);
        if (asked.Format is not (null or "" or "json"))
            throw new InvalidQueryException("format", "must be json: totals are not told otherwise");
        if (query.Buckets > MostTotals)
            throw new InvalidQueryException("bucket", $"must be longer, or the window shorter: at most {MostTotals} buckets of totals");
        query = OfOwn(http, query);
        return await InTurnAsync(http, () => TotalsAsync(http, ledger, query));
    }

    /// <summary>An agent is told of itself alone.</summary>
    /// <exception cref="RefusedException">It asks about others.</exception>
    private static HistoricalQuery OfOwn(HttpContext http, HistoricalQuery query) =>
        http.Actor() is not { Kind: Persona.Agent, Id: var mine } agent ? query
        : query.Agents?.FirstOrDefault(id => id != mine) is { } other ? throw new RefusedException(Permissions.CheckAudit(agent, other)!)
        : query with { Agents = query.Agents ?? [mine] };

    private static ReportCursor ReadCursor(HttpContext http)
    {
        var limit = PageQuery.Limit(http) ?? ReportCursor.Most;
        if (http.Request.Query["cursor"].ToString() is not { Length: > 0 } text)
            return new ReportCursor(limit, "", DateTimeOffset.MinValue);
        var parts = Base64Url.IsValid(text) ? Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split(' ') : [];
        return parts is [var start, var agentId] && Identifier.IsValid(agentId) && InstantQuery.TryRead(start, out var at) && at is not null
            ? new ReportCursor(limit, agentId, at.Value)
            : throw InvalidQueryException.BadCursor();
    }

    /// <summary>Tells what is long, a few at a time.</summary>
    private static async Task<IResult> InTurnAsync(HttpContext http, Func<Task<IResult>> tell)
    {
        if (!await Streams.WaitAsync(Patience, http.RequestAborted))
            throw new TooManyException("Other long reports are being told. Try again later, or ask for JSON in pages.", retryAfter: 10);
        try
        {
            return await tell();
        }
        finally
        {
            Streams.Release();
        }
    }

    private static async Task<IResult> PageAsync(HttpContext http, ReportLedger ledger, HistoricalQuery query, ReportCursor paging)
    {
        var ct = http.RequestAborted;
        await using var facts = await ReportEndpoint.OpenAsync(http, ledger, query.Window);
        var (cells, more) = await query.PageAsync(facts, paging, ct);
        using var json = BeginJson(http);
        var items = new ReportItems(query.Statuses);
        WriteHead(json, facts, query, cells.All(agent => agent.Cells.All(cell => cell.Conserved)), query.Notes());
        json.WriteStartArray("items");
        foreach (var (agentId, ofAgent) in cells)
        foreach (var cell in ofAgent)
            items.Write(json, agentId, cell);
        json.WriteEndArray();
        if (more)
            json.WriteString("next", ReportCursor.After(cells[^1].AgentId, cells[^1].Cells[^1].Start));
        return await EndAsync(json, ct);
    }

    private static async Task<IResult> TotalsAsync(HttpContext http, ReportLedger ledger, HistoricalQuery query)
    {
        var ct = http.RequestAborted;
        await using var facts = await ReportEndpoint.OpenAsync(http, ledger, query.Window);
        var totals = await query.TotalsAsync(facts, ct);
        using var json = BeginJson(http);
        var items = new ReportItems(query.Statuses);
        WriteHead(json, facts, query, totals.Conserved, [.. query.Notes(), TogetherNote]);
        json.WriteNumber("agents", totals.Agents);
        json.WritePropertyName("total");
        items.Write(json, null, totals.Whole);
        json.WriteStartArray("items");
        foreach (var cell in totals.Buckets)
            items.Write(json, null, cell);
        json.WriteEndArray();
        return await EndAsync(json, ct);
    }

    private static Utf8JsonWriter BeginJson(HttpContext http)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        var json = new Utf8JsonWriter(http.Response.BodyWriter, ReportItems.JsonOptions);
        json.WriteStartObject();
        return json;
    }

    private static async Task<IResult> EndAsync(Utf8JsonWriter json, CancellationToken ct)
    {
        json.WriteEndObject();
        await json.FlushAsync(ct);
        return Results.Empty;
    }

    /// <summary>What the items are of.</summary>
    private static void WriteHead(Utf8JsonWriter json, ReportFacts facts, HistoricalQuery query, bool conserved, IEnumerable<string> notes)
    {
        json.WriteString("asOf", Instant.Format(facts.AsOf));
        json.WriteString("from", Instant.Format(query.From));
        json.WriteString("to", Instant.Format(query.To));
        json.WriteString("timeZone", query.Window.Zone.Id);
        json.WriteString("timeZoneVersion", Zones.Version);
        json.WriteString("bucket", Buckets.Word(query.Bucket));
        json.WriteString("view", query.Window.View);
        if (query.Window.KnownAt is { } knownAt)
            json.WriteString("asKnownAt", Instant.Format(knownAt));
        json.WriteBoolean("conserved", conserved);
        json.WriteString("definitions", ReportMetrics.Path);
        json.WriteStartArray("notes");
        foreach (var note in notes)
            json.WriteStringValue(note);
        json.WriteEndArray();
    }

    private static Task<IResult> WriteCsvAsync(
        HttpContext http,
        ReportLedger ledger,
        HistoricalQuery query,
        CsvStyle style,
        IReadOnlyList<CsvColumn<ReportRow>> columns,
        Names names
    )
    {
        var table = new CsvTable<ReportRow>(new CsvWriter(http.Response.BodyWriter, style), columns);
        IReadOnlyDictionary<string, string> displayed = new Dictionary<string, string>();
        return StreamAsync(
            http,
            ledger,
            query,
            ReportFormat.Csv,
            BeginAsync,
            (id, cell) => table.Write(new(id, displayed.GetValueOrDefault(id), cell))
        );

        async Task BeginAsync(IReadOnlyList<string> agents)
        {
            // As they are now: an erased name is gone.
            displayed = await names.ReadAsync(agents, http.RequestAborted);
            table.WriteHeader();
        }
    }

    private static async Task<IResult> WriteLinesAsync(HttpContext http, ReportLedger ledger, HistoricalQuery query)
    {
        var to = http.Response.BodyWriter;
        var items = new ReportItems(query.Statuses);
        await using var json = new Utf8JsonWriter(to, ReportItems.JsonOptions);
        return await StreamAsync(
            http,
            ledger,
            query,
            ReportFormat.Ndjson,
            _ => Task.CompletedTask,
            (agentId, cell) => items.WriteLine(json, to, agentId, cell)
        );
    }

    private static async Task<IResult> StreamAsync(
        HttpContext http,
        ReportLedger ledger,
        HistoricalQuery query,
        ReportFormat format,
        Func<IReadOnlyList<string>, Task> beginAsync,
        Action<string, Cell> write
    )
    {
        var ct = http.RequestAborted;
        await using var facts = await ReportEndpoint.OpenAsync(http, ledger, query.Window);
        var agents = await query.AgentsAsync(facts, "", int.MaxValue, ct);
        var to = http.Response.BodyWriter;
        http.Response.Headers["Bucket"] = Buckets.Word(query.Bucket);
        await ReportFormats.StartAsync(http, format, query.Window, "agents");
        await beginAsync(agents);
        await to.FlushAsync(ct);
        await foreach (var (agentId, cells) in query.CellsAsync(facts, agents, ct))
        foreach (var cell in cells)
        {
            write(agentId, cell);
            if (to.UnflushedBytes >= Enough && (await to.FlushAsync(ct)).IsCompleted)
                return Results.Empty;
        }
        await to.FlushAsync(ct);
        return Results.Empty;
    }
}
