using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger.Verification;

namespace PresenceLedger.Ledger.Tests.Verification;

/// <summary>Bundles that nobody exported: they are refused with a sentence, soon, and whatever is in them stays off the terminal.</summary>
public sealed class HostileBundleTests
{
    private const string Manifest =
        """{"format":"presence-ledger evidence v1","agentId":"ana","createdAt":"2026-01-01T00:00:00.000Z","events":0,"unsealed":0,"files":{}}""";

    public static TheoryData<string, string> Wrong =>
        new()
        {
            { "manifest.json", "null" },
            { "manifest.json", "" },
            { "manifest.json", "[]" },
            { "manifest.json", "{}" },
            { "manifest.json", "7" },
            { "manifest.json", Manifest.Replace("\"ana\"", "null", StringComparison.Ordinal) },
            { "manifest.json", Manifest.Replace("\"ana\"", "\"\\u001b[2J\"", StringComparison.Ordinal) },
            { "manifest.json", Manifest.Replace("{}", "null", StringComparison.Ordinal) },
            { "manifest.json", Manifest.Replace("evidence v1", "evidence v2\\u001b[2J", StringComparison.Ordinal) },
            { "manifest.json", Nested("{\"a\":", "}") },
            { "events.ndjson", "null" },
            { "events.ndjson", "{}" },
            { "events.ndjson", "[]" },
            { "events.ndjson", "{\"stream\":\"\u001b[2J\"" },
            { "events.ndjson", Nested("[", "]") },
            { "seals.ndjson", "null" },
            { "seals.ndjson", "{\"number\":0}" },
            { "seals.ndjson", Seal.Replace("[]", "[null]", StringComparison.Ordinal) },
            { "seals.ndjson", Seal.Replace("[]", "null", StringComparison.Ordinal) },
            {
                "seals.ndjson",
                Seal.Replace(
                    "[]",
                    "[" + string.Join(',', Enumerable.Repeat("{\"keyId\":\"a\",\"signature\":\"b\"}", 100)) + "]",
                    StringComparison.Ordinal
                )
            },
            { "introductions.ndjson", "null" },
            { "introductions.ndjson", "{\"type\":\"sealing-key-introduced\",\"keyId\":null,\"beforeSeal\":0,\"signatures\":[]}" },
            { "introductions.ndjson", "{\"type\":\"sealing-key-introduced\",\"keyId\":\"a\",\"beforeSeal\":0,\"signatures\":[null]}" },
            {
                "introductions.ndjson",
                string.Concat(Enumerable.Repeat("{\"type\":\"x\",\"keyId\":\"a\",\"beforeSeal\":0,\"signatures\":[]}\n", 2000))
            },
            { "proofs.json", "null" },
            { "proofs.json", "{}" },
            { "proofs.json", "[null]" },
            { "proofs.json", "[{\"version\":0}]" },
            { "proofs.json", "[]]" },
            { "proofs.json", "[" },
            { "proofs.json", Nested("[", "]") },
        };

    private static string Seal =>
        "{\"number\":0,\"first\":0,\"count\":1,\"root\":\"00\",\"fingerprints\":\"00\",\"position\":\"0\",\"lastEventId\":\"0198f2a0-7c00-7000-8000-00000000000a\","
        + "\"sealedAt\":\"2026-01-01T00:00:00.000Z\",\"previous\":\"00\",\"signatures\":[]}";

    [Fact]
    public void An_empty_bundle_that_is_as_it_should_be_is_sound() => Assert.Empty(Verify(Zip()).Findings);

    [Fact]
    public void A_bundle_of_the_longest_identifier_is_read()
    {
        var longest = string.Concat(Enumerable.Repeat("\U0001D49C", Identifier.MostCharacters));
        var manifest = Manifest.Replace("ana", longest, StringComparison.Ordinal);

        Assert.Equal(longest, Verify(Zip(("manifest.json", manifest))).AgentId);
    }

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void What_is_not_as_it_should_be_in_a_file_is_refused_in_words(string name, string content)
    {
        var refused = Assert.Throws<InvalidDataException>(() => Verify(Zip((name, content))));

        Assert.DoesNotContain(refused.Message, TerminalText.IsSteering);
    }

