namespace PresenceLedger.Testing;

/// <summary>
/// The library that has a process see another time of day than the machine's. Its monotonic clock stays the machine's, as it does on a
/// machine whose clock is set wrong.
/// </summary>
public static class Faketime
{
    private const string Name = "libfaketimeMT.so.1";

    /// <summary>The environment of a process whose clock is wrong by so much, such as <c>-70</c> (seconds).</summary>
    public static (string Name, string Value)[] Off(string by) => [.. Always, ("FAKETIME", by)];

    /// <summary>The environment of a process whose clock is wrong by what a file says, from about a second after it says so.</summary>
    public static (string Name, string Value)[] By(string file) =>
        [.. Always, ("FAKETIME_TIMESTAMP_FILE", file), ("FAKETIME_CACHE_DURATION", "1")];

    private static (string Name, string Value)[] Always => [("LD_PRELOAD", Find()), ("DONT_FAKE_MONOTONIC", "1"), ("NO_FAKE_STAT", "1")];

    private static string Find() =>
        new[] { "/usr/lib", "/usr/lib64", "/usr/local/lib" }
            .Where(Directory.Exists)
            .SelectMany(folder => new[] { folder }.Concat(Directory.GetDirectories(folder, "*-linux-*")))
            .Select(folder => Path.Combine(folder, "faketime", Name))
            .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException($"There is no {Name}; install faketime (see eng/prepare.sh).");
}
