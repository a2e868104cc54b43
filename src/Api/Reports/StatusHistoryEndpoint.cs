using System.Text.Json;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;

namespace PresenceLedger.Api.Reports;

/// <summary>The detailed view: each status of an agent with its start and end.</summary>
internal static class StatusHistoryEndpoint
{
    /// <summary>Enough was written that it is to be sent, in bytes.</summary>
    private const int Enough = 64 * 1024;

    private static readonly IReadOnlyList<CsvColumn<Row>> CsvColumns =
    [
        new("agentId", (csv, row) => csv.Text(row.AgentId)),
        new("displayName", (csv, row) => csv.Text(row.DisplayName)),
        new("statusId", (csv, row) => csv.Text(row.Item.StatusId)),
        new("statusText", (csv, row) => csv.Text(row.StatusText)),
        new("base", (csv, row) => csv.Text(Word(row.Item.Base))),
        new("localDate", (csv, row) => csv.Date(row.Item.Start)),
        new("start", (csv, row) => csv.Time(row.Item.Start)),
        new("end", (csv, row) => csv.Time(row.Item.End)),
        new("durationSeconds", (csv, row) => csv.Number(row.Item.DurationSeconds)),
        new("origin", (csv, row) => csv.Text(Word(row.Item.Origin))),
        new("rule", (csv, row) => csv.Text(row.Item.Rule)),
        new("actor", (csv, row) => csv.Text(row.Item.Actor is { } actor ? $"{Word(actor.Kind)}:{actor.Id}" : null)),
    ];

    public static void Map(RouteGroupBuilder api) =>
        api.MapGet("/reports/historical/agents/{agentId}/statuses", GetAsync)
            .Allow(Permissions.CheckAudit)
            .WithTags("Reports")
            .WithMetadata(new Paged(), new ReadsYourWrites(), new RecordsReads())
            .WithSummary("Every status of the agent with its start and end; JSON in pages, CSV and NDJSON whole.")
            .Produces<StatusHistoryAnswer>(
                contentType: "application/json",
                additionalContentTypes: [ReportFormats.Csv, ReportFormats.Ndjson]
            )
            .ProducesProblems(400, 404, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        string agentId,
        [AsParameters] WindowParameters asked,
        [AsParameters] CsvParameters csv,
        ReportLedger ledger,
        ReadRecording recording,
        ConfigurationStream configuration,
        Names names,
        TimeProvider clock
    )
    {
        var window = asked.Read(clock);
        var format = ReportFormats.Read(http, asked.Format);
        var (style, columns) = csv.Read(format, window.Zone, CsvColumns);
        var paging = PageQuery.Read(http);
        var (facts, asOf) = await ReportEndpoint.OfAgentAsync(http, ledger, window, agentId);
        var history = new StatusHistory(facts, window, asOf);
        var items = history.Items(paging);
        await recording.RecordAsync(http, agentId, "statuses", window.From, window.To);
        switch (format)
        {
            case ReportFormat.Csv:
                var name = (await names.ReadAsync([agentId], http.RequestAborted)).GetValueOrDefault(agentId);
                var rows = items.Select(i => new Row(agentId, name, i, configuration.Current.StatusText(i.StatusId)));
                await WriteCsvAsync(http, window, new(new(http.Response.BodyWriter, style), columns), rows);
                return Results.Empty;
            case ReportFormat.Ndjson:
                await WriteLinesAsync(http, window, items);
                return Results.Empty;
            default:
                return Results.Json(history.Page(paging), WireJson.Options);
        }
    }

    private static async Task WriteCsvAsync(HttpContext http, ReportWindow window, CsvTable<Row> table, IEnumerable<Row> rows)
    {
        var to = http.Response.BodyWriter;
        await ReportFormats.StartAsync(http, ReportFormat.Csv, window, "statuses");
        table.WriteHeader();
        foreach (var row in rows)
        {
            table.Write(row);
            if (to.UnflushedBytes >= Enough && (await to.FlushAsync(http.RequestAborted)).IsCompleted)
                return;
        }
        await to.FlushAsync(http.RequestAborted);
    }

    private static async Task WriteLinesAsync(HttpContext http, ReportWindow window, IEnumerable<StatusItem> items)
    {
        await ReportFormats.StartAsync(http, ReportFormat.Ndjson, window, "statuses");
        foreach (var item in items)
        {
            await JsonSerializer.SerializeAsync(http.Response.BodyWriter, item, WireJson.Options, http.RequestAborted);
            await http.Response.WriteAsync("\n", http.RequestAborted);
        }
    }

    /// <summary>A line of the CSV.</summary>
    private sealed record Row(string AgentId, string? DisplayName, StatusItem Item, string StatusText);

    private static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