    [Theory]
    [InlineData("../../etc/cron.d/evil")]
    [InlineData("/etc/passwd")]
    [InlineData("seals/../../evil")]
    [InlineData("..\\evil")]
    [InlineData("C:evil")]
    [InlineData("\u001b]0;evil\u0007")]
    [InlineData("new\nline")]
    [InlineData("\u202egpj.exe")]
    [InlineData(".hidden")]
    [InlineData("a/b/c")]
    public void A_file_with_a_name_that_no_bundle_has_is_refused_and_its_name_is_harmless(string name)
    {
        var refused = Assert.Throws<InvalidDataException>(() => Verify(Zip((name, "x"))));

        Assert.Contains("no bundle has such a name", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(refused.Message, TerminalText.IsSteering);
    }

    [Fact]
    public void Names_within_the_files_are_shown_without_what_steers_a_terminal()
    {
        var manifest = Manifest.Replace("\"files\":{}", "\"files\":{\"\\u001b[2J\\nsound\\u202e\":\"00\"}", StringComparison.Ordinal);

        var finding = Verify(Zip(("manifest.json", manifest))).Findings[0];

        Assert.Equal("The file \\u001b[2J\\u000asound\\u202e is gone.", finding.Text);
    }

    [Fact]
    public void A_bomb_is_left_when_it_unpacks_to_far_more_than_its_size()
    {
        using var zip = Bomb("events.ndjson", 400L << 20);

        var refused = Assert.Throws<InvalidDataException>(() => Verify(zip));

        Assert.Contains("unpacks to more than 100 times its size", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_bomb_that_lies_about_its_sizes_is_left_as_well(byte says)
    {
        using var zip = Bomb("timeline.html", 64L << 20);
        // The sizes in the list of entries, packed and unpacked.
        var bytes = zip.ToArray();
        var entry = bytes.AsSpan().LastIndexOf("PK\x01\x02"u8);
        bytes.AsSpan(entry + 24, 4).Fill(says);

        var refused = Assert.Throws<InvalidDataException>(() => Verify(new MemoryStream(bytes)));

        Assert.DoesNotContain(refused.Message, TerminalText.IsSteering);
    }

    [Fact]
    public void A_bundle_is_read_up_to_so_many_bytes_in_all()
    {
        var limits = new BundleLimits { Bytes = 100_000, Small = 1 << 20 };
        var files = Enumerable.Range(0, 11).Select(n => ($"f{n}.txt", Convert.ToHexString(RandomNumberGenerator.GetBytes(5000)))).ToArray();

        var refused = Assert.Throws<InvalidDataException>(() => BundleVerifier.Verify(Zip(files), [], limits));

        Assert.Contains("unpacks to more than", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bundle_is_read_up_to_so_many_entries()
    {
        var files = Enumerable.Range(0, 20).Select(n => ($"f{n}.txt", "")).ToArray();

        Assert.Contains(
            "entries",
            Assert.Throws<InvalidDataException>(() => BundleVerifier.Verify(Zip(files), [], new BundleLimits { Entries = 19 })).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "list of entries",
            Assert.Throws<InvalidDataException>(() => BundleVerifier.Verify(Zip(files), [], new BundleLimits { Directory = 500 })).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_bundle_in_which_everything_is_wrong_is_not_looked_at_to_its_end()
    {
        var files = Enumerable.Range(0, 3000).Select(n => ($"f{n}.txt", "")).ToArray();

        Assert.Equal(BundleVerifier.MostFindings, Verify(Zip(files)).Findings.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("PK")]
    [InlineData("This is no zip, and long enough to have the end of one.")]
    public void What_is_no_zip_is_refused(string content) =>
        Assert.Throws<InvalidDataException>(() => Verify(new MemoryStream(Encoding.ASCII.GetBytes(content))));

    private static BundleVerification Verify(Stream bundle) => BundleVerifier.Verify(bundle, []);

    /// <summary>A zip with the files that a bundle has, some of them given; their hashes are in the manifest unless that is given too.</summary>
    private static MemoryStream Zip(params (string Name, string Content)[] given)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["events.ndjson"] = "",
            ["proofs.json"] = "[]",
            ["seals.ndjson"] = "",
            ["introductions.ndjson"] = "",
        };
        foreach (var (name, content) in given.Where(f => files.ContainsKey(f.Name) || f.Name == "manifest.json"))
            files[name] = content;
        if (!files.ContainsKey("manifest.json"))
        {
            var hashes = files.Select(f => $"\"{f.Key}\":\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(f.Value)))}\"");
            files["manifest.json"] = Manifest.Replace(
                "\"files\":{}",
                "\"files\":{" + string.Join(',', hashes) + "}",
                StringComparison.Ordinal
            );
        }
        foreach (var (name, content) in given)
            files[name] = content;
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, content) in files)
            {
                using var file = zip.CreateEntry(name).Open();
                file.Write(Encoding.UTF8.GetBytes(content));
            }
        bytes.Position = 0;
        return bytes;
    }

    private static MemoryStream Bomb(string name, long size)
    {
        var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        using (var file = zip.CreateEntry(name).Open())
        {
            var zeros = new byte[1 << 20];
            for (var written = 0L; written < size; written += zeros.Length)
                file.Write(zeros);
        }
        bytes.Position = 0;
        return bytes;
    }

    private static string Nested(string open, string close) =>
        string.Concat(Enumerable.Repeat(open, 100_000)) + "1" + string.Concat(Enumerable.Repeat(close, 100_000));
}
