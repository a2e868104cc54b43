using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Reports;
using PresenceLedger.Ledger;

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

    /// <summary>The whole of it.</summary>
    public static string Write(WhatIfAnswer answer, WhatIfFormat format, int first) =>
        format switch
        {
            WhatIfFormat.Json => JsonSerializer.Serialize(answer, Indented) + "\n",
            WhatIfFormat.Csv => Csv(answer),
            _ => Text(answer, first),
        };

    private static string Csv(WhatIfAnswer answer)
    {
        var bytes = new ArrayBufferWriter<byte>();
        var csv = new CsvWriter(bytes);
        foreach (var column in new[] { "agentId", "measure", "recordedSeconds", "whatIfSeconds", "differenceSeconds" })
            csv.Text(column);
        csv.End();
        foreach (var agent in answer.Agents)
        {
            foreach (var (statusId, seconds) in agent.Times.StatusSeconds)
                Line(agent.AgentId, "status." + statusId, seconds);
            Line(agent.AgentId, "signedIn", agent.Times.SignedInSeconds);
            Line(agent.AgentId, "routable", agent.Times.RoutableSeconds);
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);

        void Line(string agentId, string measure, Amount seconds)
        {
            csv.Text(agentId);
            csv.Text(measure);
            csv.Number(seconds.Recorded);
            csv.Number(seconds.WhatIf);
            csv.Number(seconds.Difference);
            csv.End();
        }
    }

    private static string Text(WhatIfAnswer answer, int first)
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

    private static string Change(ChangeAnswer? change) =>
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
