using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Audit;

/// <summary>The verb <c>why</c>: why an agent was what it was, from the log itself.</summary>
internal static class WhyVerb
{
    private const int WidestParagraph = 110;

    /// <summary>The command with its options.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var agent = new Argument<string>("AGENT") { Description = "The agent's id." };
        var at = new Argument<string?>("AT")
        {
            Description =
                "The instant: RFC 3339, or HH:MM[:SS] of today, UTC; now where it is left out. "
                + "Without a fraction it is the whole second: what stood at its end.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var format = new Option<string>("--format") { Description = "text or json.", DefaultValueFactory = _ => "text" };
        format.AcceptOnlyFromAmong("text", "json");
        var why = new Command("why", "Says why an agent was what it was at an instant, and shows the events under it.")
        {
            agent,
            at,
            format,
        };
        why.SetAction(
            (parsed, ct) =>
                guard(() =>
                {
                    // What cannot be read is told before the ledger is opened; what time it is, the ledger knows.
                    var text = parsed.GetValue(at);
                    AuditVerbs.Instant("AT", text, TimeProvider.System.GetUtcNow());
                    return RunAsync(
                        stores.Of(parsed),
                        Identifier.Normalize(parsed.GetRequiredValue(agent)),
                        text,
                        parsed.GetRequiredValue(format) == "json",
                        ct
                    );
                })
        );
        return why;
    }

    private static async Task<int> RunAsync(DatabaseChoice choice, string agentId, string? text, bool json, CancellationToken ct)
    {
        await using var opened = await OpenedLog.OpenAsync(choice, prepare: false, ct);
        var now = opened.Clock.Now();
        var asked = AuditVerbs.Instant("AT", text, now);
        if (asked > now)
            throw new MisconfiguredException($"AT: {text} is still to come; it is {now:HH:mm:ss} UTC.");
        var at = asked is { } instant ? Moment.WholeSecond(text!, instant, now) : now;
        var records = opened.Records();
        var inquiry = new Inquiry(records, new Entries(records));
        try
        {
            if (await inquiry.WhyAsync(agentId, at, Wording.English, ct) is not { } answer)
                return AuditVerbs.Unknown(agentId);
            if (json)
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(answer, WireJson.Options));
            else
                await ShowAsync(answer, Console.Out);
            return 0;
        }
        catch (InvalidDataException e)
        {
            return AuditVerbs.Unreadable(e);
        }
    }

    /// <summary>The paragraph, the events under it, and what the rules say.</summary>
    internal static async Task ShowAsync(WhyAnswer answer, TextWriter output)
    {
        var width =
            output == Console.Out && !Console.IsOutputRedirected ? Math.Min(WidestParagraph, Console.WindowWidth - 1) : int.MaxValue;
        await output.WriteLineAsync(Wrapped(TextView.Visible(answer.Paragraph), width));
        await ListAsync("The events under it, newest first:", answer.Causes);
        await ListAsync("Since then, without effect:", answer.Meanwhile);
        await ListAsync("Corrections:", answer.Corrections);
        if (answer.Rules.Count == 0)
            return;
        await output.WriteLineAsync();
        await output.WriteLineAsync("The rules:");
        foreach (var rule in answer.Rules)
            await output.WriteLineAsync($"  {rule.Id, -7} {rule.Title}");

        async Task ListAsync(string title, IReadOnlyList<TimelineEntry> entries)
        {
            if (entries.Count == 0)
                return;
            await output.WriteLineAsync();
            await output.WriteLineAsync(title);
            foreach (var e in entries)
                await output.WriteLineAsync(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"  {e.OccurredAt.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff}  #{e.Version, -5} {TextView.Visible(e.Explanation)}"
                    )
                );
        }
    }

    private static string Wrapped(string paragraph, int width)
    {
        var (lines, column) = (new StringBuilder(), 0);
        foreach (var word in paragraph.Split(' '))
        {
            if (column > 0 && column + 1 + word.Length > width)
            {
                lines.AppendLine();
                column = 0;
            }
            else if (column > 0)
            {
                lines.Append(' ');
                column++;
            }
            lines.Append(word);
            column += word.Length;
        }
        return lines.ToString();
    }
}
