using System.Buffers;
using System.Buffers.Text;
using System.ComponentModel;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Npgsql;
using PresenceLedger.Api.Access;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Authorization;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Configurations;
using PresenceLedger.Projections.Presence;

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
}

/// <summary>The historical agents report: what agents did, by agent and bucket of any window that the ledger holds.</summary>
internal static partial class HistoricalReport
{
    /// <summary>Enough was written that it is to be sent, in bytes.</summary>
    private const int Enough = 64 * 1024;

    /// <summary>Each holds a connection to the database until it is told.</summary>
    private static readonly SemaphoreSlim Streams = new(4);

    /// <summary>So long does one wait for others to end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static void Map(RouteGroupBuilder api)
    {
        MapAgents(api);
        MapTotals(api);
    }

    private static void MapAgents(RouteGroupBuilder api) =>
        api.MapGet("/reports/historical/agents", GetAsync)
            .WithTags("Reports")
            .WithMetadata(new Paged(ReportCursor.Most), new ReadsYourWrites())
            .WithSummary("What agents did, by agent and bucket; JSON in pages, CSV and NDJSON whole and streamed.")
            .Produces<HistoricalAnswer>(contentType: "application/json", additionalContentTypes: [ReportFormats.Csv, ReportFormats.Ndjson])
            .ProducesProblems(400, 503);

    private static async Task<IResult> GetAsync(
        HttpContext http,
        [AsParameters] HistoricalParameters asked,
        [AsParameters] CsvParameters csv,
        ConfigurationStream configuration,
        NpgsqlDataSource database,
        TimeProvider clock
    )
    {
        if (Read(http, asked, clock, out var query) is { } bad)
            return bad;
        if (ReportFormats.Read(http, asked.Format, out var format) is { } badFormat)
            return badFormat;
        var statuses = (query.Statuses ?? configuration.Current.Statuses.Keys).Order(StringComparer.Ordinal);
        var all = ReportItems.CsvColumns(statuses, configuration.Current);
        if (csv.Read(format, query.Window.Zone, all, out var style, out var columns) is { } badStyle)
            return badStyle;
        if (ReportCursor.Read(http, out var paging) is { } badPage)
            return badPage;
        if (CheckAgents(http, ref query) is { } forbidden)
            return forbidden;
        return format switch
        {
            ReportFormat.Json => await PageAsync(http, query, paging),
            ReportFormat.Csv => await InTurnAsync(http, () => WriteCsvAsync(http, query, style, columns, database)),
            _ => await InTurnAsync(http, () => WriteLinesAsync(http, query)),
        };
    }

    /// <summary>An agent is told of itself alone.</summary>
    private static IResult? CheckAgents(HttpContext http, ref Query query)
    {
        if (http.Actor() is not { Kind: Persona.Agent, Id: var mine })
            return null;
        query = query with { Agents = query.Agents ?? [mine] };
        return query.Agents.FirstOrDefault(id => id != mine) is { } other
            ? Problems.Of(Permissions.CheckAudit(http.Actor(), other)!)
            : null;
    }

    /// <summary>Tells what is long, a few at a time.</summary>
    private static async Task<IResult> InTurnAsync(HttpContext http, Func<Task<IResult>> tell)
    {
        if (!await Streams.WaitAsync(Patience, http.RequestAborted))
        {
            http.Response.Headers.RetryAfter = "10";
            return Problems.Of(
                StatusCodes.Status429TooManyRequests,
                "too-many-requests",
                "Other long reports are being told. Try again later, or ask for JSON in pages."
            );
        }
        try
        {
            return await tell();
        }
        finally
        {
            Streams.Release();
        }
    }

