using System.Diagnostics;

namespace PresenceLedger.Browser.Tests;

/// <summary>Looks again and again, where nothing tells.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    public static async Task IsAsync(Func<Task<bool>> so, Func<string> otherwise, TimeSpan? longest = null)
    {
        for (var began = Stopwatch.GetTimestamp(); !await so(); await Task.Delay(Glance))
            Assert.True(Stopwatch.GetElapsedTime(began) < (longest ?? Longest), otherwise());
    }
}
