using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PresenceLedger.Api.Reports;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Timeline;

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

    private static string Kind(Actor actor) => JsonNamingPolicy.KebabCaseLower.ConvertName(actor.Kind.ToString());

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

/// <summary>For people with a spreadsheet: CSV, a line for each event.</summary>
/// <param name="output">Where to.</param>
/// <param name="style">How it is written.</param>
/// <param name="columns">Which columns it has.</param>
public sealed class CsvView(TextWriter output, CsvStyle style, IReadOnlyList<CsvColumn<ReplayRow>> columns) : IReplayView
{
    private readonly ArrayBufferWriter<byte> _written = new();

    /// <summary>All the columns that there are.</summary>
    public static IReadOnlyList<CsvColumn<ReplayRow>> AllColumns { get; } =
    [
        new("version", (csv, row) => csv.Number(row.Entry.Version)),
        new("localDate", (csv, row) => csv.Date(row.Entry.OccurredAt)),
        new("occurredAt", (csv, row) => csv.Time(row.Entry.OccurredAt)),
        new("recordedAt", (csv, row) => csv.Time(row.Entry.RecordedAt)),
        new("type", (csv, row) => csv.Text(row.Entry.Type)),
        new("from", (csv, row) => csv.Text(row.Entry.From?.StatusId)),
        // Where the status did not change, it has the text of the one that came.
        new("fromText", (csv, row) => csv.Text(row.Entry.From is null ? null : row.Before ?? row.Status)),
        new("to", (csv, row) => csv.Text(row.Entry.To?.StatusId)),
        new("toText", (csv, row) => csv.Text(row.Status)),
        new("rule", (csv, row) => csv.Text(row.Entry.Rule)),
        new("actor", (csv, row) => csv.Text($"{Kind(row.Entry.Actor)}:{row.Entry.Actor.Id}")),
        new("explanation", (csv, row) => csv.Text(row.Entry.Explanation)),
        new("reasonCode", (csv, row) => csv.Text(row.Entry.Reason?.Code)),
        new("reasonText", (csv, row) => csv.Text(row.Entry.Reason?.Text)),
        new("causes", (csv, row) => csv.Text(string.Join(' ', row.Entry.Causes.Versions))),
        new("causationId", (csv, row) => csv.Text(row.Entry.CausationId.ToString())),
        new("correlationId", (csv, row) => csv.Text(row.Entry.CorrelationId)),
        new("client", (csv, row) => csv.Text(row.Entry.Client)),
        new("connectionId", (csv, row) => csv.Text(row.Entry.ConnectionId)),
        new("policyVersion", (csv, row) => csv.Number(row.Entry.PolicyVersion)),
        new("eventId", (csv, row) => csv.Text(row.Entry.EventId.ToString())),
        new("hash", (csv, row) => csv.Text(row.Entry.Hash)),
    ];

    public Task BeginAsync(string agentId) => WriteAsync(table => table.WriteHeader());

    public Task ShowAsync(ReplayRow row) => WriteAsync(table => table.Write(row));

    public Task EndAsync(int rows) => Task.CompletedTask;

    private static string Kind(Actor actor) => JsonNamingPolicy.KebabCaseLower.ConvertName(actor.Kind.ToString());

    private Task WriteAsync(Action<CsvTable<ReplayRow>> write)
    {
        _written.ResetWrittenCount();
        write(new CsvTable<ReplayRow>(new CsvWriter(_written, style), columns));
        return output.WriteAsync(Encoding.UTF8.GetString(_written.WrittenSpan));
    }
}

/// <summary>For programs: an entry of the timeline as JSON in each line.</summary>
public sealed class JsonView(TextWriter output) : IReplayView
{
    public Task BeginAsync(string agentId) => Task.CompletedTask;

    public Task ShowAsync(ReplayRow row) => output.WriteLineAsync(JsonSerializer.Serialize(row.Entry, WireJson.Options));

    public Task EndAsync(int rows) => Task.CompletedTask;
}
