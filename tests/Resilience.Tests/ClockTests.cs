using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Embedded;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Clocks that are wrong, those of nodes and that of the database (TIM-1): real processes, whose time is another.</summary>
[Trait("Rule", Rules.Tim1)]
public sealed class ClockTests
{
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Nodes_whose_clocks_are_wrong_lose_nobody_who_lives_and_record_right()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using var source = NpgsqlDataSource.Create(database.SuperuserConnectionString);
        var began = await NowAsync(source);
        await using var slow = await ServiceProcess.StartAsync(database.Arguments, Faketime.Off("-70"));
        await using var fast = await ServiceProcess.StartAsync(database.Arguments, Faketime.Off("+600"));
        using var onSlow = new ServiceClient(slow.Url);
        using var onFast = new ServiceClient(fast.Url);
        await HeartbeatingAgents.SignInAsync(onSlow, "ana");
        await using var anas = new Beats(_ => slow.Url, ["ana"], Beat);
        await HeartbeatingAgents.SignInAsync(onFast, "cai");
        await using var cais = new Beats(_ => fast.Url, ["cai"], Beat);
        await HeartbeatingAgents.SignInAsync(onSlow, "ben");
        await HeartbeatingAgents.SignInAsync(onFast, "dee");
        // Who sends heartbeats to a node whose clock is wrong lives; who does not is lost.
        await HeartbeatingAgents.UntilAsync(() => onFast.GetAsync("agents/ben/state"), HeartbeatingAgents.Offline);
        await HeartbeatingAgents.UntilAsync(() => onSlow.GetAsync("agents/dee/state"), HeartbeatingAgents.Offline);
        await BeatsAsync(anas, 20);
        await BeatsAsync(cais, 20);

        var losses = await HeartbeatingAgents.LossesAsync(source);
        Assert.Equal(["agent-ben", "agent-dee"], losses.Select(l => l.Stream).Order());
        Assert.All(
            losses,
            l =>
            {
                Assert.Equal(l.Loss.LastSeenAt + HeartbeatingAgents.Timeout, l.Loss.Deadline);
                Assert.Equal(l.Loss.Deadline, l.Loss.OccurredAt);
                Assert.InRange((l.Loss.DetectedAt - l.Loss.Deadline).TotalSeconds, 0, 60);
            }
        );
        Assert.Equal([204], anas.Answers.Keys.Concat(cais.Answers.Keys).Distinct());
        var now = await NowAsync(source);
        Assert.All(await Audit.ReadAsync(source), r => Assert.InRange(r.RecordedAt, began.AddSeconds(-1), now));

        foreach (var (client, ahead) in new[] { (onSlow, -70), (onFast, 600) })
        {
            foreach (var id in new[] { "ana", "cai" })
                await LoginIsSinceAsync(client, source, id);
            var clock = await HealthAsync(client, "clock");
            Assert.Equal("degraded", clock.GetProperty("status").GetString());
            Assert.Equal(ahead, clock.GetProperty("data").GetProperty("ownAheadSeconds").GetDouble(), LedgerClock.LeastExact.TotalSeconds);
            Assert.True((await HealthAsync(client, "ledger")).GetProperty("data").GetProperty("lagSeconds").GetDouble() >= 0);
            var told = (await client.GetAsync("/metrics")).Text.Split('\n').Single(IsMetric).Split(' ')[1..];
            Assert.Contains(told, value => Math.Abs(ahead - double.Parse(value, CultureInfo.InvariantCulture)) < 2);
        }

