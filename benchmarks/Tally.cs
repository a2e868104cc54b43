using System.Collections.Concurrent;
using System.Diagnostics;

namespace PresenceLedger.Benchmarks;

/// <summary>What came of the calls of a while, from all who make them. Times are those of <see cref="Stopwatch"/>.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<string, (int Count, string First)> _wrong = new(StringComparer.Ordinal);

    /// <summary>From when a call was due to when it was made: how late the generator is.</summary>
    public Spread Sent { get; } = new();

    /// <summary>From when a call was due to when its answer was there.</summary>
    public Spread Answered { get; } = new();

    /// <summary>What else came than the answer expected, by kind: how often, and what it said the first time.</summary>
    public IReadOnlyDictionary<string, (int Count, string First)> Wrong => _wrong;

    /// <summary>Notes an answer, or a failure, that is not the one expected.</summary>
    public void TakeWrong(string kind, string said) => _wrong.AddOrUpdate(kind, (1, said), (_, known) => (known.Count + 1, known.First));
}

/// <summary>Many durations, in little room: millions of them come while the machine has other things to do.</summary>
internal sealed class Spread
{
    private const double PerMillisecond = 10;
    private readonly int[] _counts = new int[300_000];
    private int _count;

    /// <summary>How many.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Takes one that began at a time and ends now.</summary>
    public void TakeSince(long began)
    {
        var tenths = Stopwatch.GetElapsedTime(began).TotalMilliseconds * PerMillisecond;
        Interlocked.Increment(ref _counts[(int)Math.Clamp(tenths, 0, _counts.Length - 1)]);
        Interlocked.Increment(ref _count);
    }

    /// <summary>A percentile, in milliseconds, to a tenth; the last tenth of 30 s stands for all that is longer.</summary>
    public double Percentile(double part)
    {
        var (upTo, seen) = (Count * part, 0L);
        for (var n = 0; n < _counts.Length; n++)
            if ((seen += _counts[n]) >= upTo && seen > 0)
                return n / PerMillisecond;
        return double.NaN;
    }
}
