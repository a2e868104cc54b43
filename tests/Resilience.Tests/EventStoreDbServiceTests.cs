using System.Diagnostics;
using System.Text.Json;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Resilience.Tests;

/// <summary>The service with its log in an EventStoreDB, as an operator has it.</summary>
public sealed class EventStoreDbServiceTests
{
    private const string Administrator = "administrator:root";
    private const string Routing = "service:routing";

    [Fact]
    public async Task It_does_its_work_and_has_everything_after_a_restart()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync(await TestEventStore.StartAsync());
        (string Name, string Value) key = ("Idempotency-Key", "once");
        string timeline;
        await using (var service = await ServiceProcess.StartAsync(database.Arguments))
        {
            using var client = new ServiceClient(service.Url);
            foreach (var id in new[] { "ana", "ben" })
            {
                await DoneAsync(client, "PUT", "agents/" + id, new { units = 100 }, Administrator);
                await DoneAsync(client, "POST", $"agents/{id}/sign-in", new { connectionId = "main" }, "agent:" + id);
            }
            await DoneAsync(client, "PUT", "agents/ana/conversations/c1", new { units = 40, channel = "chat" }, Routing);
            var transfer = new { toAgentId = "ben" };
            var first = await client.PostAsync("agents/ana/conversations/c1/transfer", transfer, Routing, key);
            var again = await client.PostAsync("agents/ana/conversations/c1/transfer", transfer, Routing, key);
            var other = await client.PostAsync("agents/ana/conversations/c1/transfer", new { toAgentId = "cid" }, Routing, key);
            Assert.True(first.Status == 200, first.ToString());
            Assert.Equal((first.Status, first.Text), (again.Status, again.Text));
            Assert.True(other.Status is >= 400 and < 500, other.ToString());
            await DoneAsync(client, "PUT", "agents/ana/presence", new { statusId = "away" }, "agent:ana");

            var ready = await ReadyAsync(client);
            Assert.Equal("EventStoreDb", ready.GetProperty("data").GetProperty("store").GetString());
            timeline = await TimelineAsync(client);
            Assert.Equal(0, await service.StopAsync("TERM"));
            Assert.DoesNotContain("fail:", service.Output, StringComparison.Ordinal);
        }

