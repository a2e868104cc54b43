using System.IO.Compression;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests.Upgrades;

/// <summary>
/// A ledger of the version before events were numbered: a dump of two simulated days that were sealed, and of commands that came after. It is
/// carried over at the start, and says what it said.
/// </summary>
public sealed class NumberedUpgradeTests : IAsyncLifetime
{
    private const string Seal = "0:1377cb3db00c7e2512d90639b98ee29f133695f14697184e9ce6ce1c3246dac5";
    private const string Auditor = "auditor:al";
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        await ExecuteAsync(await ReadAsync("ledger-before-numbers.sql.gz"));
        // The service's own schema, with the checkpoint of before.
        await ExecuteAsync(
            """
            create schema read authorization presence_ledger;
            set role presence_ledger;
            create table read.read_model (
                name text not null, version int not null, place text not null, epoch int not null, transaction_id xid8 not null,
                position bigint not null, as_of timestamptz not null, store text not null, state json,
                newest timestamptz not null default '-infinity', primary key (name, version, place)
            );
            insert into read.read_model values ('presence', 2, 'live', 0, '788', 507, now(), 'Postgres')
            """
        );
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task It_verifies_reports_the_same_numbers_and_goes_on()
    {
        // Transactions that were committed in another order than they had numbers.
        await ExecuteAsync(
            """
            set session_replication_role = replica;
            update ledger.event set position = position + 1000 * (800 - transaction_id::text::bigint) where stream = 'agent-ana'
            """
        );
        await using var service = await ServiceProcess.StartAsync(_database.Arguments);
        using var client = new ServiceClient(service.Url);
        await HeartbeatingAgents.UntilAsync(() => client.GetAsync("/health/ready"), ready => ready.Status == 200);

        var report = await client.GetAsync(
            "reports/historical/agents?from=2026-03-01T00:00:00Z&to=2026-03-03T00:00:00Z&bucket=day",
            "supervisor:sue"
        );
        Assert.Equal((await ReadAsync("report-before-numbers.json")).TrimEnd(), report.Json.GetProperty("items").GetRawText());
        var ana = (await client.GetAsync("agents/ana/timeline", Auditor)).Json.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(["503", "504", "505", "506"], ana.Select(e => e.GetProperty("position").GetString()));
        Assert.Equal("With Sue until three", ana[3].GetProperty("reason").GetProperty("text").GetString());

        // A command of before is answered as it was, and a new one has the next number.
        var repeated = await SetAsync(client, "before-1");
        Assert.Equal(3, repeated.Json.GetProperty("version").GetInt64());
        await HeartbeatingAgents.DoneAsync(client.PutAsync("agents/ben", new { units = 100 }, "administrator:root"));
        Assert.Equal("507", (await client.GetAsync("agents/ben/timeline", Auditor)).Json.GetProperty("items")[0].GetProperty("position").GetString());
        // A position of before is past, and a stream begins anew.
        Assert.Equal(200, (await client.GetAsync("agents", null, ("Ledger-Position", "0.790.507"))).Status);

        foreach (var verb in new[] { new[] { "verify", "--seal", Seal }, ["doctor"] })
        {
            var ended = await ServiceProcess.RunAsync([.. verb, .. _database.Arguments]);
            Assert.True(ended.ExitCode == 0, ended.ToString());
        }
    }

    [Fact]
    public async Task Every_event_keeps_its_hash_and_gets_the_number_of_its_place()
    {
        var before = await RowsAsync("order by epoch, transaction_id, position");

        await using var node = await NodeAsync();

        Assert.Equal(before, await RowsAsync("order by position"));
        var numbers = (await node.Log.ReadAllAsync(LogPosition.Start, 10_000, default)).Select(e => e.Position.Number);
        Assert.Equal(Enumerable.Range(1, before.Count).Select(n => (long)n), numbers);
    }

    private async Task<Node> NodeAsync()
    {
        await LedgerSchema.ApplyAsync(_database.SuperuserConnectionString, "presence_ledger", default);
        return await Node.StartAsync(_database);
    }

    private static Task<Answer> SetAsync(ServiceClient client, string key) =>
        client.PutAsync(
            "agents/ana/presence",
            new { statusId = "away", reason = new { code = "training", text = "With Sue until three" } },
            "supervisor:sue",
            ("Idempotency-Key", key)
        );

    private async Task<List<string>> RowsAsync(string order)
    {
        await using var source = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = source.CreateCommand(
            $"select concat_ws('|', stream, version, event_id, type, data, metadata, occurred_at, recorded_at, encode(hash, 'hex')) from ledger.event {order}"
        );
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(reader.GetString(0));
        return rows;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> ReadAsync(string name)
    {
        await using var resource = typeof(NumberedUpgradeTests).Assembly.GetManifestResourceStream(name)!;
        await using var content = name.EndsWith(".gz", StringComparison.Ordinal)
            ? (Stream)new GZipStream(resource, CompressionMode.Decompress)
            : resource;
        using var reader = new StreamReader(content);
        return await reader.ReadToEndAsync();
    }
}
