using System.Text.Json;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Resilience.Tests;

/// <summary>The database remembers what keeps its ledger, and every verb finds it by the same options.</summary>
public sealed class StoreMemoryTests
{
    private const string Administrator = "administrator:root";

    [Fact]
    public async Task Every_verb_takes_the_same_options_and_refuses_a_store_that_is_not_the_one_with_the_ledger()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync(await TestEventStore.StartAsync());
        await LiveAsync(database);
        var store = database.EventStore!;
        await using var empty = await FakeEventStore.StartAsync();
        var folder = Directory.CreateTempSubdirectory("presence-ledger-verbs-").FullName;
        var policy = Path.Combine(folder, "what-if.yaml");
        await File.WriteAllTextAsync(policy, "policy: { restoreWindow: 200 }");
        string[][] verbs =
        [
            ["verify"],
            ["verify", "ana"],
            ["doctor"],
            ["rebuild"],
            ["seal"],
            ["keys", "list"],
            ["export", "ana", "--out", Path.Combine(folder, "ana.zip")],
            ["replay", "ana"],
            ["why", "ana"],
            ["what-if", "--policy", policy],
        ];

        foreach (var verb in verbs)
        {
            var right = await ServiceProcess.RunAsync([.. verb, .. database.Arguments]);
            Assert.True(right.ExitCode == 0, $"{verb[0]}: {right}");
        }
        string[][] wrong = [.. verbs, ["serve", "--urls", "http://127.0.0.1:0"], ["copy-log", "--to", empty.ConnectionString]];
        await using var elsewhere = TestEventStore.Of(empty);
        foreach (var verb in wrong)
        {
            // The log in the database itself, which is empty.
            database.EventStore = null;
            AssertRefused(await ServiceProcess.RunAsync([.. verb, .. database.Arguments]), verb[0], "is kept in EventStoreDb");
        }
        foreach (var verb in wrong.Except(verbs.Where(v => v[0] is "why" or "replay" or "keys")))
        {
            // Another server.
            database.EventStore = elsewhere;
            AssertRefused(
                await ServiceProcess.RunAsync([.. verb, .. database.Arguments]),
                verb[0],
                "is not the one with the ledger",
                "begin with"
            );
        }
        Directory.Delete(folder, recursive: true);
        database.EventStore = store;
        await using var service = await ServiceProcess.StartAsync(database.Arguments);
    }

    [Fact]
    public async Task The_connection_string_of_the_store_alone_is_enough_where_no_database_is_beside_it()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync(await TestEventStore.StartAsync());
        await LiveAsync(database);
        var store = database.EventStore!;
        var nowhere = Path.Combine(Path.GetTempPath(), "presence-ledger-nowhere-" + Guid.NewGuid().ToString("N"));

        var verified = await ServiceProcess.RunAsync([
            "verify",
            "--data",
            nowhere,
            "--connection",
            store.ConnectionString,
            "--stream-prefix",
            store.Prefix,
        ]);

        Assert.True(verified.ExitCode == 0, verified.ToString());
        Assert.Contains("The ledger is sound.", verified.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(nowhere));
    }

    [Fact]
    public async Task To_verify_nothing_is_not_to_find_it_sound()
    {
        await using var database = await Node.CreateDatabaseAsync();
        await using var store = await FakeEventStore.StartAsync();
        string[][] empty = [database.Arguments, [.. database.Arguments, .. TestEventStore.Of(store).Arguments]];

        foreach (var arguments in empty)
        {
            var told = await ServiceProcess.RunAsync(["verify", .. arguments]);
            var json = await ServiceProcess.RunAsync(["verify", "--json", .. arguments]);

            Assert.True(told.ExitCode == 1, told.ToString());
            Assert.Contains("There is nothing to verify", told.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("is sound", told.Output, StringComparison.Ordinal);
            Assert.Equal((1, false), (json.ExitCode, JsonElement.Parse(json.Output).GetProperty("sound").GetBoolean()));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_database_from_before_the_memory_is_remembered_by_what_is_in_it(bool inEventStore)
    {
        await using var database = await TestPostgres.CreateDatabaseAsync(inEventStore ? await TestEventStore.StartAsync() : null);
        await using var another = await FakeEventStore.StartAsync();
        await LiveAsync(database);
        await using (var superuser = Npgsql.NpgsqlDataSource.Create(database.SuperuserConnectionString))
        await using (var forget = superuser.CreateCommand("delete from ledger.store; delete from ledger.store_mark"))
            await forget.ExecuteNonQueryAsync();
        var store = database.EventStore;

        database.EventStore = inEventStore ? null : TestEventStore.Of(another);
        var wrong = await ServiceProcess.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. database.Arguments]);
        database.EventStore = store;

        AssertRefused(wrong, "serve", inEventStore ? "is kept in EventStoreDb" : "is kept in Postgres");
        await using var service = await ServiceProcess.StartAsync(database.Arguments);
    }

    /// <summary>A ledger with an agent and a seal, whose service was stopped.</summary>
    private static async Task LiveAsync(TestDatabase database)
    {
        await using var service = await ServiceProcess.StartAsync([.. database.Arguments, "--Seals:Interval", "1"]);
        using var client = new ServiceClient(service.Url);
        foreach (
            var (method, path, body, actor) in new (string, string, object?, string)[]
            {
                ("PUT", "agents/ana", new { units = 100 }, Administrator),
                ("PUT", "policy", new { restoreWindow = 100 }, Administrator),
                ("POST", "agents/ana/sign-in", new { connectionId = "main" }, "agent:ana"),
                ("POST", "ledger/seals", null, Administrator),
            }
        )
        {
            var answer = await client.SendAsync(method, path, body, actor);
            Assert.True(answer.Status == 200, answer.ToString());
        }
        var position = (await client.PutAsync("agents/ana/presence", new { statusId = "away" }, "agent:ana")).Headers["Ledger-Position"];
        Assert.Equal(200, (await client.GetAsync("agents/ana/presence", null, ("Ledger-Position", position))).Status);
        Assert.Equal(0, await service.StopAsync("TERM"));
        // By now it knows its store again.
        await using var once = await ServiceProcess.StartAsync(database.Arguments);
        Assert.Equal(0, await once.StopAsync("TERM"));
    }

    private static void AssertRefused(Ended ended, string verb, params string[] told)
    {
        Assert.True(ended.ExitCode == 2, $"{verb}: {ended}");
        Assert.True(told.Any(t => ended.Errors.Contains(t, StringComparison.Ordinal)), $"{verb}: {ended}");
        Assert.Single(ended.Errors.Trim().Split('\n'));
    }
}
