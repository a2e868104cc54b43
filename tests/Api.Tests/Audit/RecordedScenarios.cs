using System.Collections.Concurrent;
using PresenceLedger.Contracts;
using PresenceLedger.Ledger;
using PresenceLedger.Queries.Timeline;
using PresenceLedger.Scenarios;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>An answer to "why", and where it was asked.</summary>
/// <param name="Scenario">The scenario.</param>
/// <param name="Answer">The answer, right after one of its steps.</param>
public sealed record Asked(Scenario Scenario, WhyAnswer Answer);

/// <summary>The ledgers that our own scenarios leave, and the answers to "why" after each of their steps.</summary>
public static class RecordedScenarios
{
    private static readonly string[] Given = ["capacity.yaml", "faq.yaml"];
    private static readonly Lazy<Task<IReadOnlyList<Asked>>> Asking = new(AskAllAsync);

    /// <summary>The keys of all that was said so far.</summary>
    public static ConcurrentDictionary<string, bool> Said { get; } = new(StringComparer.Ordinal);

    /// <summary>English, and takes note of what is said.</summary>
    private static readonly Wording Words = new(key =>
    {
        Said.TryAdd(key, true);
        return Wording.All.GetValueOrDefault(key);
    });

    /// <summary>Why each agent of each scenario was what it was, after each step.</summary>
    public static Task<IReadOnlyList<Asked>> AnswersAsync() => Asking.Value;

    /// <summary>A scenario that is written in a test.</summary>
    public static Scenario Read(string yaml)
    {
        using var reader = new StringReader(yaml);
        return Scenario.Read("test.yaml", reader).Single();
    }

    /// <summary>Runs a scenario: the outcome of each step, and the records that it leaves.</summary>
    public static async Task<(IReadOnlyList<StepOutcome> Steps, Records Records)> RecordAsync(Scenario scenario)
    {
        var (steps, log, texts) = await ScenarioRun.RecordAsync(scenario);
        return (steps, new Records(log, texts, states: null));
    }

    /// <summary>Why an agent was what it was.</summary>
    public static async Task<WhyAnswer> WhyAsync(Records records, string agentId, DateTimeOffset at)
    {
        var inquiry = new Inquiry(records, new Entries(records));
        return await inquiry.WhyAsync(agentId, at, Words, CancellationToken.None)
            ?? throw new InvalidOperationException($"Nothing is recorded of {agentId}.");
    }

    /// <summary>The agents of whom something is recorded, in order.</summary>
    public static async Task<string[]> AgentsAsync(Records records) =>
        [
            .. (await records.Log.ReadAllAsync(LogPosition.Start, int.MaxValue, CancellationToken.None))
                .Select(e => StreamNames.AgentId(e.Record.Stream))
                .OfType<string>()
                .Distinct()
                .Order(StringComparer.Ordinal),
        ];

    private static async Task<IReadOnlyList<Asked>> AskAllAsync()
    {
        var answers = new List<Asked>();
        var files = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Scenarios"), "*.yaml").Order(StringComparer.Ordinal);
        foreach (var scenario in files.Where(f => !Given.Contains(Path.GetFileName(f))).SelectMany(Scenario.Load))
        {
            var (steps, records) = await RecordAsync(scenario);
            foreach (var at in steps.Select(s => scenario.Start + s.At).Distinct())
            foreach (var agentId in await AgentsAsync(records))
                answers.Add(new Asked(scenario, await WhyAsync(records, agentId, at)));
        }
        return answers;
    }
}
