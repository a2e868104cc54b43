using System.Diagnostics;
using System.Globalization;
using PresenceLedger.Testing;
using Xunit.Abstractions;

namespace PresenceLedger.Resilience.Tests;

/// <summary>The service with the database that it brings along: stopped, killed, and its server killed under it.</summary>
public sealed class RestartTests(ITestOutputHelper output)
{
    private const string Administrator = "administrator:root";

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_stops_service_and_server_cleanly(string signal)
    {
        await using var folder = DataFolder.Create();
        await using var service = await folder.StartAsync();
        Assert.NotNull(folder.ServerProcessId());
        Assert.Equal(0, await service.StopAsync(signal));
        Assert.Null(folder.ServerProcessId());
        Assert.DoesNotContain("fail:", service.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_kill_of_the_service_the_next_one_adopts_the_server_and_has_everything()
    {
        await using var folder = DataFolder.Create();
        int? server;
        string presence;
        await using (var first = await folder.StartAsync())
        {
            using var client = new ServiceClient(first.Url);
            await DoneAsync(client, "PUT", "agents/ana", new { units = 100, displayName = "Ana" }, Administrator);
            await DoneAsync(client, "POST", "agents/ana/sign-in", new { connectionId = "main" }, "agent:ana");
            await DoneAsync(client, "PUT", "agents/ana/presence", new { statusId = "away" }, "agent:ana");
            presence = (await client.GetAsync("agents/ana/state")).Json.GetProperty("presence").GetRawText();
            server = folder.ServerProcessId();
            await first.StopAsync("KILL");
        }
        Assert.Equal(server, folder.ServerProcessId());

        await using var second = await folder.StartAsync();
        Assert.Equal(server, folder.ServerProcessId());
        using var again = new ServiceClient(second.Url);
        Assert.Equal(presence, (await again.GetAsync("agents/ana/state")).Json.GetProperty("presence").GetRawText());
        Assert.Contains("\"Ana\"", (await again.GetAsync("agents")).Text, StringComparison.Ordinal);
        Assert.Equal(0, await second.StopAsync("TERM"));
        Assert.Null(folder.ServerProcessId());
    }

    [Fact]
    public async Task A_restart_that_is_longer_than_the_heartbeat_timeout_is_not_a_loss()
    {
        await using var folder = DataFolder.Create();
        await using (var first = await folder.StartAsync())
        {
            using var client = new ServiceClient(first.Url);
            await DoneAsync(client, "PUT", "policy", new { heartbeatTimeout = 10, heartbeatSeconds = 0.5 }, Administrator);
            foreach (var id in new[] { "ana", "ben" })
            {
                await DoneAsync(client, "PUT", "agents/" + id, new { units = 100 }, Administrator);
                await DoneAsync(client, "POST", $"agents/{id}/sign-in", new { connectionId = "main" }, "agent:" + id);
            }
            await first.StopAsync("KILL");
        }
        // Longer than the timeout, with nobody there to take a heartbeat.
        await Task.Delay(TimeSpan.FromSeconds(10.5));

        await using var second = await folder.StartAsync();
        using var again = new ServiceClient(second.Url);
        var beat = await again.PostAsync("agents/ana/connections/main/heartbeat", null, "agent:ana");
        Assert.True(beat.Status == 204, beat.ToString());
        // Ana is back, and Ben never shows up again: his loss is that of the new timeout, and Ana has none.
        for (var tries = 0; tries < 300 && await StatusAsync(again, "ben") != "offline"; tries++)
        {
            beat = await again.PostAsync("agents/ana/connections/main/heartbeat", null, "agent:ana");
            Assert.True(beat.Status == 204, beat.ToString());
            await Task.Delay(100);
        }
        Assert.Equal("offline", await StatusAsync(again, "ben"));
        Assert.Equal("available", await StatusAsync(again, "ana"));
        Assert.Equal(3, (await again.GetAsync("agents/ana/timeline")).Json.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task A_server_that_is_killed_under_load_comes_back_with_every_acknowledged_command_once()
    {
        await using var folder = DataFolder.Create();
        await using var service = await folder.StartAsync();
        using var load = new Load(_ => service.Url);
        await load.PrepareAsync(agents: 200, clients: 32);
        var before = folder.ServerProcessId();
        var running = load.RunAsync(commands: 8_000, agents: 200, clients: 32);
        while (load.Done < 2_500 && !running.IsCompleted)
            await Task.Delay(10);
        using (var kill = Process.Start("kill", ["-s", "KILL", before!.Value.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        await running;
        output.WriteLine($"{load.Retried} commands had no known outcome at first; {load.Took.TotalSeconds:0.0} s in all.");
        Assert.NotEqual(before, folder.ServerProcessId());
        Assert.True(load.Retried > 0, "nothing was under way at the kill");

        await using var server = await folder.OpenAsync();
        await using var database = DataFolder.Connect(server);
        Audit.AssertSound(await Audit.ReadAsync(database), load);
        await Audit.AssertProjectedAsync(database, await Audit.ReadAsync(database));
    }

    private static async Task<string?> StatusAsync(ServiceClient client, string agentId) =>
        (await client.GetAsync($"agents/{agentId}/state")).Json.GetProperty("presence").GetProperty("statusId").GetString();

    private static async Task DoneAsync(ServiceClient client, string method, string path, object? body, string actor)
    {
        var answer = await client.SendAsync(method, path, body, actor);
        Assert.True(answer.Status == 200, answer.ToString());
    }
}
