using System.Diagnostics;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// An open model of load: each of many has its time within a period, evenly spread, whether or not what came before is done. What
/// is late is done at once.
/// </summary>
internal static class Pace
{
    /// <summary>Goes on, period by period, until it is cancelled; it ends without an exception then.</summary>
    /// <param name="count">How many have their turn in a period.</param>
    /// <param name="period">The period.</param>
    /// <param name="workers">By how many at once; each does its part of them, one after the other.</param>
    /// <param name="work">What the worker does for the one whose turn it is, with the time at which it was due.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task RunAsync(int count, TimeSpan period, int workers, Func<int, int, long, ValueTask> work, CancellationToken ct)
    {
        var began = Stopwatch.GetTimestamp();
        var step = period.TotalSeconds * Stopwatch.Frequency / count;
        await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(() => WorkAsync(worker), CancellationToken.None)));

        async Task WorkAsync(int worker)
        {
            for (var round = 0L; ; round++)
            for (var turn = worker; turn < count; turn += workers)
            {
                var due = began + (long)(((round * count) + turn) * step);
                var wait = Math.Ceiling(Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due).TotalMilliseconds);
                if (wait > 0)
                    await Task.Delay((int)wait, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (ct.IsCancellationRequested)
                    return;
                await work(worker, turn, due);
            }
        }
    }
}
