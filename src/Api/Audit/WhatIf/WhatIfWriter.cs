using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PresenceLedger.Api.Reports;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Ledger;
using PresenceLedger.Queries;
using PresenceLedger.Queries.WhatIf;

namespace PresenceLedger.Api.Audit.WhatIf;

/// <summary>How a comparison is written.</summary>
internal enum WhatIfFormat
{
    Text,
    Json,

    /// <summary>A line for each agent and measure.</summary>
    Csv,
}

/// <summary>Writes a comparison.</summary>
internal static class WhatIfWriter
{
    private const string SignedIn = "signed in";
    private const string Routable = "routable";
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;
    private static readonly JsonSerializerOptions Indented = MakeIndented();

    /// <summary>The columns of the CSV.</summary>
    public static IReadOnlyList<CsvColumn<WhatIfRow>> CsvColumns { get; } =
    [
        new("agentId", (csv, row) => csv.Text(row.AgentId)),
        new("displayName", (csv, row) => csv.Text(row.DisplayName)),
        new("measure", (csv, row) => csv.Text(row.Measure)),
        new("statusText", (csv, row) => csv.Text(row.StatusText)),
        new("recordedSeconds", (csv, row) => csv.Number(row.Seconds.Recorded)),
        new("whatIfSeconds", (csv, row) => csv.Number(row.Seconds.WhatIf)),
        new("differenceSeconds", (csv, row) => csv.Number(row.Seconds.Difference)),
    ];

    /// <summary>All of it, for programs.</summary>
    public static string Json(WhatIfAnswer answer) => JsonSerializer.Serialize(answer, Indented) + "\n";

    /// <summary>The times of each agent, for people with a spreadsheet.</summary>
    public static string Csv(
        WhatIfAnswer answer,
        IReadOnlyDictionary<string, string> names,
        Configuration configuration,
        CsvStyle style,
        IReadOnlyList<CsvColumn<WhatIfRow>> columns
    )
    {
        var bytes = new ArrayBufferWriter<byte>();
        var table = new CsvTable<WhatIfRow>(new CsvWriter(bytes, style), columns);
        table.WriteHeader();
        foreach (var agent in answer.Agents)
        {
            foreach (var (statusId, seconds) in agent.Times.StatusSeconds)
                Write(agent.AgentId, "status." + statusId, configuration.StatusText(statusId), seconds);
            Write(agent.AgentId, "signedIn", null, agent.Times.SignedInSeconds);
            Write(agent.AgentId, "routable", null, agent.Times.RoutableSeconds);
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);

        void Write(string agentId, string measure, string? statusText, Amount seconds) =>
            table.Write(new(agentId, names.GetValueOrDefault(agentId), measure, statusText, seconds));
    }

