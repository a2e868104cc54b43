using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Api.Reports;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;

namespace PresenceLedger.Api.Audit;

/// <summary>For people: a row of an event, with how long after the last, the status that came, the rule, who did it, and the sentence.</summary>
/// <param name="output">Where to.</param>
/// <param name="wording">In which words.</param>
/// <param name="coloured">Whether the terminal shows colours.</param>
public sealed class TextView(TextWriter output, Wording wording, bool coloured) : IReplayView
{
    private const string Faint = "\e[2m";
    private const string Cyan = "\e[36m";
    private const string Reset = "\e[0m";

    private DateOnly? _day;

    /// <summary>Whether what is written goes to a terminal that shows colours, and whose user wants them (no-color.org).</summary>
    public static bool IsColoured(TextWriter output) =>
        output == Console.Out
        && !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not "dumb";

    public Task BeginAsync(string agentId) => output.WriteLineAsync(Coloured(Visible(agentId), "\e[1m"));

    public async Task ShowAsync(ReplayRow row)
    {
        var entry = row.Entry;
        var at = entry.OccurredAt.UtcDateTime;
        if (_day != DateOnly.FromDateTime(at))
        {
            _day = DateOnly.FromDateTime(at);
            var day = new Phrase("replay.day", ("day", at.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)));
            await output.WriteLineAsync(Coloured(wording.Say(day, id => id), Faint));
        }
        var gap = row.Gap is { } g && g > TimeSpan.Zero ? "+" + wording.Duration(g) : "";
        var line = new StringBuilder()
            .Append(at.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture))
            .Append("  ")
            .Append(Coloured(gap.PadLeft(12), Faint))
            .Append("  ")
            .Append((row.Status is null ? "".PadRight(16) : Coloured(Visible(row.Status).PadRight(16), ColourOf(entry.To?.Base))))
            .Append("  ")
            .Append(Coloured((entry.Rule ?? "").PadRight(6), Cyan))
            .Append("  ")
            .Append(Coloured(Visible($"{Kind(entry.Actor)}:{entry.Actor.Id}").PadRight(22), Faint))
            .Append("  ")
            .Append(Visible(entry.Explanation));
        if (row is { Before: { } before, Stood: { } stood })
        {
            var stoodFor = new Phrase("replay.stood", ("status", before), ("for", stood));
            line.Append("  ").Append(Coloured("(" + Visible(wording.Say(stoodFor, id => id)) + ")", Faint));
        }
        if (entry.Reason is { } reason)
            line.Append("  ").Append(Coloured("[" + Visible(ReasonText(reason.Code, reason.Text ?? WhyNoText(reason))) + "]", Faint));
        await output.WriteLineAsync(line.ToString().TrimEnd());
    }

    public Task EndAsync(int rows) =>
        rows == 0 ? output.WriteLineAsync(wording.Say(new Phrase("replay.nothing"), id => id)) : Task.CompletedTask;

    /// <summary>Without what a terminal would obey: names and clients are other people's words.</summary>
    public static string Visible(string text) =>
        text.Any(TerminalText.IsSteering) ? string.Concat(text.Select(c => TerminalText.IsSteering(c) ? '\uFFFD' : c)) : text;

    private string? WhyNoText(ReasonAnswer reason) => reason.WhyNoText is { } why ? wording.Say(why, id => id) : null;

    private static string ReasonText(string? code, string? text) => string.Join(": ", new[] { code, text }.OfType<string>());

    private static string Kind(ActorAnswer actor) => JsonNamingPolicy.KebabCaseLower.ConvertName(actor.Kind.ToString());

    private static string ColourOf(BaseStatus? status) =>
        status switch
        {
            BaseStatus.Available => "\e[32m",
            BaseStatus.Busy => "\e[31m",
            BaseStatus.DoNotDisturb => "\e[35m",
            BaseStatus.Away => "\e[33m",
            _ => "\e[90m",
        };

    private string Coloured(string text, string colour) => coloured && text.Length > 0 ? colour + text + Reset : text;
}

/// <summary>For spreadsheets: CSV, a line for each event.</summary>
public sealed class CsvView(TextWriter output) : IReplayView
{
    private static readonly string[] Columns =
    [
        "version",
        "occurredAt",
        "recordedAt",
        "type",
        "from",
        "to",
        "rule",
        "actor",
        "explanation",
        "reasonCode",
        "reasonText",
        "causes",
        "causationId",
        "correlationId",
        "client",
        "connectionId",
        "policyVersion",
        "eventId",
        "hash",
    ];

    public Task BeginAsync(string agentId) => WriteAsync(Columns);

    public Task ShowAsync(ReplayRow row)
    {
        var e = row.Entry;
        return WriteAsync([
            e.Version.ToString(CultureInfo.InvariantCulture),
            Instant.Format(e.OccurredAt),
            Instant.Format(e.RecordedAt),
            e.Type,
            e.From?.StatusId,
            e.To?.StatusId,
            e.Rule,
            $"{JsonNamingPolicy.KebabCaseLower.ConvertName(e.Actor.Kind.ToString())}:{e.Actor.Id}",
            e.Explanation,
            e.Reason?.Code,
            e.Reason?.Text,
            string.Join(' ', e.Causes.Versions),
            e.CausationId.ToString(),
            e.CorrelationId,
            e.Client,
            e.ConnectionId,
            e.PolicyVersion.ToString(CultureInfo.InvariantCulture),
            e.EventId.ToString(),
            e.Hash,
        ]);
    }

    public Task EndAsync(int rows) => Task.CompletedTask;

    private Task WriteAsync(IEnumerable<string?> cells)
    {
        var line = new ArrayBufferWriter<byte>();
        var csv = new CsvWriter(line);
        foreach (var cell in cells)
            csv.Text(cell);
        csv.End();
        return output.WriteAsync(Encoding.UTF8.GetString(line.WrittenSpan));
    }
}

/// <summary>For programs: an entry of the timeline as JSON in each line.</summary>
public sealed class JsonView(TextWriter output) : IReplayView
{
    public Task BeginAsync(string agentId) => Task.CompletedTask;

    public Task ShowAsync(ReplayRow row) => output.WriteLineAsync(JsonSerializer.Serialize(row.Entry, WireJson.Options));

    public Task EndAsync(int rows) => Task.CompletedTask;
}
