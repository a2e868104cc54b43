using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace PresenceLedger.Benchmarks;

/// <summary>What the benchmark runs on.</summary>
internal static class Machine
{
    /// <summary>The unit of time in <c>/proc</c>.</summary>
    public const double TicksPerSecond = 100;

    /// <summary>Processor, memory, operating system and .NET.</summary>
    public static string Describe() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Line("/proc/cpuinfo", "model name") ?? "unknown processor"}, {Environment.ProcessorCount} cores; "
                + $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1L << 30):0} GiB of memory; "
                + $"{RuntimeInformation.OSDescription}; {RuntimeInformation.FrameworkDescription}"
        );

    /// <summary>The kind of file system that a folder is on, and how long it takes there to write 4 KiB durably.</summary>
    public static async Task<string> DescribeDiskAsync(string folder)
    {
        var drive = new DriveInfo(folder);
        var file = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        try
        {
            var took = new List<double>();
            await using var stream = new FileStream(file, FileMode.CreateNew, FileAccess.Write);
            for (var n = 0; n < 500; n++)
            {
                var began = Stopwatch.GetTimestamp();
                await stream.WriteAsync(new byte[4096]);
                stream.Flush(flushToDisk: true);
                took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{drive.DriveFormat}, 4 KiB written and flushed to the disk in {Measure.Median(took):0.00} ms (median of {took.Count})"
            );
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>How many processes wanted a processor over the last minute.</summary>
    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    /// <summary>How long the processors were busy since the start of the machine, all of them together.</summary>
    public static double BusySeconds()
    {
        using var stat = File.OpenText("/proc/stat");
        // user, nice, system, idle, iowait, irq, softirq
        var ticks = stat.ReadLine()!
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..8]
            .Select(t => double.Parse(t, CultureInfo.InvariantCulture))
            .ToArray();
        return (ticks.Sum() - ticks[3] - ticks[4]) / TicksPerSecond;
    }

    /// <summary>How long of that this process was.</summary>
    public static double OwnSeconds()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime.TotalSeconds;
    }

    private static string? Line(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim();
}
