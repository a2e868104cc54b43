using PresenceLedger.Scenarios;

namespace PresenceLedger.Domain.Tests;

/// <summary>Every scenario file, through the runner that people use.</summary>
public sealed class ScenarioTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Scenarios");
    private static readonly string[] Given = ["capacity.yaml", "faq.yaml"];

    public static TheoryData<string, string> All()
    {
        var all = new TheoryData<string, string>();
        foreach (var file in Directory.GetFiles(Folder, "*.yaml").Order(StringComparer.Ordinal))
        foreach (var scenario in Scenario.Load(file))
            all.Add(Path.GetFileName(file), scenario.Name);
        return all;
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_scenario_holds(string file, string name)
    {
        var scenario = Scenario.Load(Path.Combine(Folder, file)).Single(s => s.Name == name);
        var steps = await ScenarioRun.RunAsync(scenario);
        Assert.NotEmpty(steps);
        Assert.Empty(steps.SelectMany(s => s.Failures.Select(f => $"{s.At} {s.What}: {f}")));
    }

    [Fact]
    public void Every_rule_is_in_a_scenario_of_our_own()
    {
        var covered = OwnScenarios().SelectMany(s => s.Rules).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(Rules.All.Where(rule => !covered.Contains(rule)));
    }

    [Fact]
    public void Scenarios_name_no_rule_that_does_not_exist() =>
        Assert.Empty(Directory.GetFiles(Folder, "*.yaml").SelectMany(Scenario.Load).SelectMany(s => s.Rules).Except(Rules.All));

    [Fact]
    public void At_least_forty_scenarios_are_our_own() => Assert.True(OwnScenarios().Count() >= 40);

    [Theory]
    [InlineData("expect: { ana: busy }", "ana: expected status busy, got available")]
    [InlineData("expect: { ana: { rule: CAP-1 } }", "ana: expected rule CAP-1, got SGN-1")]
    [InlineData("error: nothing-to-reset", "expected the error nothing-to-reset, got none")]
    public async Task A_scenario_that_does_not_hold_says_so(string expectation, string failure)
    {
        var scenario = Read($"agents: {{ ana: {{ }} }}\nsteps:\n  - {{ at: \"00:00:00\", do: sign-in, agent: ana, {expectation} }}\n");
        var steps = await ScenarioRun.RunAsync(scenario);
        Assert.Contains(failure, steps.SelectMany(s => s.Failures));
    }

    [Fact]
    public async Task Durations_that_do_not_hold_are_told_by_status()
    {
        var scenario = Read(
            "agents: { ana: { } }\nsteps:\n  - { at: \"00:00:10\", do: sign-in, agent: ana }\nend: \"00:01:00\"\ndurations: { ana: { available: 60 } }\n"
        );
        var failures = (await ScenarioRun.RunAsync(scenario)).SelectMany(s => s.Failures).ToArray();
        Assert.Equal(["ana: expected 60 s available, got 50 s", "ana: expected 0 s offline, got 10 s"], failures);
    }

    [Theory]
    [InlineData("steps:\n  - { at: \"00:00:00\", do: dance, agent: ana }", "line 4: 'dance' is not a verb of scenarios.")]
    [InlineData("steps:\n  - { at: \"0:00\", do: tick }", "line 4: '0:00' is not HH:MM:SS.")]
    public async Task A_scenario_that_cannot_be_run_names_the_place(string steps, string message)
    {
        var scenario = Read($"name: a\nagents: {{ ana: {{ }} }}\n{steps}\n");
        var e = await Assert.ThrowsAsync<ScenarioException>(() => ScenarioRun.RunAsync(scenario));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_nobody_registered_is_unknown_as_the_rules_say()
    {
        var scenario = Read("steps:\n  - { at: \"00:00:00\", do: sign-out, agent: zoe, error: agent-unknown }\n");
        Assert.Empty((await ScenarioRun.RunAsync(scenario)).SelectMany(s => s.Failures));
    }

    private static IEnumerable<Scenario> OwnScenarios() =>
        Directory.GetFiles(Folder, "*.yaml").Where(f => !Given.Contains(Path.GetFileName(f))).SelectMany(Scenario.Load);

    private static Scenario Read(string yaml)
    {
        using var reader = new StringReader(yaml);
        return Scenario.Read("test.yaml", reader).Single();
    }
}
