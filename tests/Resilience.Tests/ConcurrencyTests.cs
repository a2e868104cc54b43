using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Testing;
using Xunit.Abstractions;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Many clients, two services, one ledger; and what is left of it when a service is killed.</summary>
public abstract class ConcurrencyTests(ITestOutputHelper output)
{
    private protected const int Agents = 500;
    private protected const int Clients = 64;

    /// <summary>How many commands are a load.</summary>
    protected virtual int Commands => 20_000;

    protected abstract Task<TestDatabase> OpenAsync();

    /// <summary>Everything in the ledger, each stream in order.</summary>
    protected abstract Task<List<EventRecord>> ReadAsync(TestDatabase database);

    /// <summary>What happens to the log in the middle of the load.</summary>
    protected virtual Task DisturbAsync() => Task.CompletedTask;

    [Fact]
    public async Task Thousands_of_commands_through_two_services_leave_one_sound_ledger()
    {
        await using var database = await OpenAsync();
        await using var first = await StartAsync(database);
        await using var second = await StartAsync(database);
        await KeepConnectionsAsync(first);
        using var load = new Load(n => n % 2 == 0 ? first.Url : second.Url);
        await load.PrepareAsync(Agents, Clients);
        var running = load.RunAsync(Commands, Agents, Clients);
        await UntilAsync(load, Commands / 3, running);
        await DisturbAsync();
        await running;
        Say(load, Commands);
        await AssertSoundAsync(database, load);
        Assert.True(load.Events.Count > Commands / 4, "the load is not a load");
    }

    [Fact]
    public async Task A_service_that_is_killed_loses_nothing_that_it_acknowledged_and_records_nothing_twice()
    {
        var commands = Commands * 3 / 5;
        await using var database = await OpenAsync();
        await using var first = await StartAsync(database);
        await using var second = await StartAsync(database);
        await KeepConnectionsAsync(first);
        var killed = false;
        using var load = new Load(n => n % 2 == 0 || Volatile.Read(ref killed) ? first.Url : second.Url);
        await load.PrepareAsync(Agents, Clients);
        var running = load.RunAsync(commands, Agents, Clients);
        await UntilAsync(load, commands / 3, running);
        await second.StopAsync("KILL");
        Volatile.Write(ref killed, true);
        await running;
        output.WriteLine($"{load.Retried} commands had no known outcome at first.");
        Say(load, commands);
        await AssertSoundAsync(database, load);
        Assert.True(load.Retried > 0, "nothing was under way at the kill");
    }

    private static async Task UntilAsync(Load load, int done, Task running)
    {
        while (load.Done < done && !running.IsCompleted)
            await Task.Delay(10);
    }

    private void Say(Load load, int commands) =>
        output.WriteLine(
            $"{commands / load.Took.TotalSeconds:0} commands/s, p50 {load.Percentile(0.5):0.0} ms, p99 {load.Percentile(0.99):0.0} ms, "
                + $"{load.Retried} retried, {load.Events.Count} events, refused: "
                + string.Join(", ", load.Refusals.Select(r => $"{r.Key} {r.Value}"))
        );

    private async Task AssertSoundAsync(TestDatabase database, Load load)
    {
        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        Audit.AssertSound(await ReadAsync(database), load);
        await Audit.AssertProjectedAsync(source, await ReadAsync(database));
    }

    /// <summary>Nobody sends heartbeats here, and nobody is to be lost however long it takes.</summary>
    private static async Task KeepConnectionsAsync(ServiceProcess service)
    {
        using var client = new ServiceClient(service.Url);
        await HeartbeatingAgents.DoneAsync(client.PutAsync("policy", new { heartbeatTimeout = 3600 }, "administrator:root"));
    }

    private static Task<ServiceProcess> StartAsync(TestDatabase database) => ServiceProcess.StartAsync(database.Arguments);
}
