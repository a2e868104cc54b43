using System.IO.Compression;
using System.Text;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Files that somebody else made, given to the program: a sentence and exit code 2, and nothing in them steers the terminal.</summary>
public sealed class HostileInputTests : IDisposable
{
    private const string Escape = "\u001b]0;owned\u0007\u001b[2J";

    private readonly string _folder = Directory.CreateTempSubdirectory("presence-ledger-hostile-").FullName;

    public static TheoryData<string, string> Yaml =>
        new()
        {
            { "name: " + new string('[', 100_000), "deep in each other" },
            { string.Concat(Enumerable.Repeat("{a: ", 5_000)) + "1" + new string('}', 5_000), "deep in each other" },
            { string.Concat(Enumerable.Repeat("- ", 20_000)) + "a", "deep in each other" },
            { "name: &a [*a]", "stands within what it stands for" },
            { Laughs(), "with what aliases stand for" },
            { new string(' ', 33 * 1024 * 1024), "larger than" },
        };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Yaml), DisableDiscoveryEnumeration = true)]
    public async Task Yaml_that_is_deeper_or_larger_than_anybody_writes_is_refused(string text, string why)
    {
        var file = await WriteAsync(text);

        foreach (var arguments in new string[][] { ["scenario", "run", file], ["what-if", "--policy", file] })
        {
            var ended = await ServiceProcess.RunAsync(arguments);

            Assert.True(ended.ExitCode == 2, $"{ended.ExitCode}: {ended.Errors[..Math.Min(500, ended.Errors.Length)]}");
            Assert.Contains(why, ended.Errors, StringComparison.Ordinal);
            Assert.Single(ended.Errors.Trim().Split('\n'));
        }
    }

    [Theory]
    [InlineData(
        "name: \"ESCAPE\\nPASS another\"\nagents: { ana: { units: 1 } }\nsteps: [ { at: \"00:00:00\", do: sign-in, agent: ana } ]",
        0
    )]
    [InlineData("name: \"ESCAPE\"\nsteps: [ { at: \"ESCAPE\", do: sign-in, agent: ana } ]", 2)]
    [InlineData("\"ESCAPE\": 1", 2)]
    [InlineData("name: [a]\nsteps: [ { at: \"00:00:00\", do: sign-in, agent: ana } ]", 2)]
    public async Task What_a_scenario_says_does_not_steer_the_terminal(string text, int exit)
    {
        var file = await WriteAsync(text.Replace("ESCAPE", "\\e]0;owned\\a\\e[2J", StringComparison.Ordinal));

        var ended = await ServiceProcess.RunAsync(["scenario", "run", file]);

        Assert.True(ended.ExitCode == exit, ended.ToString());
        AssertHarmless(ended);
        Assert.DoesNotContain("\nPASS another", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_in_a_bundle_do_not_steer_the_terminal()
    {
        var file = Path.Combine(_folder, "bundle.zip");
        await using (var zip = await ZipFile.OpenAsync(file, ZipArchiveMode.Create))
        {
            await using var entry = await zip.CreateEntry(Escape).OpenAsync();
            await entry.WriteAsync("x"u8.ToArray());
        }

        var ended = await ServiceProcess.RunAsync(["verify", "--bundle", file]);

        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.Contains("\\u001b", ended.Errors, StringComparison.Ordinal);
        AssertHarmless(ended);
    }

    [Theory]
    [InlineData("manifest.json", "null")]
    [InlineData("proofs.json", "null")]
    public async Task A_bundle_with_null_in_place_of_a_file_exits_with_2(string name, string content)
    {
        var file = Path.Combine(_folder, "bundle.zip");
        await using (var zip = await ZipFile.OpenAsync(file, ZipArchiveMode.Create))
            foreach (
                var (entry, text) in new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["manifest.json"] =
                        """{"format":"presence-ledger evidence v1","agentId":"ana","events":0,"files":{"proofs.json":"","events.ndjson":"","seals.ndjson":"","introductions.ndjson":""}}""",
                    ["events.ndjson"] = "",
                    ["seals.ndjson"] = "",
                    ["introductions.ndjson"] = "",
                    ["proofs.json"] = "[]",
                    [name] = content,
                }
            )
            {
                await using var stream = await zip.CreateEntry(entry).OpenAsync();
                await stream.WriteAsync(Encoding.UTF8.GetBytes(text));
            }

        var ended = await ServiceProcess.RunAsync(["verify", "--bundle", file]);

        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.Single(ended.Errors.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_bundle_that_unpacks_to_a_thousand_times_its_size_exits_with_2()
    {
        var file = Path.Combine(_folder, "bomb.zip");
        await using (var zip = await ZipFile.OpenAsync(file, ZipArchiveMode.Create))
        {
            await using var entry = await zip.CreateEntry("events.ndjson").OpenAsync();
            var zeros = new byte[1 << 20];
            for (var n = 0; n < 300; n++)
                await entry.WriteAsync(zeros);
        }

        var ended = await ServiceProcess.RunAsync(["verify", "--bundle", file]);

        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.Contains("times its size", ended.Errors, StringComparison.Ordinal);
    }

    private static void AssertHarmless(Ended ended) =>
        Assert.DoesNotContain(ended.Output + ended.Errors, c => char.IsControl(c) && c is not '\n');

    /// <summary>Few lines that stand for ten to the power of ten values.</summary>
    private static string Laughs()
    {
        var text = new StringBuilder("l0: &l0 [a, a, a, a, a, a, a, a, a, a]\n");
        for (var n = 1; n < 10; n++)
            text.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"l{n}: &l{n} [{string.Join(", ", Enumerable.Repeat($"*l{n - 1}", 10))}]\n"
            );
        return text.ToString();
    }

    private async Task<string> WriteAsync(string text)
    {
        var file = Path.Combine(_folder, "given.yaml");
        await File.WriteAllTextAsync(file, text);
        return file;
    }
}
