using Npgsql;
using PresenceLedger.Testing;
using Xunit.Abstractions;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Many clients, two services, one database; and what is left of it when a service is killed.</summary>
public sealed class ConcurrencyTests(ITestOutputHelper output)
{
    private const int Agents = 500;
    private const int Clients = 64;

    [Fact]
    public async Task Twenty_thousand_commands_through_two_services_leave_one_sound_ledger()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var first = await StartAsync(database);
        await using var second = await StartAsync(database);
        using var load = new Load(n => n % 2 == 0 ? first.Url : second.Url);
        await load.PrepareAsync(Agents, Clients);
        await load.RunAsync(commands: 20_000, Agents, Clients);
        output.WriteLine(
            $"{20_000 / load.Took.TotalSeconds:0} commands/s, p50 {load.Percentile(0.5):0.0} ms, p99 {load.Percentile(0.99):0.0} ms, "
                + $"{load.Events.Count} events, refused: {string.Join(", ", load.Refusals.Select(r => $"{r.Key} {r.Value}"))}"
        );
        await AssertSoundAsync(database, load);
        Assert.True(load.Events.Count > 5_000, "the load is not a load");
    }

    [Fact]
    public async Task A_service_that_is_killed_loses_nothing_that_it_acknowledged_and_records_nothing_twice()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var first = await StartAsync(database);
        await using var second = await StartAsync(database);
        var killed = false;
        using var load = new Load(n => n % 2 == 0 || Volatile.Read(ref killed) ? first.Url : second.Url);
        await load.PrepareAsync(Agents, Clients);
        var running = load.RunAsync(commands: 12_000, Agents, Clients);
        while (load.Done < 4_000 && !running.IsCompleted)
            await Task.Delay(10);
        await second.StopAsync("KILL");
        Volatile.Write(ref killed, true);
        await running;
        output.WriteLine($"{load.Retried} commands had no known outcome at first.");
        await AssertSoundAsync(database, load);
        Assert.True(load.Retried > 0, "nothing was under way at the kill");
    }

    private static async Task AssertSoundAsync(TestDatabase database, Load load)
    {
        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        await Audit.AssertSoundAsync(source, load);
        await Audit.AssertProjectedAsync(source);
    }

    private static Task<ServiceProcess> StartAsync(TestDatabase database) =>
        ServiceProcess.StartAsync([
            "--connection",
            database.ServiceConnectionString,
            "--Ledger:OwnerConnectionString",
            database.SuperuserConnectionString,
        ]);
}
