using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Whether anybody hears of it when nothing is sealed any more.</summary>
public sealed class SealingOverdueTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sealing_that_is_overdue_is_unhealthy_on_either_store(bool inEventStore)
    {
        await using var database = await TestPostgres.CreateDatabaseAsync(inEventStore ? await TestEventStore.StartAsync() : null);
        string[] arguments = [.. database.Arguments, "--Seals:Interval", "1"];
        await using (var sealing = await ServiceProcess.StartAsync(arguments))
        {
            using var client = new ServiceClient(sealing.Url);
            await DoneAsync(client, "PUT", "agents/ana", new { units = 100 });
            await DoneAsync(client, "POST", "ledger/seals", null);
            await UntilAsync(client, "\"status\":\"healthy\"");
            Assert.Equal(0, await sealing.StopAsync("TERM"));
        }
        // Nobody has the key any more.
        var nowhere = Path.Combine(Path.GetTempPath(), "presence-ledger-no-keys-" + Guid.NewGuid().ToString("N"));
        await using var service = await ServiceProcess.StartAsync([.. arguments, "--Seals:KeyFolder", nowhere]);
        using var again = new ServiceClient(service.Url);
        await DoneAsync(again, "PUT", "agents/ben", new { units = 100 });

        var ready = await UntilAsync(again, "was not sealed for longer than it should be");

        Assert.Equal(503, ready.Status);
    }

    private static async Task<Answer> UntilAsync(ServiceClient client, string told)
    {
        var ready = await client.GetAsync("/health/ready");
        for (var tries = 0; tries < 1200 && !ready.Text.Contains(told, StringComparison.Ordinal); tries++)
        {
            await Task.Delay(100);
            ready = await client.GetAsync("/health/ready");
        }
        Assert.Contains(told, ready.Text, StringComparison.Ordinal);
        return ready;
    }

    private static async Task DoneAsync(ServiceClient client, string method, string path, object? body)
    {
        var answer = await client.SendAsync(method, path, body, "administrator:root");
        Assert.True(answer.Status == 200, answer.ToString());
    }
}
