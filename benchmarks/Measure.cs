using System.Diagnostics;
using System.Globalization;

namespace PresenceLedger.Benchmarks;

/// <summary>What one run gave.</summary>
/// <param name="Count">How many were done.</param>
/// <param name="Elapsed">In how long.</param>
/// <param name="Milliseconds">How long each took; empty where only the number counts.</param>
internal sealed record Run(long Count, TimeSpan Elapsed, IReadOnlyList<double> Milliseconds)
{
    /// <summary>Done per second.</summary>
    public double PerSecond => Count / Elapsed.TotalSeconds;

    /// <summary>How busy the processors of the machine were, 0 to 1.</summary>
    public double Busy { get; init; }

    /// <summary>The part of <see cref="Busy"/> that was this process, which is the client.</summary>
    public double Own { get; init; }
}

/// <summary>The runs of one contender in one row of a table.</summary>
internal sealed record Runs(IReadOnlyList<Run> All)
{
    private double[]? _sorted;

    /// <summary>Median over the runs.</summary>
    public double PerSecond => Measure.Median(All.Select(r => r.PerSecond));

    /// <summary>The processors, median over the runs.</summary>
    public double Busy => Measure.Median(All.Select(r => r.Busy));

    /// <summary>The client's part of them, median over the runs.</summary>
    public double Own => Measure.Median(All.Select(r => r.Own));

    /// <summary>A percentile over everything that was done in all runs, in milliseconds.</summary>
    public double Percentile(double part)
    {
        _sorted ??= [.. All.SelectMany(r => r.Milliseconds).Order()];
        return Measure.Percentile(_sorted, part);
    }

    /// <summary>Median, least and most per second.</summary>
    public string Rate =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"**{PerSecond:N0}/s** ({All.Min(r => r.PerSecond):N0}–{All.Max(r => r.PerSecond):N0})"
        );

    /// <summary>Median and 99th percentile.</summary>
    public string Latency => string.Create(CultureInfo.InvariantCulture, $"p50 {Percentile(0.5):0.00} ms, p99 {Percentile(0.99):0.00} ms");
}

/// <summary>The harness: warm-up, then runs in which the contenders take turns, so that a drift of the machine hits all of them.</summary>
internal static class Measure
{
    /// <summary>How many runs count.</summary>
    public const int Rounds = 5;

    /// <summary>How long a run goes on that has no end by itself.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(3);

    /// <summary>Runs each contender once to warm up, then all of them in turn; every second round the other way round.</summary>
    public static async Task<Dictionary<string, Runs>> InTurnAsync(string row, IReadOnlyList<(string Name, Func<Task<Run>> Run)> contenders)
    {
        var runs = contenders.ToDictionary(c => c.Name, _ => new List<Run>(), StringComparer.Ordinal);
        for (var round = 0; round <= Rounds; round++)
            foreach (var (name, run) in round % 2 == 0 ? contenders : contenders.Reverse())
            {
                GC.Collect();
                var result = await WatchedAsync(run);
                if (round > 0)
                    runs[name].Add(result);
            }
        var done = runs.ToDictionary(pair => pair.Key, pair => new Runs(pair.Value), StringComparer.Ordinal);
        foreach (var (name, all) in done)
            await Console.Error.WriteLineAsync(
                $"{row}, {name}: {all.Rate}{(all.All[0].Milliseconds.Count > 0 ? ", " + all.Latency : "")}, "
                    + string.Create(CultureInfo.InvariantCulture, $"processors {all.Busy:P0}, client {all.Own:P0}")
            );
        return done;
    }

    /// <summary>Does something by several writers at once, again and again, for as long as a run is; how long each time took.</summary>
    /// <param name="writers">How many.</param>
    /// <param name="worth">What one time counts for.</param>
    /// <param name="work">What the writer with this number does.</param>
    public static async Task<Run> WritersAsync(int writers, int worth, Func<int, Task> work)
    {
        var began = Stopwatch.GetTimestamp();
        var took = await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(() => WriteAsync(writer))));
        var elapsed = Stopwatch.GetElapsedTime(began);
        return new Run(took.Sum(t => (long)t.Count) * worth, elapsed, [.. took.SelectMany(t => t)]);

        async Task<List<double>> WriteAsync(int writer)
        {
            var each = new List<double>();
            while (Stopwatch.GetElapsedTime(began) < Length)
            {
                var from = Stopwatch.GetTimestamp();
                await work(writer);
                each.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
            }
            return each;
        }
    }

    /// <summary>Does something that ends by itself and tells how many it did.</summary>
    public static async Task<Run> ToTheEndAsync(Func<Task<long>> work)
    {
        var began = Stopwatch.GetTimestamp();
        var count = await work();
        return new Run(count, Stopwatch.GetElapsedTime(began), []);
    }

    /// <summary>The middle one, or the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>A percentile of what is sorted and not empty.</summary>
    public static double Percentile(double[] sorted, double part) => sorted[(int)Math.Min(sorted.Length * part, sorted.Length - 1)];

    private static async Task<Run> WatchedAsync(Func<Task<Run>> run)
    {
        var (began, busy, own) = (Stopwatch.GetTimestamp(), Machine.BusySeconds(), Machine.OwnSeconds());
        var result = await run();
        var available = Stopwatch.GetElapsedTime(began).TotalSeconds * Environment.ProcessorCount;
        return result with { Busy = (Machine.BusySeconds() - busy) / available, Own = (Machine.OwnSeconds() - own) / available };
    }
}
