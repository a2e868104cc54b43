using System.Diagnostics;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Ledger.Postgres.Embedded;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Restarts are not losses (CON-8): the database away for a minute, and a process that stood still.</summary>
public sealed class OutageTests
{
    private const string Administrator = "administrator:root";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task While_the_database_is_away_for_a_minute_heartbeats_are_answered_commands_are_refused_and_nobody_is_lost()
    {
        await using var folder = DataFolder.Create();
        // A server that the service does not look after.
        var server = await folder.OpenAsync();
        var owner = server.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database);
        var own = server.ConnectionString(EmbeddedPostgres.ServiceRole, EmbeddedPostgres.Database);
        await using var service = await ServiceProcess.StartAsync(["--connection", own, "--Ledger:OwnerConnectionString", owner]);
        using var client = new ServiceClient(service.Url);
        await SignInAsync(client, "ana", "ben");
        await using var beats = new Beats(_ => service.Url, ["ana"], TimeSpan.FromSeconds(1));

        await server.DisposeAsync();
        var wentAt = Stopwatch.GetTimestamp();
        var refused = await client.PutAsync("agents/ana/presence", new { statusId = "away" }, "agent:ana");
        Assert.True(refused is { Status: 503, Code: "ledger-unavailable" }, refused.ToString());
        Assert.True(refused.Headers.ContainsKey("Retry-After"));
        Assert.Equal(503, (await client.GetAsync("/health/ready")).Status);
        Assert.Equal(200, (await client.GetAsync("/health/live")).Status);
        // The minute is what is tested: many times the timeout.
        await Task.Delay(TimeSpan.FromSeconds(60) - Stopwatch.GetElapsedTime(wentAt));
        Assert.Equal([204], beats.Answers.Keys);

        var backAt = DateTimeOffset.UtcNow;
        server = await folder.OpenAsync();
        try
        {
            var accepted = await UntilAsync(
                () => client.PutAsync("agents/ana/presence", new { statusId = "away" }, "agent:ana"),
                answer => answer.Status == 200
            );
            Assert.Equal(200, accepted.Status);
            // Ben, who said nothing all the while, has a full timeout from then on, and is lost then.
            await UntilAsync(() => client.GetAsync("agents/ben/state"), Offline);
            var lost = Assert.Single(await LossesAsync(server));
            Assert.Equal("agent-ben", lost.Stream);
            Assert.True(lost.Loss.Deadline >= backAt + Timeout, $"{lost.Loss} though the database came back at {backAt:O}");
            Assert.Equal([204], beats.Answers.Keys);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_service_that_stood_still_for_longer_than_the_timeout_loses_nobody()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var service = await ServiceProcess.StartAsync(database.Arguments);
        using var client = new ServiceClient(service.Url);
        await SignInAsync(client, "ana", "ben");
        await using (new Beats(_ => service.Url, ["ana", "ben"], TimeSpan.FromSeconds(1)))
        {
            await SignalAsync(service, "STOP");
            // The pause is what is tested.
            await Task.Delay(Timeout + Leases.Standstill);
        }
        var wentOnAt = DateTimeOffset.UtcNow;
        await SignalAsync(service, "CONT");

        await using var beats = new Beats(_ => service.Url, ["ana"], TimeSpan.FromSeconds(1));
        await UntilAsync(() => client.GetAsync("agents/ben/state"), Offline);

        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        var lost = Assert.Single(await LossesAsync(source));
        Assert.Equal("agent-ben", lost.Stream);
        Assert.True(
            lost.Loss.Deadline >= wentOnAt + Timeout - TimeSpan.FromMilliseconds(1),
            $"{lost.Loss} though it went on at {wentOnAt:O}"
        );
    }

    private static bool Offline(Answer state) =>
        state.Status == 200 && state.Json.GetProperty("presence").GetProperty("statusId").GetString() == "offline";

    private static async Task SignInAsync(ServiceClient client, params string[] agents)
    {
        await DoneAsync(client.PutAsync("policy", new { heartbeatTimeout = Timeout.TotalSeconds, heartbeatSeconds = 1 }, Administrator));
        foreach (var id in agents)
        {
            await DoneAsync(client.PutAsync("agents/" + id, new { units = 100 }, Administrator));
            await DoneAsync(client.PostAsync($"agents/{id}/sign-in", new { connectionId = "main" }, "agent:" + id));
        }
    }

    private static async Task DoneAsync(Task<Answer> answer) => Assert.True((await answer).Status == 200, (await answer).ToString());

    private static async Task<Answer> UntilAsync(Func<Task<Answer>> ask, Func<Answer, bool> enough)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (enough(answer))
                return answer;
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(60), answer.ToString());
            await Task.Delay(100);
        }
    }

    private static async Task SignalAsync(ServiceProcess service, string signal)
    {
        using var kill = Process.Start("kill", ["-s", signal, service.ProcessId.ToString(null, null)]);
        await kill.WaitForExitAsync();
    }

    private static async Task<IReadOnlyList<(string Stream, ConnectionLost Loss)>> LossesAsync(EmbeddedPostgres server)
    {
        await using var source = DataFolder.Connect(server);
        return await LossesAsync(source);
    }

    private static async Task<IReadOnlyList<(string Stream, ConnectionLost Loss)>> LossesAsync(NpgsqlDataSource source) =>
        [
            .. (await Audit.ReadAsync(source))
                .Where(r => r.Type == "connection-lost.v1")
                .Select(r => (r.Stream, (ConnectionLost)WireNames.Read(r))),
        ];
}