    private static IResult? Read(HttpContext http, HistoricalParameters asked, TimeProvider clock, out Query query)
    {
        query = null!;
        if (asked.Read(clock, out var window) is { } badWindow)
            return badWindow;
        if (window.From is not { } from || window.To is not { } to)
            return Problems.Validation(
                window.From is null ? "from" : "to",
                "must be given: an RFC 3339 instant, or a date in the time zone"
            );
        if (Buckets.Read(asked.Bucket, out var bucket) is { } badBucket)
            return badBucket;
        if (Buckets.Edges(from, to, bucket, window.Zone, out var edges) is { } tooMany)
            return tooMany;
        if (FilterParameters.ReadFilter(http, out var filter) is { } badFilter)
            return badFilter;
        if (QueryLists.Read(http, "statuses", "status", QueryLists.Identifier, out var statuses) is { } badStatuses)
            return badStatuses;
        if (QueryLists.Read(http, "agents", "agent", QueryLists.Identifier, out var some) is { } badAgents)
            return badAgents;
        if (QueryLists.Read(http, "agentId", "agentIds", QueryLists.Identifier, out var others) is { } badIds)
            return badIds;
        if (others is not null)
            (some ??= new SortedSet<string>(StringComparer.Ordinal)).UnionWith(others);
        query = new Query(window, bucket, [.. edges], filter, some, statuses);
        return null;
    }

    /// <summary>The agents that are listed, from one on, in the order of their ids; the problem where one is asked for and not there.</summary>
    private static async Task<(IReadOnlyList<string> Agents, IResult? Problem)> AgentsAsync(
        ReportFacts facts,
        Query query,
        string from,
        int most,
        CancellationToken ct
    )
    {
        if (query.Agents is not { } asked)
        {
            // Whoever was registered at the instant that the report is complete up to is known, and is in it.
            var asOf = facts.AsOf.AddMilliseconds(1);
            return (await facts.Snapshot.AgentsAsync(query.To < asOf ? query.To : asOf, from, most, ct), null);
        }
        string[] ids = [.. asked];
        var known = (await facts.Snapshot.OpenAsync(ids, ct)).Select(o => o.Agent.AgentId).ToHashSet(StringComparer.Ordinal);
        return ids.FirstOrDefault(id => !known.Contains(id)) is { } unknown
            ? ([], Problems.Validation("agents", $"there is no agent '{unknown}'"))
            : ([.. ids.Where(id => string.CompareOrdinal(id, from) >= 0)], null);
    }

    private static async Task<IResult> PageAsync(HttpContext http, Query query, ReportCursor paging)
    {
        var ct = http.RequestAborted;
        var (facts, problem) = await ReportFacts.OpenAsync(http, query.Window.KnownAt);
        if (facts is null)
            return problem!;
        var cells = new List<(string AgentId, IReadOnlyList<Cell> Cells)>();
        var more = false;
        await using (facts)
        {
            // With the one that the page before ended in, and one more to know whether there are any.
            var needed = paging.Limit / query.Buckets + 3;
            var (agents, unknown) = await AgentsAsync(facts, query, paging.AgentId, needed, ct);
            if (unknown is not null)
                return unknown;
            (var parts, more) = query.Parts(agents, paging);
            await foreach (var agent in CellsAsync(facts, query, parts, ct))
                cells.Add(agent);
        }

        http.Response.ContentType = "application/json; charset=utf-8";
        using var json = new Utf8JsonWriter(http.Response.BodyWriter, ReportItems.JsonOptions);
        var items = new ReportItems(query.Statuses);
        json.WriteStartObject();
        WriteHead(json, facts, query, cells.All(agent => agent.Cells.All(cell => cell.Conserved)), query.Notes());
        json.WriteStartArray("items");
        foreach (var (agentId, ofAgent) in cells)
        foreach (var cell in ofAgent)
            items.Write(json, agentId, cell);
        json.WriteEndArray();
        if (more)
            json.WriteString("next", ReportCursor.After(cells[^1].AgentId, cells[^1].Cells[^1].Start));
        json.WriteEndObject();
        await json.FlushAsync(ct);
        return Results.Empty;
    }

