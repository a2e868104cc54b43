using System.Globalization;
using PresenceLedger.Ledger;

namespace PresenceLedger.Scenarios;

/// <summary><c>presence-ledger scenario run FILE…</c></summary>
public static class ScenarioCommand
{
    private const int Holds = 0;
    private const int DoesNotHold = 1;
    private const int CannotBeRead = 2;

    /// <summary>Runs files of scenarios; 0 where every expectation holds, 1 where one does not, 2 where a file cannot be read.</summary>
    public static async Task<int> RunAsync(string[] files, bool quiet, TextWriter output, CancellationToken ct)
    {
        var (passed, failed, unreadable) = (0, 0, 0);
        foreach (var file in files)
        {
            IReadOnlyList<Scenario> scenarios;
            try
            {
                scenarios = Scenario.Load(file);
            }
            catch (ScenarioException e)
            {
                await Console.Error.WriteLineAsync(TerminalText.Escape(e.Message));
                unreadable++;
                continue;
            }
            if (scenarios.Count == 0)
            {
                await Console.Error.WriteLineAsync($"{file}: there is no scenario in it.");
                unreadable++;
            }
            // On all cores, and told in the order of the file.
            var runs = new (IReadOnlyList<StepOutcome>? Steps, ScenarioException? Error)[scenarios.Count];
            await Parallel.ForAsync(0, runs.Length, ct, async (n, _) => runs[n] = await RunAsync(scenarios[n]));
            for (var n = 0; n < runs.Length; n++)
            {
                if (runs[n].Error is { } error)
                {
                    await output.WriteLineAsync($"FAIL {TerminalText.Escape(scenarios[n].Name)}");
                    await Console.Error.WriteLineAsync(TerminalText.Escape(error.Message));
                    unreadable++;
                }
                else if (await ShowAsync(scenarios[n], runs[n].Steps!, quiet, output))
                    passed++;
                else
                    failed++;
            }
        }
        await output.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{passed} passed, {failed} failed")
                + (unreadable > 0 ? string.Create(CultureInfo.InvariantCulture, $", {unreadable} could not be read") : "")
        );
        return unreadable > 0 ? CannotBeRead
            : failed > 0 ? DoesNotHold
            : Holds;
    }

    private static async Task<(IReadOnlyList<StepOutcome>?, ScenarioException?)> RunAsync(Scenario scenario)
    {
        try
        {
            return (await ScenarioRun.RunAsync(scenario), null);
        }
        catch (ScenarioException e)
        {
            return (null, e);
        }
    }

    private static async Task<bool> ShowAsync(Scenario scenario, IReadOnlyList<StepOutcome> steps, bool quiet, TextWriter output)
    {
        var holds = steps.All(s => s.Failures.Count == 0);
        if (holds && quiet)
            return true;
        await output.WriteLineAsync(
            $"{(holds ? "PASS" : "FAIL")} {TerminalText.Escape(scenario.Name)} ({Path.GetFileName(scenario.File)})"
        );
        foreach (var step in steps)
        {
            if (!quiet)
                await output.WriteLineAsync(
                    $"  {Clock(step.At)}  {TerminalText.Escape(step.What), -44}  {TerminalText.Escape(step.Led)}".TrimEnd()
                );
            foreach (var failure in step.Failures)
                await output.WriteLineAsync($"      {Clock(step.At)} {TerminalText.Escape(failure)}");
        }
        return holds;
    }

    /// <summary>From the start of the scenario, as scenario files write it.</summary>
    internal static string Clock(TimeSpan at)
    {
        var fraction = at.Milliseconds == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $".{at.Milliseconds:000}");
        return string.Create(CultureInfo.InvariantCulture, $"{(int)at.TotalHours:00}:{at.Minutes:00}:{at.Seconds:00}{fraction}");
    }
}