    /// <summary>For people at a terminal.</summary>
    public static string Text(WhatIfAnswer answer, int first)
    {
        var text = new StringBuilder();
        Say(
            text,
            $"From {Instant.Format(answer.From)} to {Instant.Format(answer.To)}, {answer.AgentsCompared} agents. What would have been other:"
        );
        foreach (var setting in answer.Settings)
            Say(
                text,
                $"  {TerminalText.Escape(setting.What)}: {(setting.Recorded is { } was ? TerminalText.Escape(was) + " → " : "")}{TerminalText.Escape(setting.WhatIf)}"
            );
        if (answer.Settings.Count == 0)
            text.AppendLine("  nothing");

        text.AppendLine();
        Table(text, ["status", "recorded", "what-if", "difference"], Rows(answer.Total));
        if (answer.Queues.Count > 0)
        {
            text.AppendLine();
            Table(
                text,
                ["queue", "routable: recorded", "what-if", "difference", "nobody: recorded", "what-if", "difference"],
                answer.Queues.Select(string[] (q) => [q.Queue, .. Cells(q.RoutableSeconds), .. Cells(q.NobodySeconds)])
            );
        }

        text.AppendLine();
        Say(
            text,
            $"Agents with a difference: {answer.AgentsOther} of {answer.AgentsCompared}{Listed(Math.Min(first, answer.AgentsOther), answer.AgentsOther)}"
        );
        Table(
            text,
            ["agent", "of the time", "routable", "transitions", "refused"],
            answer
                .Agents.Select(a => (Agent: a, Moved: a.Times.StatusSeconds.Values.Sum(s => Math.Abs(s.Difference)) / 2))
                .Where(a => a.Moved > 0 || a.Agent.OtherTransitions > 0 || a.Agent.Refused > 0)
                .OrderByDescending(a => a.Moved)
                .ThenBy(a => a.Agent.AgentId, StringComparer.Ordinal)
                .Take(first)
                .Select(a =>
                    new[]
                    {
                        a.Agent.AgentId,
                        Time(a.Moved),
                        Difference(a.Agent.Times.RoutableSeconds.Difference),
                        a.Agent.OtherTransitions.ToString(Culture),
                        a.Agent.Refused.ToString(Culture),
                    }
                )
        );

        text.AppendLine();
        var transitions = answer.Transitions;
        Say(
            text,
            $"Transitions: {transitions.Recorded} recorded, {transitions.WhatIf} what-if; {transitions.Other} would be other{Listed(transitions.First.Count, transitions.Other)}"
        );
        foreach (var t in transitions.First)
            Say(text, $"  {Instant.Format(t.At)} {t.AgentId}: {Change(t.Recorded)} → {Change(t.WhatIf)}");

        var refused = answer.Refused;
        if (refused.Count > 0)
        {
            text.AppendLine();
            var codes = string.Join(", ", refused.ByCode.Select(c => string.Create(Culture, $"{c.Value} {c.Key}")));
            Say(text, $"Refused: {refused.Count} ({codes}){Listed(refused.First.Count, refused.Count)}");
            foreach (var r in refused.First)
                Say(text, $"  {Instant.Format(r.At)} {r.AgentId}@{r.Version} {r.Type}: {r.Code}");
        }

        text.AppendLine();
        foreach (var note in answer.Notes)
            Say(text, $"Note: {note}");
        return text.ToString();
    }

    private static IEnumerable<string[]> Rows(TimesAnswer times) =>
        [
            .. times.StatusSeconds.Select(string[] (s) => [s.Key, .. Cells(s.Value)]),
            [SignedIn, .. Cells(times.SignedInSeconds)],
            [Routable, .. Cells(times.RoutableSeconds)],
        ];

    private static string[] Cells(Amount seconds) => [Time(seconds.Recorded), Time(seconds.WhatIf), Difference(seconds.Difference)];

    private static string Change(NewStatusAnswer? change) =>
        change is null ? "(none)" : $"{change.StatusId} ({change.Origin.ToString().ToLowerInvariant()}, {change.Rule})";

    private static string Listed(long listed, long all) =>
        listed == 0 ? "."
        : listed < all ? string.Create(Culture, $". The first {listed}:")
        : ":";

    private static string Difference(double seconds) => seconds > 0 ? "+" + Time(seconds) : Time(seconds);

    /// <summary>Hours, minutes and seconds; below a minute with milliseconds.</summary>
    private static string Time(double seconds)
    {
        var milliseconds = (long)Math.Round(Math.Abs(seconds) * 1000);
        var sign = seconds < 0 && milliseconds > 0 ? "-" : "";
        if (milliseconds is > 0 and < 60_000)
            return sign + (milliseconds / 1000.0).ToString("0.###", Culture) + " s";
        var whole = (milliseconds + 500) / 1000;
        return string.Create(Culture, $"{sign}{whole / 3600}:{whole / 60 % 60:D2}:{whole % 60:D2}");
    }

    private static void Table(StringBuilder text, string[] head, IEnumerable<string[]> rows)
    {
        string[][] all = [head, .. rows];
        if (all.Length == 1)
            return;
        var widths = head.Select((_, column) => all.Max(row => row[column].Length)).ToArray();
        foreach (var row in all)
            text.Append("  ")
                .AppendJoin("  ", row.Select((cell, column) => column == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[column])))
                .AppendLine();
    }

    private static void Say(StringBuilder text, FormattableString line) => text.AppendLine(line.ToString(Culture));

    private static JsonSerializerOptions MakeIndented()
    {
        var options = new JsonSerializerOptions { WriteIndented = true };
        WireJson.Configure(options);
        options.MakeReadOnly();
        return options;
    }
}

/// <summary>A line of the CSV: an agent and a measure.</summary>
internal sealed record WhatIfRow(string AgentId, string? DisplayName, string Measure, string? StatusText, Amount Seconds);
