using System.Globalization;
using System.Text.Json;
using Npgsql;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;

namespace PresenceLedger.Api.Reports;

/// <summary>The detailed view: each status of an agent with its start and end.</summary>
internal static class StatusHistory
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
        ReadRecording recording,
        ConfigurationStream configuration,
        NpgsqlDataSource database,
        TimeProvider clock
    )
    {
        if (asked.Read(clock, out var window) is { } badWindow)
            return badWindow;
        if (ReportFormats.Read(http, asked.Format, out var format) is { } badFormat)
            return badFormat;
        if (csv.Read(format, window.Zone, CsvColumns, out var style, out var columns) is { } badStyle)
            return badStyle;
        if (Paging.Read(http, out var paging) is { } badPage)
            return badPage;
        DateTimeOffset? after = null;
        if (paging.After is { } cursor)
        {
            if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var last))
                return Problems.Validation("cursor", "must be the 'next' of an earlier page");
            after = DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(last, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
        }
        var (facts, problem) = await ReportFacts.OpenAsync(http, window.KnownAt, agentId);
        if (facts is null)
            return problem!;
        var asOf = facts.AsOf;
        AgentFacts agent;
        await using (facts)
        {
            if (await facts.OfAgentAsync(agentId, window, http.RequestAborted) is not { } found)
                return Problems.Of(Refusal.AgentUnknown(agentId));
            agent = found;
        }
        if (await recording.RecordAsync(http, agentId, "statuses", window.From, window.To) is { } unrecorded)
            return unrecorded;

        var (from, to) = (window.From ?? agent.Registered?.At ?? asOf, window.To ?? asOf);
        var intervals = window
            .See(agent, asOf)
            .Statuses.Where(s => s.End is { } end ? s.Start.At < end.At && end.At > from : s.Start.At <= asOf)
            .Where(s => s.Start.At < to || (window.To is null && s.End is null))
            .Where(s => after is null || s.Start.At > after);
        var items = intervals.Select(s => StatusItem.Of(s, from, to < asOf ? to : asOf));
        switch (format)
        {
            case ReportFormat.Csv:
                var names = await Names.ReadAsync(database, [agentId], http.RequestAborted);
                var name = names.GetValueOrDefault(agentId);
                var rows = items.Select(i => new Row(agentId, name, i, configuration.Current.StatusText(i.StatusId)));
                await WriteCsvAsync(http, window, new(new(http.Response.BodyWriter, style), columns), rows);
                return Results.Empty;
            case ReportFormat.Ndjson:
                await WriteLinesAsync(http, window, items);
                return Results.Empty;
        }
        var page = items.Take(paging.Limit + 1).ToList();
        var more = page.Count > paging.Limit;
        if (more)
            page.RemoveAt(paging.Limit);
        var next = more ? Paging.Cursor(page[^1].Start.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture)) : null;
        return Results.Json(
            new StatusHistoryAnswer(
                agentId,
                asOf,
                from,
                to,
                window.Zone.Id,
                Zones.Version,
                window.View,
                window.KnownAt,
                ReportMetrics.FullPath,
                page,
                next
            ),
            Answers
        );
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
            await JsonSerializer.SerializeAsync(http.Response.BodyWriter, item, Answers, http.RequestAborted);
            await http.Response.WriteAsync("\n", http.RequestAborted);
        }
    }

    /// <summary>A line of the CSV.</summary>
    private sealed record Row(string AgentId, string? DisplayName, StatusItem Item, string StatusText);

    private static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    private static JsonSerializerOptions Answers => WireJson.Options;
}

/// <summary>A page of the detailed view.</summary>
public sealed record StatusHistoryAnswer(
    string AgentId,
    DateTimeOffset AsOf,
    DateTimeOffset From,
    DateTimeOffset To,
    string TimeZone,
    string TimeZoneVersion,
    string View,
    [property: System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
        DateTimeOffset? AsKnownAt,
    string Definitions,
    IReadOnlyList<StatusItem> Items,
    [property: System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
        string? Next
);

/// <summary>A stretch of one status.</summary>
/// <param name="StatusId">The status.</param>
/// <param name="Base">Its base.</param>
/// <param name="Start">When it began, be it before the window.</param>
/// <param name="End">When it ended, be it after the window; null while it stands.</param>
/// <param name="DurationSeconds">How long it stood within the window, in seconds.</param>
/// <param name="Origin">Why it came to stand.</param>
/// <param name="Rule">The rule that made it.</param>
/// <param name="Actor">Who made it.</param>
public sealed record StatusItem(
    string StatusId,
    BaseStatus Base,
    DateTimeOffset Start,
    DateTimeOffset? End,
    double DurationSeconds,
    Origin Origin,
    string? Rule,
    ActorAnswer? Actor
)
{
    internal static StatusItem Of(StatusInterval interval, DateTimeOffset from, DateTimeOffset to)
    {
        var start = interval.Start.At > from ? interval.Start.At : from;
        var end = interval.End is { } mark && mark.At < to ? mark.At : to;
        return new StatusItem(
            interval.StatusId,
            interval.Base,
            interval.Start.At,
            interval.End?.At,
            Math.Max(0, (end - start).TotalMilliseconds) / 1000,
            interval.Origin,
            interval.Rule,
            interval.Actor is { } actor ? new ActorAnswer(actor.Kind, actor.Id) : null
        );
    }
}