    /// <summary>What the items are of.</summary>
    private static void WriteHead(Utf8JsonWriter json, ReportFacts facts, Query query, bool conserved, IEnumerable<string> notes)
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
        json.WriteString("definitions", ReportMetrics.FullPath);
        json.WriteStartArray("notes");
        foreach (var note in notes)
            json.WriteStringValue(note);
        json.WriteEndArray();
    }

    private static Task<IResult> WriteCsvAsync(
        HttpContext http,
        Query query,
        CsvStyle style,
        IReadOnlyList<CsvColumn<ReportRow>> columns,
        NpgsqlDataSource database
    )
    {
        var table = new CsvTable<ReportRow>(new CsvWriter(http.Response.BodyWriter, style), columns);
        IReadOnlyDictionary<string, string> names = new Dictionary<string, string>();
        return StreamAsync(
            http,
            query,
            ReportFormat.Csv,
            BeginAsync,
            (id, cell) => table.Write(new(id, names.GetValueOrDefault(id), cell))
        );

        async Task BeginAsync(IReadOnlyList<string> agents)
        {
            // As they are now: an erased name is gone.
            names = await Names.ReadAsync(database, agents, http.RequestAborted);
            table.WriteHeader();
        }
    }

    private static async Task<IResult> WriteLinesAsync(HttpContext http, Query query)
    {
        var to = http.Response.BodyWriter;
        var items = new ReportItems(query.Statuses);
        await using var json = new Utf8JsonWriter(to, ReportItems.JsonOptions);
        return await StreamAsync(
            http,
            query,
            ReportFormat.Ndjson,
            _ => Task.CompletedTask,
            (agentId, cell) => items.WriteLine(json, to, agentId, cell)
        );
    }

    private static async Task<IResult> StreamAsync(
        HttpContext http,
        Query query,
        ReportFormat format,
        Func<IReadOnlyList<string>, Task> beginAsync,
        Action<string, Cell> write
    )
    {
        var ct = http.RequestAborted;
        var (facts, problem) = await ReportFacts.OpenAsync(http, query.Window.KnownAt);
        if (facts is null)
            return problem!;
        await using var _ = facts;
        var (agents, unknown) = await AgentsAsync(facts, query, "", int.MaxValue, ct);
        if (unknown is not null)
            return unknown;

        var to = http.Response.BodyWriter;
        http.Response.Headers["Bucket"] = Buckets.Word(query.Bucket);
        await ReportFormats.StartAsync(http, format, query.Window, "agents");
        await beginAsync(agents);
        await to.FlushAsync(ct);
        await foreach (var (agentId, cells) in CellsAsync(facts, query, [.. agents.Select(id => new Part(id, 0, query.Buckets))], ct))
        foreach (var cell in cells)
        {
            write(agentId, cell);
            if (to.UnflushedBytes >= Enough && (await to.FlushAsync(ct)).IsCompleted)
                return Results.Empty;
        }
        await to.FlushAsync(ct);
        return Results.Empty;
    }

    private static async IAsyncEnumerable<(string AgentId, IReadOnlyList<Cell> Cells)> CellsAsync(
        ReportFacts facts,
        Query query,
        IReadOnlyList<Part> parts,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        if (parts.Count == 0)
            yield break;
        var partOf = parts.ToDictionary(p => p.AgentId, StringComparer.Ordinal);
        var window = new FactsWindow(query.Edges[parts.Min(p => p.First)], query.Edges[parts.Max(p => p.First + p.Count)])
        {
            KnownAt = query.Window.KnownAt,
        };
        await foreach (var record in FactsAhead.ReadAsync(facts.Snapshot, [.. partOf.Keys], window, ct))
        {
            var part = partOf[record.Facts.AgentId];
            yield return (
                part.AgentId,
                Arithmetic.Of(
                    query.Window.See(record.Facts, facts.AsOf),
                    query.Edges[part.First..(part.First + part.Count + 1)],
                    facts.AsOf,
                    query.Filter
                )
            );
        }
    }

    /// <summary>Some of the buckets of an agent.</summary>
    private sealed record Part(string AgentId, int First, int Count);

    /// <summary>What is asked for.</summary>
    private sealed record Query(
        ReportWindow Window,
        Bucket Bucket,
        DateTimeOffset[] Edges,
        SessionFilter Filter,
        SortedSet<string>? Agents,
        SortedSet<string>? Statuses
    )
    {
        public DateTimeOffset From => Edges[0];

        public DateTimeOffset To => Edges[^1];

        /// <summary>How many buckets an agent has.</summary>
        public int Buckets => Edges.Length - 1;

        /// <summary>The parts of agents that make a page, and whether there are more.</summary>
        public (IReadOnlyList<Part> Parts, bool More) Parts(IReadOnlyList<string> agents, ReportCursor paging)
        {
            var parts = new List<Part>();
            var room = paging.Limit;
            foreach (var agentId in agents)
            {
                var first = agentId == paging.AgentId ? Edges.Count(e => e <= paging.Start) : 0;
                if (first >= Buckets)
                    continue;
                var count = Math.Min(room, Buckets - first);
                if (count > 0)
                    parts.Add(new Part(agentId, first, count));
                room -= count;
                if (count < Buckets - first)
                    return (parts, true);
            }
            return (parts, false);
        }

        /// <summary>What a reader of these numbers has to know about the filters.</summary>
        public IEnumerable<string> Notes()
        {
            if (Filter != SessionFilter.All)
                yield return "The session metrics follow the filters by queue, channel and workstream; the availability metrics do not "
                    + "(followsFilters in the definitions).";
            if (Statuses is not null)
                yield return "The filter by status narrows statusSeconds alone.";
        }
    }
}

