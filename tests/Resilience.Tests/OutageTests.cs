using System.Diagnostics;
using System.Globalization;
using PresenceLedger.Embedded;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Restarts are not losses (CON-8): the database away for long.</summary>
public sealed class OutageTests
{
    /// <summary>Many times the timeout; PRESENCE_TEST_OUTAGE=60 takes a minute.</summary>
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(
        int.Parse(Environment.GetEnvironmentVariable("PRESENCE_TEST_OUTAGE") ?? "25", CultureInfo.InvariantCulture)
    );

    [Fact]
    public async Task While_the_database_is_away_for_long_heartbeats_are_answered_commands_are_refused_and_nobody_is_lost()
    {
        await using var folder = DataFolder.Create();
        // A server that the service does not look after.
        var server = await folder.OpenAsync();
        var owner = server.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database);
        var own = server.ConnectionString(EmbeddedPostgres.ServiceRole, EmbeddedPostgres.Database);
        await using var service = await ServiceProcess.StartAsync(["--connection", own, "--Ledger:OwnerConnectionString", owner]);
        using var client = new ServiceClient(service.Url);
        await HeartbeatingAgents.SignInAsync(client, "ana", "ben");
        await using var beats = new Beats(_ => service.Url, ["ana"], TimeSpan.FromSeconds(1));

        await server.DisposeAsync();
        var wentAt = Stopwatch.GetTimestamp();
        var refused = await client.PutAsync("agents/ana/presence", new { statusId = "away" }, "agent:ana");
        Assert.True(refused is { Status: 503, Code: "ledger-unavailable" }, refused.ToString());
        Assert.True(refused.Headers.ContainsKey("Retry-After"));
        Assert.Equal(503, (await client.GetAsync("/health/ready")).Status);
        Assert.Equal(200, (await client.GetAsync("/health/live")).Status);
        await Task.Delay(Outage - Stopwatch.GetElapsedTime(wentAt));
        Assert.Equal([204], beats.Answers.Keys);

        var backAt = DateTimeOffset.UtcNow;
        server = await folder.OpenAsync();
        try
        {
            var accepted = await HeartbeatingAgents.UntilAsync(
                () => client.PutAsync("agents/ana/presence", new { statusId = "away" }, "agent:ana"),
                answer => answer.Status == 200
            );
            Assert.Equal(200, accepted.Status);
            // Ben, who said nothing all the while, has a full timeout from then on, and is lost then.
            await HeartbeatingAgents.UntilAsync(() => client.GetAsync("agents/ben/state"), HeartbeatingAgents.Offline);
            var lost = Assert.Single(await LossesAsync(server));
            Assert.Equal("agent-ben", lost.Stream);
            Assert.True(
                lost.Loss.Deadline >= backAt + HeartbeatingAgents.Timeout,
                $"{lost.Loss} though the database came back at {backAt:O}"
            );
            Assert.Equal([204], beats.Answers.Keys);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<IReadOnlyList<(string Stream, Domain.Agents.ConnectionLost Loss)>> LossesAsync(EmbeddedPostgres server)
    {
        await using var source = DataFolder.Connect(server);
        return await HeartbeatingAgents.LossesAsync(source);
    }
}
