using System.Globalization;
using System.Text;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Queries.Timeline;
using Snapshooter;
using Snapshot = Snapshooter.Xunit.Snapshot;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>Why an agent was what it was, for every rule.</summary>
public sealed class WhyTests
{
    /// <summary>
    /// Rules that no status rests on: they refuse commands, say what is never looked at, what is not recorded, or how things are
    /// written down.
    /// </summary>
    private static readonly string[] NeverNamed =
    [
        Rules.Cat1,
        Rules.Cat2,
        Rules.Cat3,
        Rules.Sgn5,
        Rules.Sgn6,
        Rules.Cap13,
        Rules.Con7,
        Rules.Con9,
        Rules.Dia1,
        Rules.Dia2,
        Rules.Stk3,
        Rules.Tim6,
        Rules.Who1,
        Rules.Who3,
        // Of what is noticed late; in a scenario nothing is. A test of the ledger's own past has it.
        Rules.Tim1,
        Rules.Tim3,
        Rules.Tim4,
        Rules.Tim5,
    ];

    public static TheoryData<string> EveryRule => [.. Rules.All];

    [Theory]
    [MemberData(nameof(EveryRule))]
    public async Task It_is_told_for(string rule)
    {
        var about = (await RecordedScenarios.AnswersAsync()).Where(a => a.Scenario.Rules.Contains(rule)).ToArray();
        // Of those that it made something in, else that name it, the one that has the most to say.
        var asked = about
            .OrderByDescending(a => a.Answer.Causes.Any(c => c.Rule == rule))
            .ThenByDescending(a => a.Answer.Rules.Any(r => r.Id == rule))
            .ThenByDescending(a => a.Answer.Paragraph.Length)
            .First();
        Assert.Equal(NeverNamed.Contains(rule), asked.Answer.Rules.All(r => r.Id != rule));

        var text = new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"{rule}: {Wording.English.Title(rule)}")
            .AppendLine(asked.Scenario.Name)
            .AppendLine()
            .Append(Shown(asked.Answer));
        Snapshot.Match(text.ToString().ReplaceLineEndings("\n"), new SnapshotNameExtension(rule));
    }

    [Fact]
    public async Task Everything_it_says_has_words()
    {
        foreach (var (scenario, answer) in await RecordedScenarios.AnswersAsync())
        {
            var said = answer.Causes.Concat(answer.Meanwhile).Select(e => e.Explanation).Append(answer.Paragraph);
            Assert.All(said, text => Assert.DoesNotMatch(@"[{}]|\b[a-z]+\.[a-z]+[.-]", text));
            Assert.False(answer.Paragraph.Contains("..", StringComparison.Ordinal), scenario.Name);
        }
    }

    [Fact]
    public async Task All_that_can_be_said_of_a_status_is_said_of_some()
    {
        string[] elsewhere = ["why.not-registered", "why.late", "why.corrected", "why.corrected.last", "why.open.more", "why.by-itself"];
        await RecordedScenarios.AnswersAsync();
        var unsaid = Wording.All.Keys.Where(k => k.StartsWith("why.", StringComparison.Ordinal)).Except(RecordedScenarios.Said.Keys);
        Assert.Empty(unsaid.Except(elsewhere));
    }

    [Fact]
    public async Task The_events_under_it_lead_back_to_a_command_or_to_time()
    {
        foreach (var (_, answer) in await RecordedScenarios.AnswersAsync())
        {
            Assert.NotEmpty(answer.Causes);
            Assert.Equal(answer.Causes.OrderByDescending(c => c.Version), answer.Causes);
            foreach (var entry in answer.Causes.Where(c => c.Type == "presence-changed"))
            {
                Assert.Subset(answer.Causes.Select(c => c.Version).ToHashSet(), entry.Causes.Versions.ToHashSet());
                Assert.NotNull(entry.Inputs);
            }
            Assert.All(answer.Causes, c => Assert.True(c.OccurredAt <= answer.At));
        }
    }

    [Fact]
    public async Task It_agrees_with_the_state()
    {
        foreach (var (_, answer) in await RecordedScenarios.AnswersAsync())
        {
            Assert.True(answer.Since <= answer.At);
            Assert.True(answer.Until is null || answer.Until > answer.At);
            if (answer.Causes[0] is { Type: "presence-changed" } change)
                Assert.Equal((answer.StatusId, answer.Base, answer.Origin), (change.To!.StatusId, change.To.Base, change.To.Origin));
            else
                Assert.Equal(("offline", Origin.Connection), (answer.StatusId, answer.Origin));
        }
    }

    [Fact]
    public async Task The_story_of_the_README_is_told_at_every_turn()
    {
        var scenario = RecordedScenarios.Read(
            """
            start: 2026-01-05T10:40:00Z
            policy: { heartbeatTimeout: 5 }
            statuses: { away-training: { text: In training, base: away } }
            agents: { ana: { units: 100 } }
            steps:
              - { at: "00:00:01", do: sign-in, agent: ana, connection: tab-1 }
              - { at: "00:00:02", do: assign, agent: ana, conversation: c1, units: 40 }
              - { at: "00:00:03", do: accept, agent: ana, conversation: c1 }
              - { at: "00:00:04", do: assign, agent: ana, conversation: c2, units: 60 }
              - { at: "00:00:05", do: accept, agent: ana, conversation: c2 }
              - { at: "00:02:03", do: lose-network, agent: ana, connection: tab-1 }
              - { at: "00:02:10", do: tick }
              - { at: "00:02:12", do: sign-in, agent: ana, connection: tab-1 }
              - { at: "00:03:00", do: close, agent: ana, conversation: c1 }
              - { at: "00:03:01", do: close, agent: ana, conversation: c2 }
              - { at: "00:03:02", do: set, agent: ana, status: away-training, by: "supervisor:sue", reason: Thursday's course }
              - { at: "00:04:00", do: lose-network, agent: ana, connection: tab-1 }
              - { at: "00:10:00", do: sign-in, agent: ana, connection: tab-1 }
            end: "00:11:00"
            """
        );
        var (steps, records) = await RecordedScenarios.RecordAsync(scenario);
        Assert.Empty(steps.SelectMany(s => s.Failures));
        var text = new StringBuilder();
        foreach (
            var at in steps
                .Select(s => scenario.Start + s.At)
                .Append(scenario.Start.AddSeconds(-1))
                .Append(scenario.Start.AddMinutes(8))
                .Order()
        )
            text.Append(Shown(await RecordedScenarios.WhyAsync(records, "ana", at))).AppendLine();
        Snapshot.Match(text.ToString().ReplaceLineEndings("\n"));
    }

    private static string Shown(WhyAnswer answer)
    {
        var text = new StringBuilder()
            .AppendLine(
                CultureInfo.InvariantCulture,
                $"{answer.AgentId} {Clock(answer.At)}: {answer.StatusId} {answer.Origin} {Clock(answer.Since)} - {Clock(answer.Until)}"
            )
            .AppendLine(answer.Paragraph);
        foreach (var e in answer.Causes)
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"  {e.Version} {e.Rule} {e.Actor.Kind}:{e.Actor.Id} {e.Explanation} <- {string.Join(' ', e.Causes.Versions)} {e.Causes.Command?.CausationId:N}"
            );
        foreach (var e in answer.Meanwhile)
            text.AppendLine(CultureInfo.InvariantCulture, $"  since {e.Version} {e.Rule} {e.Explanation}");
        return text.AppendLine("  " + string.Join(", ", answer.Rules.Select(r => r.Id))).ToString();
    }

    private static string Clock(DateTimeOffset? at) => at?.ToString("HH:mm:ss.FFF", CultureInfo.InvariantCulture) ?? "";
}