/// <summary>Where a page begins: after a bucket of an agent.</summary>
/// <param name="Limit">At most so many items.</param>
/// <param name="AgentId">The agent that the page before ended with; empty for the first page.</param>
/// <param name="Start">The bucket that it ended with.</param>
internal sealed record ReportCursor(int Limit, string AgentId, DateTimeOffset Start)
{
    /// <summary>The most items of a page, and how many there are where nothing is said.</summary>
    public const int Most = 1000;

    public static IResult? Read(HttpContext http, out ReportCursor cursor)
    {
        cursor = new ReportCursor(Most, "", DateTimeOffset.MinValue);
        var query = http.Request.Query;
        if (query["limit"].ToString() is { Length: > 0 } limitText)
        {
            if (!int.TryParse(limitText, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) || limit is < 1 or > Most)
                return Problems.Validation("limit", "must be 1 to 1000");
            cursor = cursor with { Limit = limit };
        }
        if (query["cursor"].ToString() is { Length: > 0 } text)
        {
            var parts = Base64Url.IsValid(text) ? Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split(' ') : [];
            if (
                parts is not [var start, var agentId]
                || !Identifiers.IsValid(agentId)
                || InstantQuery.Read(start, "cursor", out var at) is not null
                || at is null
            )
                return Problems.Validation("cursor", "must be the 'next' of an earlier page");
            cursor = cursor with { AgentId = agentId, Start = at.Value };
        }
        return null;
    }

    /// <summary>The cursor that begins after a bucket.</summary>
    public static string After(string agentId, DateTimeOffset start) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{Instant.Format(start)} {agentId}"));
}

/// <summary>Reads facts a batch ahead: while one is worked on, the next one is under way.</summary>
internal static class FactsAhead
{
    private const int MostAgents = 50;

    /// <summary>The facts of so many agents and days are in memory at a time, and as many again under way.</summary>
    private const double AgentDays = 50 * 31;

    public static async IAsyncEnumerable<AgentRecord> ReadAsync(
        FactsSnapshot snapshot,
        IReadOnlyList<string> agents,
        FactsWindow window,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        // Where all of the past is looked through nobody knows how much that is.
        var atATime = window.KnownAt is not null ? 10 : (int)Math.Clamp(AgentDays / (window.To - window.From).TotalDays, 1, MostAgents);
        var batches = agents.Chunk(atATime).ToArray();
        Task<List<AgentRecord>>? next = null;
        try
        {
            for (var n = 0; n < batches.Length; n++)
            {
                var batch = await (next ?? ReadAsync(batches[n]));
                next = n + 1 < batches.Length ? ReadAsync(batches[n + 1]) : null;
                foreach (var record in batch)
                    yield return record;
            }
        }
        finally
        {
            // The connection is free only then.
            if (next is not null)
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<List<AgentRecord>> ReadAsync(string[] some)
        {
            var records = new List<AgentRecord>(some.Length);
            await foreach (var record in snapshot.ReadAsync(some, window, ct))
                records.Add(record);
            return records;
        }
    }
}
