using System.Text.Json;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests;

/// <summary>A transaction that somebody forgot in another database of the server holds nobody back: events are numbered (ADR 30).</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ForgottenTransactionTests(OpenService service)
{
    [Fact]
    public async Task Queries_streams_and_a_rebuild_go_on_while_it_is_open()
    {
        await using var forgotten = await ForgottenTransaction.BeginAsync();
        var queue = service.NewId("queue");
        var ana = await service.SignedInAsync(new { units = 100, queues = new[] { queue } });
        using var changes = await EventStreamClient.OpenAsync(service.Url, "agents=" + ana);
        await changes.SnapshotAsync();
        using var wall = await EventStreamClient.OpenAtAsync(
            new Uri(service.Url, $"/api/v1/reports/real-time/agents/stream?actor={OpenService.Supervisor}&queue={queue}"),
            null,
            narrow: false
        );
        await wall.NextAsync("report");

        var set = await service.Client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        (string, string)[] seen = [("Ledger-Position", set.Headers["Ledger-Position"])];

        var version = set.Json.GetProperty("version").GetInt64();
        Assert.Equal("away", Expect.Status(await DoneAsync($"agents/{ana}/presence?minVersion={version}")));
        Assert.Equal([ana], Expect.Ids(await DoneAsync("agents?queue=" + queue, seen), "agentId"));
        Assert.False((await DoneAsync($"routing/eligible?queue={queue}&why={ana}", seen)).GetProperty("eligible").GetBoolean());
        // That she signed in may be told before.
        while (Expect.Status((await changes.NextAsync("change")).Data) != "away") { }
        while (Expect.Status((await wall.NextAsync("rows")).Data.GetProperty("items")[0]) != "away") { }
        var rebuilt = await ServiceProcess.RunAsync(["rebuild", "presence", .. service.Arguments]);
        Assert.True(rebuilt.ExitCode == 0, rebuilt.ToString());
    }

    private async Task<JsonElement> DoneAsync(string path, params (string, string)[] headers)
    {
        var answer = await service.Client.GetAsync(path, OpenService.Supervisor, headers);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json;
    }
}
