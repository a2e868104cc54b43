using Npgsql;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Resilience.Tests;

/// <summary><c>presence-ledger copy-log</c>, as a program.</summary>
public sealed class CopyLogTests
{
    private const string Administrator = "administrator:root";

    [Fact]
    public async Task A_ledger_is_moved_and_a_service_goes_on_with_it_in_the_new_store()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var store = await TestEventStore.StartAsync();
        string presences;
        await using (var service = await ServiceProcess.StartAsync(database.Arguments))
        {
            using var client = new ServiceClient(service.Url);
            foreach (var id in new[] { "ana", "ben", "cid" })
            {
                await DoneAsync(client, "PUT", "agents/" + id, new { units = 100 }, Administrator);
                await DoneAsync(client, "POST", $"agents/{id}/sign-in", new { connectionId = "main" }, "agent:" + id);
            }
            await DoneAsync(client, "PUT", "policy", new { restoreWindow = 200 }, Administrator);
            await DoneAsync(client, "PUT", "agents/ben/presence", new { statusId = "away", reason = new { text = "A walk" } }, "agent:ben");
            await DoneAsync(client, "PUT", "agents/cid/conversations/c1", new { units = 40, channel = "chat" }, "service:routing");
            presences = await PresencesAsync(client);
            Assert.Equal(0, await service.StopAsync("TERM"));
        }

        var first = await CopyAsync(database, store);
        var second = await CopyAsync(database, store);

