using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Simulation;

/// <summary><c>simulate --live</c>, at a service of its own: it adds agents and statuses.</summary>
public sealed class LiveCenterTests
{
    [Fact]
    public async Task Agents_come_work_and_go_home()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        Ended ended;
        await using (var service = await ServiceProcess.StartAsync(database.Arguments))
        {
            var url = service.Url.GetLeftPart(UriPartial.Authority);
            ended = await ServiceProcess.RunAsync(["simulate", "--live", "--agents", "20", "--speed", "300", "--for", "8", "--url", url]);
        }
        Assert.True(ended.ExitCode == 0, ended.Errors + ended.Output);
        var last = ended.Output.Trim().Split('\n')[^1];
        Assert.StartsWith("0 signed in", last, StringComparison.Ordinal);
        Assert.EndsWith(" 0 failed.", last, StringComparison.Ordinal);

        await using var node = await Node.StartAsync(database);
        var events = await node.Log.ReadAllAsync(default, 100_000, CancellationToken.None);
        var types = events.Select(e => e.Record.Type).ToHashSet();
        foreach (var type in new[] { "agent-signed-in.v1", "conversation-accepted.v1", "conversation-closed.v1", "presence-changed.v1" })
            Assert.True(types.Contains(type), $"no {type}: {ended.Output}");
        Assert.Equal(20, events.Where(e => e.Record.Type == "agent-signed-out.v1").Select(e => e.Record.Stream).Distinct().Count());
    }

    [Fact]
    public async Task Where_no_service_is_it_says_so()
    {
        var ended = await ServiceProcess.RunAsync(["simulate", "--live", "--agents", "2", "--url", "http://127.0.0.1:9"]);
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("There is no service at http://127.0.0.1:9/", ended.Errors, StringComparison.Ordinal);
    }
}
