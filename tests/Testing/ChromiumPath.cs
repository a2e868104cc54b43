namespace PresenceLedger.Testing;

/// <summary>Where the machine's Chromium is.</summary>
public static class ChromiumPath
{
    /// <summary>The one that the environment names, or else the first on the path.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static string Find() =>
        Environment.GetEnvironmentVariable("PRESENCE_LEDGER_CHROMIUM")
        ?? (
            from name in new[] { "chromium", "chromium-browser", "google-chrome" }
            from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            select Path.Combine(folder, name)
        ).FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("No Chromium on the PATH; PRESENCE_LEDGER_CHROMIUM may name one (see eng/prepare.sh).");
}
