using System.Globalization;

namespace PresenceLedger.Api.Scenarios;

/// <summary><c>presence-ledger scenario run FILE…</c></summary>
internal static class ScenarioCommand
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
                await Console.Error.WriteLineAsync(e.Message);
                unreadable++;
                continue;
            }
            foreach (var scenario in scenarios)
            {
                ct.ThrowIfCancellationRequested();
                try
                {
                    if (await ShowAsync(scenario, await ScenarioRun.RunAsync(scenario), quiet, output))
                        passed++;
                    else
                        failed++;
                }
                catch (ScenarioException e)
                {
                    await output.WriteLineAsync($"FAIL {scenario.Name}");
                    await Console.Error.WriteLineAsync(e.Message);
                    unreadable++;
                }
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

    private static async Task<bool> ShowAsync(Scenario scenario, IReadOnlyList<StepOutcome> steps, bool quiet, TextWriter output)
    {
        var holds = steps.All(s => s.Failures.Count == 0);
        if (holds && quiet)
            return true;
        await output.WriteLineAsync($"{(holds ? "PASS" : "FAIL")} {scenario.Name} ({Path.GetFileName(scenario.File)})");
        foreach (var step in steps)
        {
            if (!quiet)
                await output.WriteLineAsync($"  {Clock(step.At)}  {step.What, -44}  {step.Led}".TrimEnd());
            foreach (var failure in step.Failures)
                await output.WriteLineAsync($"      {Clock(step.At)} {failure}");
        }
        return holds;
    }

    private static string Clock(TimeSpan at)
    {
        var fraction = at.Milliseconds == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $".{at.Milliseconds:000}");
        return string.Create(CultureInfo.InvariantCulture, $"{(int)at.TotalHours:00}:{at.Minutes:00}:{at.Seconds:00}{fraction}");
    }
}
