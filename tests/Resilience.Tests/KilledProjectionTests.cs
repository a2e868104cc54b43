using System.Diagnostics;
using System.Globalization;
using Npgsql;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>A node that dies while it keeps the facts, again and again.</summary>
public sealed class KilledProjectionTests
{
    /// <summary>How often; PRESENCE_TEST_KILLS=50 takes two minutes.</summary>
    private static readonly int Kills = int.Parse(
        Environment.GetEnvironmentVariable("PRESENCE_TEST_KILLS") ?? "2",
        CultureInfo.InvariantCulture
    );

    [Fact]
    public async Task Facts_are_those_of_a_rebuild_though_the_node_was_killed_in_the_middle_of_pages()
    {
        await using var database = await Node.CreateDatabaseAsync();
        var simulated = await ServiceProcess.RunAsync([
            "simulate",
            "--agents",
            "25",
            "--days",
            "30",
            "--seed",
            "5",
            "--start",
            "2026-03-15",
            "--connection",
            database.SuperuserConnectionString,
        ]);
        Assert.True(simulated.ExitCode == 0, simulated.Errors);
        await using var owner = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        var random = new Random(3);
        var inTheMiddle = 0;

        for (var kill = 0; kill < Kills; kill++)
        {
            await using var service = await ServiceProcess.StartAsync(database.Arguments);
            // A transaction of the facts is open: rows are written, the checkpoint is not committed.
            var wait = Stopwatch.GetTimestamp();
            while (!await IsWritingAsync(owner) && Stopwatch.GetElapsedTime(wait) < TimeSpan.FromSeconds(5)) { }
            await Task.Delay(random.Next(20));
            inTheMiddle += await IsWritingAsync(owner) ? 1 : 0;
            // And is killed.
        }
        await using (var service = await ServiceProcess.StartAsync(database.Arguments))
            await CaughtUpAsync(owner);

        Assert.True(inTheMiddle > Kills / 2, $"only {inTheMiddle} of {Kills} times a page was under way");
        var facts = await ProjectedFacts.DumpAsync(owner);
        await using var node = await Node.StartAsync(database);
        await using var again = await ProjectedFacts.OfAsync(database, node, pageSize: 3000);
        Assert.True(facts.Length > 1_000_000);
        Assert.Equal(await again.DumpAsync(), facts);
    }

    private static async Task<bool> IsWritingAsync(NpgsqlDataSource owner)
    {
        await using var command = owner.CreateCommand(
            """
            select exists (
                select from pg_stat_activity a join pg_locks l using (pid) join pg_class c on c.oid = l.relation
                join pg_namespace n on n.oid = c.relnamespace
                where a.datname = current_database() and n.nspname like 'presence_v%' and l.mode = 'RowExclusiveLock'
            )
            """
        );
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    private static async Task CaughtUpAsync(NpgsqlDataSource owner)
    {
        var began = Stopwatch.GetTimestamp();
        await using var command = owner.CreateCommand(
            """
            select (select position from read.read_model where name = 'presence' and place = 'live')
                >= (select max(position) from ledger.event)
            """
        );
        while (await command.ExecuteScalarAsync() is not true)
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(2), "The facts do not catch up.");
            await Task.Delay(50);
        }
    }
}
