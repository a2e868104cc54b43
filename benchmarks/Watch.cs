using System.Diagnostics;
using System.Globalization;

namespace PresenceLedger.Benchmarks;

/// <summary>What a while cost. Processors in cores, memory in bytes.</summary>
/// <param name="Elapsed">How long it was.</param>
/// <param name="Service">Processors that the service took.</param>
/// <param name="Postgres">Processors that PostgreSQL took, all its processes together.</param>
/// <param name="Own">Processors that this process took, which is the generator.</param>
/// <param name="Others">Processors that whoever else is on the machine took, and the kernel for nobody.</param>
/// <param name="ServiceMemory">The largest resident memory of the service, looked at every second.</param>
/// <param name="ServicePeak">The largest that it ever was, by the kernel's account.</param>
/// <param name="PostgresMemory">The memory of PostgreSQL at the end; what its processes share counts once (Pss).</param>
internal sealed record Usage(
    TimeSpan Elapsed,
    double Service,
    double Postgres,
    double Own,
    double Others,
    long ServiceMemory,
    long ServicePeak,
    long PostgresMemory
);

/// <summary>Looks at what the service and PostgreSQL take, by <c>/proc</c>.</summary>
internal sealed class Watch
{
    private readonly int _service;
    private readonly int _postmaster;
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly Seconds _atBegin;
    private readonly TaskCompletionSource _stopped = new();
    private readonly Task<long> _largest;

    /// <summary>Begins.</summary>
    /// <param name="service">The process of the service.</param>
    /// <param name="postmaster">The first process of PostgreSQL, whose children the others are.</param>
    public Watch(int service, int postmaster)
    {
        (_service, _postmaster) = (service, postmaster);
        _atBegin = Now();
        _largest = LargestAsync();
    }

    /// <summary>Ends.</summary>
    public async Task<Usage> StopAsync()
    {
        var (now, elapsed) = (Now(), Stopwatch.GetElapsedTime(_began));
        _stopped.SetResult();
        var largest = await _largest;
        var service = Cores(s => s.Service);
        var postgres = Cores(s => s.Postgres);
        var own = Cores(s => s.Own);
        var busy = Cores(s => s.Machine);
        return new Usage(
            elapsed,
            service,
            postgres,
            own,
            busy - service - postgres - own,
            largest,
            Bytes(_service, "status", "VmHWM"),
            Children().Append(_postmaster).Sum(process => Bytes(process, "smaps_rollup", "Pss"))
        );

        double Cores(Func<Seconds, double> of) => (of(now) - of(_atBegin)) / elapsed.TotalSeconds;
    }

    private async Task<long> LargestAsync()
    {
        for (var largest = 0L; ; )
        {
            largest = Math.Max(largest, Bytes(_service, "status", "VmRSS"));
            if (_stopped.Task.IsCompleted)
                return largest;
            await Task.WhenAny(_stopped.Task, Task.Delay(1000));
        }
    }

    private Seconds Now() =>
        new(
            Ticks(_service)[..2].Sum() / Machine.TicksPerSecond,
            // What children that are gone took is in the account of the one who waited for them.
            (Ticks(_postmaster).Sum() + Children().Sum(process => Ticks(process)[..2].Sum())) / Machine.TicksPerSecond,
            Machine.OwnSeconds(),
            Machine.BusySeconds()
        );

    private int[] Children() =>
        File.ReadAllText($"/proc/{_postmaster}/task/{_postmaster}/children")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(process => int.Parse(process, CultureInfo.InvariantCulture))
            .ToArray();

    /// <summary>utime, stime, and the same of its children that are gone; nothing where the process is gone.</summary>
    private static double[] Ticks(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            // The name, in brackets, may have spaces.
            return [.. stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[11..15].Select(t => double.Parse(t, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return new double[4];
        }
    }

    private static long Bytes(int process, string file, string name)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/{file}").FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.Ordinal));
            // VmRSS:      1234 kB
            return line is null
                ? 0
                : 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private sealed record Seconds(double Service, double Postgres, double Own, double Machine);
}