        await using var second = await ServiceProcess.StartAsync(database.Arguments);
        using var after = new ServiceClient(second.Url);
        Assert.Equal(timeline, await TimelineAsync(after));
        Assert.Equal("away", await StatusAsync(after, "ana"));
        var ben = await ConversationsAsync(after);
        Assert.Contains("\"c1\"", ben, StringComparison.Ordinal);
        var repeated = await after.PostAsync("agents/ana/conversations/c1/transfer", new { toAgentId = "ben" }, Routing, key);
        Assert.True(repeated.Status == 200, repeated.ToString());
        Assert.Equal(ben, await ConversationsAsync(after));
        Assert.Equal(timeline, await TimelineAsync(after));
    }

    [Fact]
    public async Task Who_follows_is_told_on_every_node_and_goes_on_where_they_were()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync(await TestEventStore.StartAsync());
        await using var first = await ServiceProcess.StartAsync(database.Arguments);
        await using var second = await ServiceProcess.StartAsync(database.Arguments);
        using var client = new ServiceClient(first.Url);
        await DoneAsync(client, "PUT", "agents/ana", new { units = 100 }, Administrator);
        using var stream = await EventStreamClient.OpenAsync(second.Url, "agents=ana");
        await stream.SnapshotAsync();
        var before = stream.LastId;

        await DoneAsync(client, "POST", "agents/ana/sign-in", new { connectionId = "main" }, "agent:ana");
        await DoneAsync(client, "PUT", "agents/ana/presence", new { statusId = "away" }, "agent:ana");
        var told = new[] { await stream.NextAsync("change"), await stream.NextAsync("change") };
        Assert.Equal(["available", "away"], told.Select(e => e.Data.GetProperty("statusId").GetString()));

        // Where nobody has followed so far, it is read from the log.
        using var again = await EventStreamClient.OpenAsync(first.Url, "agents=ana", before);
        Assert.Equal(told.Select(e => e.Id), [(await again.NextAsync("change")).Id, (await again.NextAsync("change")).Id]);
        using var late = await EventStreamClient.OpenAsync(second.Url, "agents=ana", told[0].Id);
        Assert.Equal(told[1].Id, (await late.NextAsync("change")).Id);
        using var lie = await EventStreamClient.OpenAsync(first.Url, "agents=ana", "0.99999999.99999999");
        await lie.NextAsync("gap");
        Assert.Equal("away", Assert.Single(await lie.SnapshotAsync()).GetProperty("statusId").GetString());
    }

    [Theory]
    [InlineData("--Ledger:Store EventStoreDb", "needs Ledger:EventStoreDb, as in esdb://")]
    [InlineData("--Ledger:Store EventStoreDb --Ledger:EventStoreDb esdb://ledger:s3cr3t@a:port", "'a:port' is no node")]
    [InlineData("--Ledger:Store EventStoreDb --Ledger:EventStoreDb esdb://ledger:s3cr3t?s3cr3t@a", "'?' within are")]
    [InlineData("--Ledger:Store EventStoreDb --Ledger:EventStoreDb Host=a;Password=s3cr3t", "it begins with esdb://")]
    [InlineData(
        "--Ledger:Store EventStoreDb --Ledger:EventStoreDb esdb://ledger:s3cr3t@a?tlsCaFile=nowhere.crt",
        "'nowhere.crt', is not there"
    )]
    [InlineData("--Ledger:Store EventStore", "Ledger:Store=EventStore is not known; there are Postgres and EventStoreDb")]
    [InlineData("--Ledger:Store Postgres --connection esdb://ledger:s3cr3t@a", "say Ledger:Store=EventStoreDb")]
    public async Task What_is_misconfigured_is_said_in_one_line(string arguments, string told) =>
        AssertRefused(await ServiceProcess.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. arguments.Split(' ')]), told);

    [Fact]
    public async Task A_server_that_cannot_be_used_is_said_in_one_line()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var secured = await FakeEventStore.StartAsync(tls: true, user: "ledger", password: "right");
        // On a busy machine three starts at once take longer than a user would wait.
        var patient = secured.ConnectionString + "&defaultDeadline=60000";
        var wrong = patient.Replace(":right@", ":s3cr3t@", StringComparison.Ordinal);
        var nobody = patient.Replace("ledger:right@", "", StringComparison.Ordinal);

        var ended = await Task.WhenAll(
            StartAsync(database, "esdb://ledger:s3cr3t@127.0.0.1:1?tls=false"),
            StartAsync(database, wrong),
            StartAsync(database, nobody)
        );

        AssertRefused(ended[0], "127.0.0.1:1");
        AssertRefused(ended[1], "does not accept the password of user 'ledger'");
        AssertRefused(ended[2], "user");
    }

    [Fact]
    public async Task While_the_server_is_away_queries_are_answered_and_commands_refused_and_then_it_goes_on()
    {
        await using var store = await FakeEventStore.StartAsync();
        await using var database = await TestPostgres.CreateDatabaseAsync(TestEventStore.Of(store));
        await using var service = await ServiceProcess.StartAsync(database.Arguments);
        using var client = new ServiceClient(service.Url);
        await DoneAsync(client, "PUT", "agents/ana", new { units = 100 }, Administrator);
        await DoneAsync(client, "POST", "agents/ana/sign-in", new { connectionId = "main" }, "agent:ana");
        await ReadyAsync(client);

        await store.KillAsync(0);
        var began = Stopwatch.GetTimestamp();
        var refusing = client.PutAsync("agents/ana/presence", new { statusId = "away" }, "agent:ana");
        var ready = await client.GetAsync("/health/ready");
        var presence = await client.GetAsync("agents/ana/presence");
        var list = await client.GetAsync("agents");
        var refused = await refusing;

        Assert.Equal(503, ready.Status);
        Assert.Equal("unhealthy", ready.Json.GetProperty("status").GetString());
        Assert.Equal((200, 200), (presence.Status, list.Status));
        Assert.Contains("\"available\"", presence.Text, StringComparison.Ordinal);
        Assert.Equal((503, "ledger-unavailable"), (refused.Status, refused.Code));
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60));

        await store.RestartAsync(0);
        await DoneAsync(client, "PUT", "agents/ana/presence", new { statusId = "busy" }, "agent:ana");
        await ReadyAsync(client);
        Assert.Equal("busy", await StatusAsync(client, "ana"));
        for (var tries = 0; tries < 200 && !(await client.GetAsync("agents/ana/presence")).Text.Contains("\"busy\""); tries++)
            await Task.Delay(50);
        Assert.Contains("\"busy\"", (await client.GetAsync("agents/ana/presence")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_the_server_was_restored_to_an_older_state_commands_are_refused_and_health_says_why()
    {
        await using var store = await FakeEventStore.StartAsync();
        await using var database = await TestPostgres.CreateDatabaseAsync(TestEventStore.Of(store));
        await using (var service = await ServiceProcess.StartAsync(database.Arguments))
        {
            using var client = new ServiceClient(service.Url);
            await DoneAsync(client, "PUT", "agents/ana", new { units = 100 }, Administrator);
            await DoneAsync(client, "POST", "agents/ana/sign-in", new { connectionId = "main" }, "agent:ana");
            await ReadyAsync(client);
            await RestoreAsync(client);
        }
        // And by a service that has seen nothing of it.
        await using var second = await ServiceProcess.StartAsync(database.Arguments);
        using var again = new ServiceClient(second.Url);
        await RestoreAsync(again);

        async Task RestoreAsync(ServiceClient client)
        {
            store.Truncate(store.Count - 1);
            await store.RestartAsync(0);
            var ready = await client.GetAsync("/health/ready");
            for (var tries = 0; tries < 400 && !ready.Text.Contains("restored to an older state", StringComparison.Ordinal); tries++)
            {
                await Task.Delay(50);
                ready = await client.GetAsync("/health/ready");
            }
            Assert.Equal(503, ready.Status);
            Assert.Contains("restored to an older state", ready.Text, StringComparison.Ordinal);
            // What would be recorded; what a rule refuses is refused as before.
            var refused = await client.PutAsync("agents/ben", new { units = 100 }, Administrator);
            Assert.Equal((503, "ledger-unavailable"), (refused.Status, refused.Code));
        }
    }

    private static Task<Ended> StartAsync(TestDatabase database, string connectionString) =>
        ServiceProcess.RunAsync([
            "serve",
            "--urls",
            "http://127.0.0.1:0",
            .. database.Arguments,
            "--Ledger:Store",
            "EventStoreDb",
            "--Ledger:EventStoreDb",
            connectionString,
        ]);

    private static void AssertRefused(Ended ended, string told)
    {
        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.StartsWith("presence-ledger: ", ended.Errors, StringComparison.Ordinal);
        Assert.Single(ended.Errors.Trim().Split('\n'));
        Assert.Contains(told, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", ended.Errors + ended.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    /// <summary>Waits until the service says that it is well; what it says of the ledger.</summary>
    private static async Task<JsonElement> ReadyAsync(ServiceClient client)
    {
        var ready = await client.GetAsync("/health/ready");
        for (var tries = 0; tries < 200 && ready.Json.GetProperty("status").GetString() != "healthy"; tries++)
        {
            await Task.Delay(50);
            ready = await client.GetAsync("/health/ready");
        }
        Assert.True(ready.Json.GetProperty("status").GetString() == "healthy", ready.ToString());
        return ready.Json.GetProperty("checks").EnumerateArray().Single(c => c.GetProperty("name").GetString() == "ledger");
    }

    private static async Task<string> TimelineAsync(ServiceClient client)
    {
        var ana = await client.GetAsync("agents/ana/timeline");
        Assert.True(ana.Status == 200, ana.ToString());
        return ana.Json.GetProperty("items").GetRawText();
    }

    private static async Task<string> ConversationsAsync(ServiceClient client) =>
        (await client.GetAsync("agents/ben/state")).Json.GetProperty("presence").GetProperty("conversations").GetRawText();

    private static async Task<string?> StatusAsync(ServiceClient client, string agentId) =>
        (await client.GetAsync($"agents/{agentId}/state")).Json.GetProperty("presence").GetProperty("statusId").GetString();

    private static async Task DoneAsync(ServiceClient client, string method, string path, object? body, string actor)
    {
        var answer = await client.SendAsync(method, path, body, actor);
        Assert.True(answer.Status == 200, answer.ToString());
    }
}
