using System.CommandLine;
using System.Runtime.InteropServices;
using PresenceLedger.Api.Hosting;

namespace PresenceLedger.Api.Simulation;

/// <summary>The verb <c>simulate</c> on the command line.</summary>
internal static class SimulateVerb
{
    /// <summary>The command with its options.</summary>
    /// <param name="stores">The options for the database and the ledger.</param>
    /// <param name="guard">Runs it, and makes exit codes of what goes wrong.</param>
    public static Command Create(StoreOptions stores, Func<Func<Task<int>>, Task<int>> guard)
    {
        var agents = Of("--agents", "How many agents.", 1000);
        var days = Of("--days", "How many days.", 30);
        var seed = Of("--seed", "Where chance begins: the same arguments give the same ledger.", 1L);
        var start = new Option<string?>("--start") { Description = "The first day, as 2026-03-15; such that it ends yesterday." };
        var timeZone = Of("--time-zone", "Where the centre is: its shifts are in local time.", "Europe/Berlin");
        var live = new Option<bool>("--live") { Description = "Drives a running service instead, now, until Ctrl-C." };
        var url = Of("--url", "With --live: the service.", "http://127.0.0.1:5080");
        var speed = Of("--speed", "With --live: what all waits are divided by.", 1d);
        var length = new Option<double?>("--for") { Description = "With --live: for how many seconds." };
        var simulate = new Command("simulate", "Writes the ledger of a simulated contact center into an empty one.")
        {
            agents,
            days,
            seed,
            start,
            timeZone,
            live,
            url,
            speed,
            length,
        };
        simulate.SetAction(
            (parsed, ct) =>
                guard(() =>
                    UntilStoppedAsync(
                        stop =>
                            parsed.GetValue(live)
                                ? LiveCenter.RunAsync(
                                    Simulate.Service(parsed.GetRequiredValue(url)),
                                    Simulate.Agents(parsed.GetValue(agents)),
                                    parsed.GetValue(seed),
                                    Simulate.Speed(parsed.GetValue(speed)),
                                    Simulate.Length(parsed.GetValue(length)),
                                    Console.Out,
                                    TimeProvider.System,
                                    stop
                                )
                                : Simulate.RunAsync(
                                    clock =>
                                        Simulate.Plan(
                                            parsed.GetValue(agents),
                                            parsed.GetValue(days),
                                            parsed.GetValue(seed),
                                            parsed.GetValue(start),
                                            parsed.GetRequiredValue(timeZone),
                                            clock
                                        ),
                                    stores.Of(parsed),
                                    Console.Out,
                                    stop
                                ),
                        ct
                    )
                )
        );
        return simulate;
    }

    /// <summary>Ctrl-C ends it in order: what is under way is finished or undone, agents go home.</summary>
    internal static async Task<int> UntilStoppedAsync(Func<CancellationToken, Task<int>> run, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return await run(stop.Token);

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    private static Option<T> Of<T>(string name, string description, T usual) =>
        new(name) { Description = description, DefaultValueFactory = _ => usual };
}
