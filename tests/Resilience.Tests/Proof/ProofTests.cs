using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Npgsql;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests.Proof;

/// <summary><c>seal</c>, <c>verify</c>, <c>keys</c> and <c>export</c>, as programs; and evidence checked by a program in another language.</summary>
public sealed class ProofTests : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("presence-ledger-proof-").FullName;
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await Node.CreateDatabaseAsync();

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task A_simulated_ledger_is_sealed_verified_and_tampered_with()
    {
        await SimulateAsync();
        var unsealed = await RunAsync("verify");
        var made = await RunAsync("seal");
        var again = await RunAsync("seal");
        var sound = await RunAsync("verify");
        var json = await RunAsync("verify", "--json");
        var id = await AgentAsync();
        var one = await RunAsync("verify", id);

        Assert.True(unsealed.ExitCode == 0, unsealed.ToString());
        Assert.Contains("has no seals", unsealed.Output, StringComparison.Ordinal);
        Assert.True(made.ExitCode == 0, made.ToString());
        Assert.StartsWith("0 seals were made", again.Output, StringComparison.Ordinal);
        Assert.True(sound.ExitCode == 0, sound.ToString());
        Assert.Contains("The ledger is sound.", sound.Output, StringComparison.Ordinal);
        Assert.Contains("Signatures were checked with key", sound.Output, StringComparison.Ordinal);
        Assert.True(JsonElement.Parse(json.Output).GetProperty("sound").GetBoolean());
        Assert.True(one.ExitCode == 0, one.ToString());
        Assert.Contains("the chain holds", one.Output, StringComparison.Ordinal);

        await DamageAsync("update ledger.event set data = '{}' where stream = $1 and version = 7", "agent-" + id);
        var broken = await RunAsync("verify");
        var told = await RunAsync("verify", "--json");
        var brokenOne = await RunAsync("verify", id);

        Assert.True(broken.ExitCode == 1, broken.ToString());
        Assert.Contains($"changed: agent-{id}@7 ", broken.Output, StringComparison.Ordinal);
        Assert.Contains("1 findings", broken.Output, StringComparison.Ordinal);
        var finding = JsonElement.Parse(told.Output).GetProperty("findings")[0];
        Assert.Equal(("changed", 7), (finding.GetProperty("kind").GetString(), finding.GetProperty("version").GetInt32()));
        Assert.True(brokenOne.ExitCode == 1, brokenOne.ToString());
    }

    [Fact]
    public async Task Evidence_is_checked_by_another_program_written_after_the_documentation_alone()
    {
        await SimulateAsync();
        await OkAsync("seal");
        var id = await AgentAsync();
        var file = Path.Combine(_data, "evidence.zip");
        await OkAsync("export", id, "--out", file);
        var key = Assert.Single(Directory.GetFiles(Path.Combine(_data, "keys"), "*.pub"));
        await OkAsync("keys", "rotate");
        var later = Path.Combine(_data, "later.zip");
        await OkAsync("export", id, "--out", later, "--from", "2026-03-16T00:00:00Z", "--to", "2026-03-17T00:00:00Z");
        var fresh = Directory.GetFiles(Path.Combine(_data, "keys"), "*.pub").Single(k => k != key);

        foreach (var bundle in new[] { file, later })
        {
            foreach (var arguments in new string[][] { [], ["--key", key] })
            {
                var python = await PythonAsync([bundle, .. arguments]);
                Assert.True(python.ExitCode == 0, python.ToString());
                Assert.Contains(" 0 not sealed", python.Output, StringComparison.Ordinal);
                var own = await ServiceProcess.RunAsync(["verify", "--bundle", bundle, .. arguments]);
                Assert.True(own.ExitCode == 0, own.ToString());
            }
            // Neither of them believes a key that has nothing to do with it.
            using var other = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
            var strange = Path.Combine(_data, "strange.pub");
            await File.WriteAllTextAsync(strange, other.ExportSubjectPublicKeyInfoPem());
            Assert.Equal(1, (await PythonAsync(bundle, "--key", strange)).ExitCode);
            Assert.Equal(1, (await ServiceProcess.RunAsync(["verify", "--bundle", bundle, "--key", strange])).ExitCode);
        }
        Assert.NotEqual(key, fresh);
    }

    [Theory]
    [InlineData("events.ndjson", "\\\"units\\\":", "\\\"unitz\\\":")]
    [InlineData("events.ndjson", "\"occurredAt\":\"2026", "\"occurredAt\":\"2025")]
    [InlineData("proofs.json", "\"index\":1", "\"index\":2")]
    [InlineData("seals.ndjson", "\"count\":", "\"count\":1")]
    [InlineData("seals.ndjson", "\"signature\":\"M", "\"signature\":\"N")]
    [InlineData("timeline.html", "Evidence", "Evidenze")]
    public async Task Evidence_that_was_changed_is_found_by_both(string name, string from, string to)
    {
        await SimulateAsync(days: 1);
        var file = Path.Combine(_data, "evidence.zip");
        await OkAsync("export", await AgentAsync(), "--out", file);
        var manifest = name is not "timeline.html";

        Change(file, name, from, to, manifest);

        var python = await PythonAsync(file);
        Assert.True(python.ExitCode == 1, python.ToString());
        var own = await ServiceProcess.RunAsync(["verify", "--bundle", file]);
        Assert.True(own.ExitCode is 1 or 2, own.ToString());
    }

    [Fact]
    public async Task The_signature_of_a_seal_in_a_bundle_is_one_that_openssl_verifies()
    {
        await SimulateAsync(days: 1);
        var file = Path.Combine(_data, "evidence.zip");
        await OkAsync("export", await AgentAsync(), "--out", file);
        var folder = Path.Combine(_data, "bundle");
        await ZipFile.ExtractToDirectoryAsync(file, folder);
        var signature = Directory.GetFiles(Path.Combine(folder, "seals"), "*.sig")[0];
        var parts = Path.GetFileName(signature).Split('.');

        var verified = await ProgramAsync(
            "openssl",
            "dgst",
            "-sha256",
            "-verify",
            Path.Combine(folder, "keys", parts[1] + ".pub"),
            "-signature",
            signature,
            Path.Combine(folder, "seals", parts[0] + ".txt")
        );

        Assert.True(verified.ExitCode == 0, verified.ToString());
    }

    [Fact]
    public async Task Keys_are_listed_rotated_and_retired()
    {
        await using (var node = await Node.StartAsync(_database))
            await node.RegisterAsync("ana");
        var none = await RunAsync("keys", "list");
        await OkAsync("seal");
        var old = Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles(Path.Combine(_data, "keys"), "*.pem")));
        await OkAsync("keys", "rotate");
        var both = await RunAsync("keys", "list");
        await OkAsync("keys", "retire", old);
        var retired = await RunAsync("keys", "list");
        var again = await RunAsync("keys", "retire", old);

        Assert.Contains("no key yet", none.Output, StringComparison.Ordinal);
        Assert.Equal(2, both.Output.Split("in use").Length - 1);
        Assert.Matches(old + ".* retired ", retired.Output);
        Assert.Equal(1, retired.Output.Split("in use").Length - 1);
        Assert.True(again.ExitCode == 2, again.ToString());
        Assert.Equal(0, (await RunAsync("verify")).ExitCode);
    }

    [Fact]
    public async Task A_service_seals_by_itself_and_one_without_the_key_says_that_it_does_not()
    {
        string[] settings = ["--data", _data, "--Seals:Interval", "0.2"];
        await using (var service = await ServiceProcess.StartAsync([.. _database.Arguments, .. settings]))
        {
            using var client = new ServiceClient(service.Url);
            var answer = await client.PutAsync("agents/ana", new { units = 100 }, "administrator:root");
            Assert.True(answer.Status == 200, answer.ToString());
            await UntilAsync(client, seals => seals.GetProperty("events").ValueKind is JsonValueKind.Number);
            Assert.Equal(0, await service.StopAsync("TERM"));
        }
        await using var keyless = await ServiceProcess.StartAsync([
            .. _database.Arguments,
            "--Seals:Interval",
            "0.2",
            "--Seals:KeyFolder",
            Path.Combine(_data, "elsewhere"),
        ]);
        using var other = new ServiceClient(keyless.Url);
        var stopped = await UntilAsync(other, seals => seals.GetProperty("stopped").ValueKind is JsonValueKind.String);
        Assert.Contains("does not have it", stopped.GetProperty("stopped").GetString(), StringComparison.Ordinal);
        var refused = await other.PostAsync("ledger/seals", null, "administrator:root");
        Assert.Equal((409, "sealing-key-missing"), (refused.Status, refused.Code));
        var metrics = await other.GetAsync("/metrics");
        Assert.Matches("presence_ledger_seals_stopped[^\n]* 1", metrics.Text);
        Assert.Single(keyless.Output.Split("is not sealed by this node")[1..]);
    }

    [Theory]
    [InlineData("verify --bundle /nowhere/at.zip", "There is no file")]
    [InlineData("verify --key /nowhere/at.pub", "cannot be read")]
    [InlineData("verify --resume", "broken off")]
    [InlineData("verify --since-seal 17", "There is no seal 17")]
    [InlineData("verify nobody", "There is no agent 'nobody'")]
    [InlineData("export nobody", "There is no agent 'nobody'")]
    [InlineData("export nobody --from yesterday", "is no instant")]
    [InlineData("keys retire 0123456789abcdef", "no key 0123456789abcdef in use")]
    public async Task What_cannot_be_done_exits_with_2_and_says_why(string arguments, string told)
    {
        var ended = await RunAsync(arguments.Split(' '));

        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.Contains(told, ended.Errors, StringComparison.Ordinal);
        Assert.Single(ended.Errors.Trim().Split('\n'));
    }

    private static async Task<JsonElement> UntilAsync(ServiceClient client, Predicate<JsonElement> enough)
    {
        var ready = await client.GetAsync("/health/ready");
        for (var tries = 0; tries < 200; tries++)
        {
            var seals = ready.Json.GetProperty("checks")[0].GetProperty("data").GetProperty("seals");
            if (enough(seals))
                return seals;
            await Task.Delay(50);
            ready = await client.GetAsync("/health/ready");
        }
        Assert.Fail(ready.ToString());
        return default;
    }

    private async Task SimulateAsync(int days = 3)
    {
        var simulated = await RunAsync(
            "simulate",
            "--agents",
            "25",
            "--days",
            days.ToString(System.Globalization.CultureInfo.InvariantCulture),
            "--seed",
            "5",
            "--start",
            "2026-03-16"
        );
        Assert.True(simulated.ExitCode == 0, simulated.ToString());
    }

    /// <summary>An agent with a long stream.</summary>
    private async Task<string> AgentAsync()
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand(
            "select stream from ledger.event where stream like 'agent-%' order by version desc limit 1"
        );
        return ((string)(await command.ExecuteScalarAsync())!)["agent-".Length..];
    }

    private async Task DamageAsync(string sql, string stream)
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var connection = await owner.OpenConnectionAsync();
        await using (var off = new NpgsqlCommand("set session_replication_role = replica", connection))
            await off.ExecuteNonQueryAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new() { Value = stream });
        Assert.Equal(1, await command.ExecuteNonQueryAsync());
    }

    private async Task OkAsync(params string[] arguments)
    {
        var ended = await RunAsync(arguments);
        Assert.True(ended.ExitCode == 0, ended.ToString());
    }

    private Task<Ended> RunAsync(params string[] arguments) =>
        ServiceProcess.RunAsync([.. arguments, "--data", _data, "--connection", _database.SuperuserConnectionString]);

    private static Task<Ended> PythonAsync(params string[] arguments) => ProgramAsync("python3", [Script(), .. arguments]);

    private static async Task<Ended> ProgramAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return new Ended(process.ExitCode, await output, await errors);
    }

    /// <summary>Replaces the first of something in a file of a bundle; with the manifest made to fit where that is to be got past.</summary>
    private static void Change(string bundle, string name, string from, string to, bool withManifest)
    {
        using var zip = ZipFile.Open(bundle, ZipArchiveMode.Update);
        var text = Read(zip, name);
        var at = text.IndexOf(from, StringComparison.Ordinal);
        Assert.True(at >= 0, $"{name} has no {from}");
        var changed = text[..at] + to + text[(at + from.Length)..];
        Write(zip, name, changed);
        if (!withManifest)
            return;
        var manifest = Read(zip, "manifest.json");
        Write(zip, "manifest.json", manifest.Replace(Hash(text), Hash(changed), StringComparison.Ordinal));

        static string Read(ZipArchive zip, string name)
        {
            using var reader = new StreamReader(zip.GetEntry(name)!.Open(), Encoding.UTF8);
            return reader.ReadToEnd();
        }

        static void Write(ZipArchive zip, string name, string text)
        {
            zip.GetEntry(name)!.Delete();
            using var stream = zip.CreateEntry(name).Open();
            stream.Write(Encoding.UTF8.GetBytes(text));
        }

        static string Hash(string text) =>
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private static string Script([CallerFilePath] string path = "") => Path.Combine(Path.GetDirectoryName(path)!, "check_bundle.py");
}
