using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary><c>presence-ledger scenario run</c>, as a program.</summary>
public sealed class ScenarioRunTests : IDisposable
{
    private const string Holds = """
        name: Sign in and out
        agents: { ana: { units: 100 } }
        steps:
          - { at: "00:00:00", do: sign-in, agent: ana, expect: { ana: available } }
          - { at: "00:01:00", do: sign-out, agent: ana, expect: { ana: { status: offline, rule: SGN-4 } } }
        end: "00:02:00"
        durations: { ana: { available: 60, offline: 60 } }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("presence-ledger-scenarios-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Thousands_of_scenarios_in_one_file_run()
    {
        var ended = await RunAsync(string.Join("\n---\n", Enumerable.Repeat(Holds, 3_000)));
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.EndsWith("3000 passed, 0 failed", ended.Output.Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_expectation_that_does_not_hold_exits_with_1_and_says_what_was_got()
    {
        var ended = await RunAsync(Holds.Replace("{ ana: available }", "{ ana: busy }", StringComparison.Ordinal));
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("ana: expected status busy, got available", ended.Output, StringComparison.Ordinal);
        Assert.EndsWith("0 passed, 1 failed", ended.Output.Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_there_exits_with_2_and_the_others_are_run()
    {
        var file = await WriteAsync(Holds);
        var missing = Path.Combine(_folder, "missing.yaml");
        var ended = await ServiceProcess.RunAsync(["scenario", "run", missing, file]);
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains(missing, ended.Errors, StringComparison.Ordinal);
        Assert.Contains("1 passed, 0 failed, 1 could not be read", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_in_place_of_a_file_exits_with_2() =>
        Assert.Equal(2, (await ServiceProcess.RunAsync(["scenario", "run", _folder])).ExitCode);

    [Theory]
    [InlineData("do: sign-in", "do: sing-in", "line 4", "sing-in")]
    [InlineData("at: \"00:01:00\"", "at: soon", "line 5", "soon")]
    [InlineData("at: \"00:01:00\"", "at: \"99999999999:00:00\"", "line 5", "99999999999")]
    [InlineData("at: \"00:01:00\"", "at: \"2147483647:00:00\"", "line 5", "2147483647")]
    [InlineData("units: 100", "units: many", "line 2", "many")]
    [InlineData("agents: {", "agents: [ana] #", "line 2", "agents")]
    [InlineData("name: Sign", "start: yesterday\nname: Sign", "line 1", "yesterday")]
    [InlineData("name: Sign", "nam: Sign", "line 1", "nam")]
    [InlineData("steps:", "policy: { restoreWindow: 1e300 }\nsteps:", "line 3", "1e300")]
    [InlineData("steps:", "policy: { endOfDay: late }\nsteps:", "line 3", "endOfDay")]
    [InlineData("steps:", "policy: { endOfDay: { time: late } }\nsteps:", "line 3", "late")]
    [InlineData("steps:", "policy: { endOfDay: { timeZone: Mars } }\nsteps:", "line 3", "Mars")]
    [InlineData("steps:", "policy: { stuckAfterSeconds: 5 }\nsteps:", "line 3", "stuckAfterSeconds")]
    [InlineData("end: ", "end: [", "scenarios.yaml", "YAML")]
    public async Task What_cannot_be_read_exits_with_2_and_names_its_line(string good, string bad, string line, string word)
    {
        var ended = await RunAsync(Holds.Replace(good, bad, StringComparison.Ordinal));
        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.Contains(line, ended.Errors, StringComparison.Ordinal);
        Assert.Contains(word, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    private async Task<Ended> RunAsync(string text) =>
        await ServiceProcess.RunAsync(["scenario", "run", "--quiet", await WriteAsync(text)]);

    private async Task<string> WriteAsync(string text)
    {
        var file = Path.Combine(_folder, "scenarios.yaml");
        await File.WriteAllTextAsync(file, text);
        return file;
    }
}
