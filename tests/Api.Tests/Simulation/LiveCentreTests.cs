using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Simulation;

/// <summary><c>simulate --live</c> at a running service.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class LiveCentreTests(OpenService service)
{
    [Fact]
    public async Task Agents_come_work_and_go_home()
    {
        var url = service.Url.GetLeftPart(UriPartial.Authority);
        var ended = await ServiceProcess.RunAsync(["simulate", "--live", "--agents", "20", "--speed", "300", "--for", "8", "--url", url]);
        Assert.True(ended.ExitCode == 0, ended.Errors + ended.Output);
        Assert.Contains("0 failed.", ended.Output, StringComparison.Ordinal);

        foreach (var type in new[] { "agent-signed-in.v1", "conversation-accepted.v1", "conversation-closed.v1", "presence-changed.v1" })
            Assert.True(
                (long)
                    (
                        await service.ScalarAsync(
                            "select count(*) from ledger.event where type = $1 and stream like 'agent-agent-00%'",
                            type
                        )
                    )! > 0,
                type + ": " + ended.Output
            );
        Assert.Contains("0 signed in", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_no_service_is_it_says_so()
    {
        var ended = await ServiceProcess.RunAsync(["simulate", "--live", "--agents", "2", "--url", "http://127.0.0.1:9"]);
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("There is no service at http://127.0.0.1:9/", ended.Errors, StringComparison.Ordinal);
    }
}
