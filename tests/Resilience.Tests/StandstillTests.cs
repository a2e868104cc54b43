using System.Diagnostics;
using Npgsql;
using PresenceLedger.Ledger.Heartbeats;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Restarts are not losses (CON-8): a process that stood still.</summary>
public sealed class StandstillTests
{
    [Fact]
    public async Task A_service_that_stood_still_for_longer_than_the_timeout_loses_nobody()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var service = await ServiceProcess.StartAsync(database.Arguments);
        using var client = new ServiceClient(service.Url);
        await HeartbeatingAgents.SignInAsync(client, "ana", "ben");
        await using (new Beats(_ => service.Url, ["ana", "ben"], TimeSpan.FromSeconds(1)))
        {
            await SignalAsync(service, "STOP");
            // The pause is what is tested.
            await Task.Delay(HeartbeatingAgents.Timeout + Leases.Standstill);
        }
        var wentOnAt = DateTimeOffset.UtcNow;
        await SignalAsync(service, "CONT");

        await using var beats = new Beats(_ => service.Url, ["ana"], TimeSpan.FromSeconds(1));
        await HeartbeatingAgents.UntilAsync(() => client.GetAsync("agents/ben/state"), HeartbeatingAgents.Offline);

        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        var lost = Assert.Single(await HeartbeatingAgents.LossesAsync(source));
        Assert.Equal("agent-ben", lost.Stream);
        Assert.True(
            lost.Loss.Deadline >= wentOnAt + HeartbeatingAgents.Timeout - TimeSpan.FromMilliseconds(1),
            $"{lost.Loss} though it went on at {wentOnAt:O}"
        );
    }

    private static async Task SignalAsync(ServiceProcess service, string signal)
    {
        using var kill = Process.Start("kill", ["-s", signal, service.ProcessId.ToString(null, null)]);
        await kill.WaitForExitAsync();
    }
}
