using System.Text.Json;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests.Proof;

/// <summary>
/// Somebody with all rights on the database, and none on the machine of the service, changes what was sealed and makes everything in the
/// database fit it. The service, which has the key, must not be the one that signs it.
/// </summary>
public sealed class ForgedHistoryTests : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("presence-ledger-forged-").FullName;
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await Node.CreateDatabaseAsync();

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_history_that_was_forged_with_all_rights_on_the_database_is_not_signed_and_is_found(int sealsLeft)
    {
        await using (var service = await StartAsync())
        {
            using var client = new ServiceClient(service.Url);
            await DoneAsync(client, "PUT", "agents/ana", new { units = 100 });
            for (var n = 0; n < 4; n++)
            {
                await DoneAsync(client, "PUT", "agents/ana", new { units = 100 + n * 10 });
                await DoneAsync(client, "POST", "ledger/seals", null);
            }
            await DoneAsync(client, "PUT", "agents/ana", new { units = 170 });
            await UntilAsync(client, h => h.GetProperty("status").GetString() == "healthy");
            Assert.Equal(0, await service.StopAsync("TERM"));
        }
        var published = Path.Combine(_data, "published.pub");
        File.Copy(Assert.Single(Directory.GetFiles(Path.Combine(_data, "keys"), "*.pub")), published);
        var noted = await NotedAsync();
        Assert.Equal(0, (await RunAsync("verify", "--key", published)).ExitCode);

        await ForgeAsync(sealsLeft);
        var seals = await SealsAsync();

        await using var restarted = await StartAsync();
        using var after = new ServiceClient(restarted.Url);
        // Work goes on; only proof does not.
        await DoneAsync(after, "PUT", "agents/ana", new { units = 200 });
        await UntilAsync(after, LacksSeal);
        var refused = await after.PostAsync("ledger/seals", null, "administrator:root");
        Assert.Equal((409, "seal-missing"), (refused.Status, refused.Code));
        Assert.Matches("presence_ledger_seals_mismatch[^\n]* 1", (await after.GetAsync("/metrics")).Text);
        var told = await after.GetAsync("ledger/verify", "auditor:al");
        Assert.False(told.Json.GetProperty("sound").GetBoolean());

        var verified = await RunAsync("verify", "--key", published);
        Assert.True(verified.ExitCode == 1, verified.ToString());
        Assert.Contains("seal-missing: Seal ", verified.Output, StringComparison.Ordinal);
        Assert.Contains("is not sound", verified.Output, StringComparison.Ordinal);
        // Nor does it take the key folder: what was noted anywhere else tells as well.
        var elsewhere = await ServiceProcess.RunAsync([
            "verify",
            "--data",
            Path.Combine(_data, "nothing"),
            "--connection",
            _database.SuperuserConnectionString,
            "--key",
            published,
            "--seal",
            noted,
        ]);
        Assert.True(elsewhere.ExitCode == 1, elsewhere.ToString());
        Assert.Contains("noted elsewhere, is not in the ledger", elsewhere.Output, StringComparison.Ordinal);
        // The worker has looked every 5 s, and said it once.
        Assert.Single(restarted.Output.Split("is not sealed by this node")[1..]);
        Assert.Equal(seals, await SealsAsync());
    }

    [Fact]
    public async Task Seals_that_are_taken_away_while_the_service_runs_are_missed()
    {
        await using var service = await StartAsync("0.2");
        using var client = new ServiceClient(service.Url);
        for (var n = 0; n < 4; n++)
        {
            await DoneAsync(client, "PUT", "agents/ana", new { units = 100 + n });
            await DoneAsync(client, "POST", "ledger/seals", null);
        }
        await ForgeAsync(2);

        await UntilAsync(client, LacksSeal);

        var seals = await SealsAsync();
        await DoneAsync(client, "PUT", "agents/ana", new { units = 200 });
        var refused = await client.PostAsync("ledger/seals", null, "administrator:root");
        Assert.Equal((409, "seal-missing"), (refused.Status, refused.Code));
        Assert.Equal(seals, await SealsAsync());
    }

    [Fact]
    public async Task A_ledger_restored_from_a_backup_goes_on_once_that_is_accepted()
    {
        await RecordAsync("ana");
        await OkAsync("seal");
        var bundle = Path.Combine(_data, "ana.zip");
        await OkAsync("export", "ana", "--out", bundle);
        await KeepAsync();
        await RecordAsync("ben");
        await OkAsync("seal");
        var newest = await NotedAsync();
        await RestoreAsync();

        var sealing = await RunAsync("seal");
        var verified = await RunAsync("verify");
        var unexplained = await RunAsync("seal", "accept-restore", "--reason", " ");
        var accepted = await RunAsync("seal", "accept-restore", "--reason", "Disk failed; backup of 02:00 restored by Sue");
        var after = await RunAsync("verify");
        var old = await RunAsync("verify", "--seal", newest);
        var again = await RunAsync("seal", "accept-restore", "--reason", "Once more");
        var contained = await RunAsync("verify", "--bundle", bundle, "--ledger");

        Assert.True(sealing.ExitCode == 2, sealing.ToString());
        Assert.Contains("accept-restore", sealing.Errors, StringComparison.Ordinal);
        Assert.True(verified.ExitCode == 1, verified.ToString());
        Assert.True(unexplained.ExitCode == 2, unexplained.ToString());
        Assert.True(accepted.ExitCode == 0, accepted.ToString());
        Assert.True(after.ExitCode == 0, after.ToString());
        Assert.Contains("backup of 02:00 restored by Sue", after.Output, StringComparison.Ordinal);
        Assert.True(old.ExitCode == 1, old.ToString());
        Assert.Contains("backup of 02:00", old.Output.Split('\n')[0], StringComparison.Ordinal);
        Assert.True(again.ExitCode == 2, again.ToString());
        Assert.True(contained.ExitCode == 0, contained.ToString());
        Assert.Contains("The ledger contains its seals and its events.", contained.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_seal_prints_is_what_verify_takes_and_a_bundle_is_found_in_its_ledger_alone()
    {
        await RecordAsync("ana");
        var made = await RunAsync("seal");
        var noted = await NotedAsync();
        Assert.Contains("verify --seal " + noted, made.Output, StringComparison.Ordinal);
        var bundle = Path.Combine(_data, "ana.zip");
        await OkAsync("export", "ana", "--out", bundle);
        await RecordAsync("ben");
        await OkAsync("seal");

        var sound = await RunAsync("verify", "--seal", noted, "--seal", await NotedAsync());
        var wrong = await RunAsync("verify", "--seal", noted[..^1] + (noted[^1] == '0' ? '1' : '0'));
        var malformed = await RunAsync("verify", "--seal", "0:abc");
        var alone = await RunAsync("verify", "--ledger");
        var contained = await RunAsync("verify", "--bundle", bundle, "--ledger");
        await ForgeAsync(0);
        var forged = await RunAsync("verify", "--bundle", bundle, "--ledger");
        var byItself = await RunAsync("verify", "--bundle", bundle);

        Assert.True(sound.ExitCode == 0, sound.ToString());
        Assert.Contains("noted elsewhere.", sound.Output, StringComparison.Ordinal);
        Assert.True(wrong.ExitCode == 1, wrong.ToString());
        Assert.Contains("seal-changed: Seal 0 with hash", wrong.Output, StringComparison.Ordinal);
        Assert.True(malformed.ExitCode == 2, malformed.ToString());
        Assert.True(alone.ExitCode == 2, alone.ToString());
        Assert.True(contained.ExitCode == 0, contained.ToString());
        Assert.True(forged.ExitCode == 1, forged.ToString());
        Assert.Contains("changed: agent-ana@0 is another event in the ledger than in the bundle.", forged.Output, StringComparison.Ordinal);
        Assert.Contains("seal-missing: Seal 0", forged.Output, StringComparison.Ordinal);
        Assert.True(byItself.ExitCode == 0, byItself.ToString());
    }

    private Task<ServiceProcess> StartAsync(string interval = "1") =>
        ServiceProcess.StartAsync([
            .. _database.Arguments,
            "--data",
            _data,
            "--Seals:KeyFolder",
            Path.Combine(_data, "keys"),
            "--Seals:Interval",
            interval,
        ]);

    private static async Task DoneAsync(ServiceClient client, string method, string path, object? body)
    {
        var answer = await client.SendAsync(method, path, body, "administrator:root");
        Assert.True(answer.Status == 200, answer.ToString());
    }

    private static bool LacksSeal(JsonElement health) =>
        health.GetProperty("status").GetString() == "degraded"
        && health
            .GetProperty("checks")[0]
            .GetProperty("description")
            .GetString()!
            .Contains("does not contain seal", StringComparison.Ordinal);

    private static async Task<JsonElement> UntilAsync(ServiceClient client, Predicate<JsonElement> enough)
    {
        for (var tries = 0; tries < 600; tries++)
        {
            var ready = await client.GetAsync("/health/ready");
            if (enough(ready.Json))
                return ready.Json;
            await Task.Delay(100);
        }
        Assert.Fail((await client.GetAsync("/health/ready")).ToString());
        return default;
    }

    private async Task RecordAsync(string agentId)
    {
        await using var node = await Node.StartAsync(_database);
        await node.RegisterAsync(agentId);
    }

    /// <summary>The newest seal as NUMBER:HASH, from the file beside the key.</summary>
    private async Task<string> NotedAsync()
    {
        var note = JsonElement.Parse(await File.ReadAllTextAsync(Assert.Single(Directory.GetFiles(Path.Combine(_data, "keys"), "*.json"))));
        return $"{note.GetProperty("number").GetInt64()}:{note.GetProperty("hash").GetString()}";
    }

    private Task<long> SealsAsync() => ScalarAsync("select count(*) from ledger.event where stream = 'seals'");

    private async Task<long> ScalarAsync(string sql)
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Takes seals away, changes the first event of ana, makes the hashes of its stream anew, and the numbers of all events.</summary>
    /// <param name="sealsLeft">Seals that stay; with none, the keys go too.</param>
    private async Task ForgeAsync(int sealsLeft)
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var connection = await owner.OpenConnectionAsync();
        // No trigger stops a superuser.
        await ExecuteAsync("set session_replication_role = replica");
        await ExecuteAsync(
            sealsLeft == 0
                ? "delete from ledger.event where stream = 'seals'"
                : $"""
                delete from ledger.event where stream = 'seals' and version >=
                    (select version from ledger.event where stream = 'seals' and type = 'ledger-sealed.v1' order by version offset {sealsLeft} limit 1)
                """
        );
        await ExecuteAsync(Tampering.CloseGaps);
        var events = new List<EventRecord>();
        await using (
            var read = new NpgsqlCommand(
                "select version, event_id, type, data::text, metadata::text, occurred_at, recorded_at from ledger.event where stream = 'agent-ana' order by version",
                connection
            )
        )
        await using (var rows = await read.ExecuteReaderAsync())
            while (await rows.ReadAsync())
                events.Add(
                    new EventRecord(
                        "agent-ana",
                        rows.GetInt64(0),
                        rows.GetGuid(1),
                        rows.GetString(2),
                        rows.GetString(3),
                        rows.GetString(4),
                        rows.GetFieldValue<DateTimeOffset>(5),
                        rows.GetFieldValue<DateTimeOffset>(6),
                        []
                    )
                );
        Assert.Contains("administrator", events[0].Metadata, StringComparison.Ordinal);
        var previous = HashChain.Genesis;
        foreach (
            var e in events.Select(e =>
                e.Version > 0 ? e : e with { Metadata = e.Metadata.Replace("administrator", "supervisor", StringComparison.Ordinal) }
            )
        )
        {
            previous = HashChain.Hash(previous, e.Stream, e.Version, e.EventId, e.Type, e.Data, e.Metadata, e.OccurredAt, e.RecordedAt);
            await using var write = new NpgsqlCommand(
                "update ledger.event set data = $1::json, metadata = $2::json, hash = $3 where stream = 'agent-ana' and version = $4",
                connection
            );
            foreach (var value in new object[] { e.Data, e.Metadata, previous, e.Version })
                write.Parameters.Add(new() { Value = value });
            Assert.Equal(1, await write.ExecuteNonQueryAsync());
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>Keeps what the ledger has, as a backup does.</summary>
    private async Task KeepAsync()
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand("create schema backup; create table backup.event as select * from ledger.event");
        await command.ExecuteNonQueryAsync();
    }

    private async Task RestoreAsync()
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand(
            """
            set session_replication_role = replica;
            delete from ledger.event;
            insert into ledger.event select * from backup.event
            """
        );
        await command.ExecuteNonQueryAsync();
    }

    private async Task OkAsync(params string[] arguments)
    {
        var ended = await RunAsync(arguments);
        Assert.True(ended.ExitCode == 0, ended.ToString());
    }

    private Task<Ended> RunAsync(params string[] arguments) =>
        ServiceProcess.RunAsync([.. arguments, "--data", _data, "--connection", _database.SuperuserConnectionString]);
}