        Assert.True(first.ExitCode == 0, first.ToString());
        Assert.Contains("every hash chain holds", first.Output, StringComparison.Ordinal);
        Assert.Contains("The texts of reasons stay in the PostgreSQL of the source", first.Output, StringComparison.Ordinal);
        Assert.True(second.ExitCode == 0, second.ToString());
        Assert.Contains("0 events copied", second.Output, StringComparison.Ordinal);
        Assert.Contains("--Ledger:MovedFrom Postgres", first.Output, StringComparison.Ordinal);
        string[] there = [.. database.Arguments, .. store.Arguments];
        var unsaid = await ServiceProcess.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. there]);
        AssertMisconfigured(unsaid, "is kept in Postgres");
        await using var moved = await ServiceProcess.StartAsync([.. there, "--Ledger:MovedFrom", "Postgres"]);
        using var again = new ServiceClient(moved.Url);
        Assert.Equal(presences, await PresencesAsync(again));
        // The service goes on with the PostgreSQL of before, where the texts are.
        Assert.Contains("A walk", (await again.GetAsync("agents/ben/timeline")).Text, StringComparison.Ordinal);
        await DoneAsync(again, "PUT", "agents/ana/presence", new { statusId = "busy" }, "agent:ana");
        // The old one is the ledger no longer: it is not copied over, and nobody goes on with it by mistake.
        AssertMisconfigured(await CopyAsync(database, store), "is kept in EventStoreDb");
        AssertMisconfigured(
            await ServiceProcess.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. database.Arguments]),
            "is kept in EventStoreDb"
        );
    }

    [Fact]
    public async Task A_source_that_is_damaged_is_named_and_exits_with_1()
    {
        await using var database = await Node.CreateDatabaseAsync();
        await using var store = await TestEventStore.StartAsync();
        await using (var node = await Node.StartAsync(database))
            await node.RegisterAsync("ana");
        await using (var superuser = NpgsqlDataSource.Create(database.SuperuserConnectionString))
        await using (
            var damage = superuser.CreateCommand(
                "set session_replication_role = replica; update ledger.event set data = '{}' where stream = 'agent-ana' and version = 0"
            )
        )
            Assert.Equal(1, await damage.ExecuteNonQueryAsync());

        var ended = await CopyAsync(database, store);

        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Contains("The source is damaged: the hash chain of 'agent-ana' breaks at version 0", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_texts_of_reasons_go_along_between_two_PostgreSQL()
    {
        await using var database = await Node.CreateDatabaseAsync();
        await using var target = await Node.CreateDatabaseAsync();
        await using (var node = await Node.StartAsync(database))
        {
            await node.RegisterAsync("ana");
            await node.AcceptAsync("ana", new SignIn("main", null), e => e with { Reason = new Reason(null, "First day") });
        }

        var copied = await CopyAsync(database, target.SuperuserConnectionString);

        Assert.True(copied.ExitCode == 0, copied.ToString());
        Assert.Contains("The target has the 1 texts of reasons", copied.Output, StringComparison.Ordinal);
        await using var service = await ServiceProcess.StartAsync(target.Arguments);
        using var client = new ServiceClient(service.Url);
        Assert.Contains("First day", (await client.GetAsync("agents/ana/timeline")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--from esdb://ledger:s3cr3t@a --to esdb://ledger:s3cr3t@a", "Source and target are the same")]
    [InlineData("", "Source and target are the same")]
    [InlineData("--from esdb://ledger:s3cr3t@a:port", "'a:port' is no node")]
    [InlineData("--from nonsense --to esdb://a", "The connection string cannot be read")]
    public async Task What_cannot_be_begun_exits_with_2(string arguments, string told)
    {
        var folder = Directory.CreateTempSubdirectory("presence-ledger-copy-").FullName;
        var ended = await ServiceProcess.RunAsync([
            "copy-log",
            "--data",
            folder,
            .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ]);
        Directory.Delete(folder, recursive: true);
        AssertMisconfigured(ended, told);
    }

    [Fact]
    public async Task A_source_or_target_that_cannot_be_reached_exits_with_2()
    {
        await using var database = await Node.CreateDatabaseAsync();
        await using var store = await TestEventStore.StartAsync();
        var ended = await Task.WhenAll(
            CopyAsync(database, "esdb://ledger:s3cr3t@127.0.0.1:1?tls=false"),
            CopyAsync(database, "Host=127.0.0.1;Port=1;Database=a;Username=u;Password=s3cr3t"),
            ServiceProcess.RunAsync([
                "copy-log",
                "--from",
                "Host=127.0.0.1;Port=1;Database=a;Username=u;Password=s3cr3t",
                "--to",
                store.ConnectionString,
                "--stream-prefix",
                store.Prefix,
            ]),
            ServiceProcess.RunAsync([
                "copy-log",
                "--from",
                "esdb://ledger:s3cr3t@127.0.0.1:1?tls=false",
                "--to",
                database.SuperuserConnectionString,
            ])
        );
        AssertMisconfigured(ended[0], "127.0.0.1:1");
        AssertMisconfigured(ended[1], "the database cannot be used");
        AssertMisconfigured(ended[2], "the database cannot be used");
        AssertMisconfigured(ended[3], "127.0.0.1:1");
    }

    private static void AssertMisconfigured(Ended ended, string told)
    {
        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.Contains(told, ended.Errors, StringComparison.Ordinal);
        Assert.Single(ended.Errors.Trim().Split('\n'));
        Assert.DoesNotContain("s3cr3t", ended.Errors + ended.Output, StringComparison.Ordinal);
    }

    private static Task<Ended> CopyAsync(TestDatabase from, TestEventStore to) =>
        CopyAsync(from, to.ConnectionString, "--stream-prefix", to.Prefix);

    private static Task<Ended> CopyAsync(TestDatabase from, string to, params string[] more) =>
        ServiceProcess.RunAsync(["copy-log", "--from", from.SuperuserConnectionString, "--to", to, .. more]);

    /// <summary>The presences of all three, once the read side has everything.</summary>
    private static async Task<string> PresencesAsync(ServiceClient client)
    {
        for (var tries = 0; tries < 300; tries++)
        {
            var all = await client.GetAsync("agents");
            if (
                all.Status == 200
                && all.Json.GetProperty("items").GetArrayLength() == 3
                && all.Text.Contains("\"away\"", StringComparison.Ordinal)
                && all.Text.Contains("\"c1\"", StringComparison.Ordinal)
            )
                return all.Json.GetProperty("items").GetRawText();
            await Task.Delay(50);
        }
        Assert.Fail("The read side does not come to have everything: " + await client.GetAsync("agents"));
        return "";
    }

    private static async Task DoneAsync(ServiceClient client, string method, string path, object? body, string actor)
    {
        var answer = await client.SendAsync(method, path, body, actor);
        Assert.True(answer.Status == 200, answer.ToString());
    }
}