        static bool IsMetric(string line) => line.StartsWith("presence_ledger_clock_ahead_seconds{", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_that_was_a_day_ahead_and_is_set_right_touches_only_what_it_recorded_meanwhile()
    {
        await using var folder = DataFolder.Create();
        var time = Path.Combine(folder.Path, "time");
        await File.WriteAllTextAsync(time, "+0\n");
        await using var service = await ServiceProcess.StartAsync(
            ["--data", folder.Path, "--Ledger:PostgresBinaries", await BinariesAsync(folder.Path, time)],
            Faketime.By(time)
        );
        await using var server = await folder.OpenAsync();
        await using var source = DataFolder.Connect(server);
        using var client = new ServiceClient(service.Url);
        await HeartbeatingAgents.SignInAsync(client, "ben", "eva");
        var bens = new Beats(_ => service.Url, ["ben", "eva"], Beat);

        await File.WriteAllTextAsync(time, "+86400\n");
        await HeartbeatingAgents.UntilAsync(
            () => client.GetAsync("health", "supervisor:sam"),
            a => Now(a) > DateTimeOffset.UtcNow.AddHours(12)
        );
        await HeartbeatingAgents.SignInAsync(client, "ana");
        await using (new Beats(_ => service.Url, ["ana"], Beat))
            await BeatsAsync(bens, 20);
        Assert.Empty(await HeartbeatingAgents.LossesAsync(source));

        await File.WriteAllTextAsync(time, "+0\n");
        await HeartbeatingAgents.UntilAsync(
            () => client.GetAsync("health", "supervisor:sam"),
            a => Now(a) < DateTimeOffset.UtcNow.AddHours(12)
        );
        await HeartbeatingAgents.SignInAsync(client, "cai");
        await using (new Beats(_ => service.Url, ["cai"], Beat))
        {
            // What was recorded of her stands, and a later change of hers comes after it.
            var set = await client.PutAsync("agents/ana/presence", new { statusId = "away" }, "agent:ana");
            Assert.True(set.Status == 200, set.ToString());
            await BeatsAsync(bens, 10);
            foreach (var id in new[] { "ben", "cai" })
                await LoginIsSinceAsync(client, source, id);
            var row = await RowAsync(client, "cai");
            Assert.True(row.Item.GetProperty("availableSeconds").GetDouble() > 0, row.ToString());
            Assert.InRange(row.Item.GetProperty("offlineSeconds").GetDouble(), 0, 60);
            var clock = await HealthAsync(client, "clock");
            Assert.Equal("degraded", clock.GetProperty("status").GetString());
            Assert.InRange(clock.GetProperty("data").GetProperty("recordedAheadSeconds").GetDouble(), 85_000, 86_400);
            Assert.InRange((await HealthAsync(client, "ledger")).GetProperty("data").GetProperty("lagSeconds").GetDouble(), 0, 60);
        }
        // Nobody who is silent from now on lives until tomorrow, whenever the last heartbeat was.
        await bens.DisposeAsync();
        foreach (var id in new[] { "ben", "eva", "cai" })
            await HeartbeatingAgents.UntilAsync(() => client.GetAsync($"agents/{id}/state"), HeartbeatingAgents.Offline);
        Assert.All(await HeartbeatingAgents.LossesAsync(source), l => Assert.True(l.Loss.OccurredAt < DateTimeOffset.UtcNow, l.ToString()));
    }

    /// <summary>By a report the agent was logged in from the sign-in on up to <c>asOf</c>, which is not after now, to the millisecond.</summary>
    private static async Task LoginIsSinceAsync(ServiceClient client, NpgsqlDataSource source, string agentId)
    {
        var since = (await Audit.ReadAsync(source)).First(r => r.Stream == "agent-" + agentId && r.Type == "agent-signed-in.v1").OccurredAt;
        var before = await NowAsync(source);
        // The report is complete up to a second or so ago.
        var (asOf, item) = await RowAsync(client, agentId);
        Assert.InRange(asOf, before.AddSeconds(-30), await NowAsync(source));
        Assert.Equal((asOf - since).TotalSeconds, item.GetProperty("loginSeconds").GetDouble(), 0.0011);
    }

    private static async Task<(DateTimeOffset AsOf, JsonElement Item)> RowAsync(ServiceClient client, string agentId)
    {
        var from = DateTimeOffset.UtcNow.AddHours(-2).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var to = DateTimeOffset.UtcNow.AddDays(3).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var report = await client.GetAsync(
            $"reports/historical/agents?from={from}&to={to}&bucket=total&agents={agentId}",
            "supervisor:sam"
        );
        Assert.True(report.Status == 200, report.ToString());
        Assert.True(report.Json.GetProperty("conserved").GetBoolean(), report.Text);
        return (report.Json.GetProperty("asOf").GetDateTimeOffset(), report.Json.GetProperty("items")[0]);
    }

    private static async Task<JsonElement> HealthAsync(ServiceClient client, string check)
    {
        var health = await client.GetAsync("health", "supervisor:sam");
        Assert.True(health.Status == 200, health.ToString());
        return health.Json.GetProperty("checks").EnumerateArray().Single(c => c.GetProperty("name").GetString() == check);
    }

    private static DateTimeOffset Now(Answer health) =>
        health
            .Json.GetProperty("checks")
            .EnumerateArray()
            .Single(c => c.GetProperty("name").GetString() == "clock")
            .GetProperty("data")
            .GetProperty("now")
            .GetDateTimeOffset();

    private static async Task<DateTimeOffset> NowAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("select clock_timestamp()");
        return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync())!);
    }

    /// <summary>Waits for so many more heartbeats that were taken.</summary>
    private static async Task BeatsAsync(Beats beats, int count)
    {
        var (began, before) = (Stopwatch.GetTimestamp(), beats.Answers.GetValueOrDefault(204));
        while (beats.Answers.GetValueOrDefault(204) < before + count)
        {
            Assert.True(
                Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(120),
                "Heartbeats are answered with " + string.Join(", ", beats.Answers)
            );
            await Task.Delay(100);
        }
    }

    /// <summary>PostgreSQL's programs, of which the server's time is what a file says.</summary>
    private static async Task<string> BinariesAsync(string folder, string time)
    {
        var real = await RealBinariesAsync();
        var binaries = Directory.CreateDirectory(Path.Combine(folder, "bin")).FullName;
        var environment = string.Join(' ', Faketime.By(time).Select(e => $"{e.Name}='{e.Value}'"));
        foreach (var (name, before) in new[] { ("postgres", environment + " "), ("initdb", "") })
        {
            var script = Path.Combine(binaries, name);
            await File.WriteAllTextAsync(
                script,
                $"#!/bin/sh\n{(before.Length > 0 ? "export " + before : ":")}\nexec '{real}/{name}' \"$@\"\n"
            );
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(script, File.GetUnixFileMode(time) | (UnixFileMode)0b111_101_101);
        }
        return binaries;
    }

    /// <summary>Where the programs are that the tests' own server runs with.</summary>
    private static async Task<string> RealBinariesAsync()
    {
        var server = await TestPostgres.ServerAsync();
        await using var source = NpgsqlDataSource.Create(server.ConnectionString(EmbeddedPostgres.Superuser, "postgres"));
        await using var command = source.CreateCommand("select setting from pg_config where name = 'BINDIR'");
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
