using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;
using PresenceLedger.Queries.Historical;

namespace PresenceLedger.Api.Reports;

/// <summary>Writes the items of the historical report: an agent and a bucket each. A report may have millions.</summary>
/// <param name="statuses">Only these in statusSeconds, also where they did not stand; null for all that stood.</param>
internal sealed class ReportItems(IReadOnlyCollection<string>? statuses)
{
    /// <summary>How the JSON is written: valid by construction.</summary>
    public static readonly JsonWriterOptions JsonOptions = new()
    {
        SkipValidation = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonEncodedText AgentId = JsonEncodedText.Encode("agentId");
    private static readonly JsonEncodedText BucketStart = JsonEncodedText.Encode("bucketStart");
    private static readonly JsonEncodedText BucketEnd = JsonEncodedText.Encode("bucketEnd");
    private static readonly JsonEncodedText StatusSeconds = JsonEncodedText.Encode(ReportMetrics.StatusSeconds);
    private static readonly JsonEncodedText Seconds = JsonEncodedText.Encode("seconds");
    private static readonly JsonEncodedText Episodes = JsonEncodedText.Encode("episodes");
    private static readonly JsonEncodedText MinSeconds = JsonEncodedText.Encode("minSeconds");
    private static readonly JsonEncodedText MaxSeconds = JsonEncodedText.Encode("maxSeconds");

    /// <summary>Every metric, and beside each average what was divided by what (REP-6).</summary>
    private static readonly ImmutableArray<Column> Columns =
    [
        .. Metrics.All.SelectMany(metric =>
            metric.IsAverage
                ? new[]
                {
                    new Column(metric.Name, metric.In),
                    new Column(metric.Name + "Numerator", cell => metric.Numerator(cell)),
                    new Column(metric.Name + "Denominator", cell => metric.Denominator(cell)),
                }
                : [new Column(metric.Name, metric.In)]
        ),
    ];

    /// <summary>The numbers of an item in their order: name, whether it may be undefined (null), and what it is.</summary>
    internal static IEnumerable<(string Name, bool MayBeUndefined, string Formula)> Numbers =>
        Metrics.All.SelectMany(metric =>
            metric.IsAverage
                ? new (string, bool, string)[]
                {
                    (metric.Name, true, metric.Formula),
                    (metric.Name + "Numerator", false, $"what is added up for {metric.Name}"),
                    (metric.Name + "Denominator", false, $"what {metric.Name} is divided by"),
                }
                : [(metric.Name, metric.Over is not null, metric.Formula)]
        );

    /// <summary>Instants as bytes: every agent has the same buckets.</summary>
    private readonly Dictionary<DateTimeOffset, byte[]> _instants = [];

    /// <summary>An item of an agent, or of all of them together where none is named.</summary>
    public void Write(Utf8JsonWriter json, string? agentId, Cell cell)
    {
        json.WriteStartObject();
        if (agentId is not null)
            json.WriteString(AgentId, agentId);
        json.WriteString(BucketStart, Text(cell.Start));
        json.WriteString(BucketEnd, Text(cell.End));
        foreach (var column in Columns)
            if (column.Value(cell) is { } value)
                json.WriteNumber(column.Encoded, value);
            else
                json.WriteNull(column.Encoded);
        json.WriteStartObject(StatusSeconds);
        if (statuses is null)
            foreach (var status in cell.Statuses)
                Write(json, status.StatusId, status);
        else
            foreach (var statusId in statuses)
                Write(json, statusId, Of(cell, statusId));
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>An item as a line of NDJSON.</summary>
    public void WriteLine(Utf8JsonWriter json, IBufferWriter<byte> to, string agentId, Cell cell)
    {
        Write(json, agentId, cell);
        json.Flush();
        json.Reset();
        to.Write("\n"u8);
    }

    /// <summary>The columns of the report as a CSV; one for each status of those that are told, with its text where that says more than its id.</summary>
    public static IReadOnlyList<CsvColumn<ReportRow>> CsvColumns(IEnumerable<string> statusIds, Configuration configuration) =>
        [
            new("agentId", (csv, row) => csv.Text(row.AgentId)),
            new("displayName", (csv, row) => csv.Text(row.DisplayName)),
            new("localDate", (csv, row) => csv.Date(row.Cell.Start)),
            new("bucketStart", (csv, row) => csv.Time(row.Cell.Start)),
            new("bucketEnd", (csv, row) => csv.Time(row.Cell.End)),
            .. Columns.Select(column => new CsvColumn<ReportRow>(column.Name, (csv, row) => csv.Number(column.Value(row.Cell)))),
            .. statusIds.Select(id => new CsvColumn<ReportRow>(
                $"{ReportMetrics.StatusSeconds}.{id}",
                (csv, row) => csv.Number((Of(row.Cell, id)?.Milliseconds ?? 0) / 1000.0)
            )
            {
                Text = configuration.Status(id) is { BuiltIn: false, Text: var text } && text != id ? text : null,
                Group = ReportMetrics.StatusSeconds,
            }),
        ];

    private static void Write(Utf8JsonWriter json, string statusId, StatusTime? status)
    {
        json.WriteStartObject(statusId);
        json.WriteNumber(Seconds, (status?.Milliseconds ?? 0) / 1000.0);
        json.WriteNumber(Episodes, status?.Episodes ?? 0);
        if (status is null)
        {
            json.WriteNull(MinSeconds);
            json.WriteNull(MaxSeconds);
        }
        else
        {
            json.WriteNumber(MinSeconds, status.Shortest / 1000.0);
            json.WriteNumber(MaxSeconds, status.Longest / 1000.0);
        }
        json.WriteEndObject();
    }

    private static StatusTime? Of(Cell cell, string statusId)
    {
        foreach (var status in cell.Statuses)
            if (status.StatusId == statusId)
                return status;
        return null;
    }

    private byte[] Text(DateTimeOffset at)
    {
        if (!_instants.TryGetValue(at, out var text))
            _instants.Add(at, text = Encoding.UTF8.GetBytes(Instant.Format(at)));
        return text;
    }

    private sealed record Column(string Name, Func<Cell, double?> Value)
    {
        public JsonEncodedText Encoded { get; } = JsonEncodedText.Encode(Name);
    }
}

/// <summary>A row of the report as a CSV.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="DisplayName">The name in the directory; null where there is none, or it was erased.</param>
/// <param name="Cell">What the agent did in the bucket.</param>
internal sealed record ReportRow(string AgentId, string? DisplayName, Cell Cell);
