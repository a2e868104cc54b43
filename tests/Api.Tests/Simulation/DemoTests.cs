using System.Globalization;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Simulation;

/// <summary><c>serve --demo</c>, smaller than it usually is.</summary>
public sealed class DemoTests
{
    private static readonly string[] Small = ["--demo", "--Demo:Agents", "20", "--Demo:Days", "3", "--Demo:Speed", "100"];

    [Fact]
    public async Task The_service_has_days_behind_it_and_serves_live_changes_and_its_agents_go_home_with_it()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using (var service = await ServiceProcess.StartAsync([.. Small, .. database.Arguments]))
        {
            Assert.Contains("Writing 3 days of 20 agents", service.Output, StringComparison.Ordinal);
            using var stream = await EventStreamClient.OpenAsync(service.Url, headers: ("X-Actor", "supervisor:sue"));
            await stream.SnapshotAsync();
            var changes = new List<StreamEvent>();
            while (!changes.Exists(c => c.Data.GetProperty("type").GetString() == "conversation-accepted"))
                changes.Add(await stream.NextAsync("change"));

            using var client = new ServiceClient(service.Url);
            var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeBySystemTimeZoneId(DateTime.UtcNow, "Europe/Berlin"));
            var (from, to) = (Day(today.AddDays(-3)), Day(today));
            var report = await client.GetAsync(
                $"reports/historical/agents?from={from}&to={to}&timeZone=Europe/Berlin&bucket=total",
                "supervisor:sue",
                ("Ledger-Position", changes[^1].Data.GetProperty("position").GetString()!)
            );
            Assert.True(report.Status == 200, report.ToString());
            Assert.True(report.Json.GetProperty("items").GetArrayLength() > 10, report.ToString());
            var agents = (await client.GetAsync("agents?text=Amara", "supervisor:sue")).Json.GetProperty("items");
            Assert.Equal("Amara Almeida", Assert.Single(agents.EnumerateArray()).GetProperty("displayName").GetString());

            Assert.Equal(0, await service.StopAsync("INT"));
        }

        await using var node = await Node.StartAsync(database);
        for (var n = 1; n <= 20; n++)
            Assert.False((await node.Agents.CurrentAsync($"agent-{n:D4}", CancellationToken.None)).SignedIn, $"agent-{n:D4} is signed in");
    }

    [Fact]
    public async Task A_ledger_of_somebody_else_is_left_alone()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using (var service = await ServiceProcess.StartAsync(database.Arguments))
        {
            using var client = new ServiceClient(service.Url);
            Assert.Equal(200, (await client.PutAsync("agents/ben", new { units = 100 }, "administrator:root")).Status);
        }

        var ended = await ServiceProcess.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. Small, .. database.Arguments]);

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("not one of --demo", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_goes_with_mode_Open_only()
    {
        var ended = await ServiceProcess.RunAsync(
            ["serve", "--urls", "http://127.0.0.1:0", "--connection", "Host=/nowhere;Database=nothing", "--demo"],
            ("Access__Mode", "Jwt"),
            ("Access__Audience", "presence"),
            ("Access__SigningKey", "0123456789012345678901234567890123456789")
        );

        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("--demo goes with Access:Mode=Open", ended.Errors, StringComparison.Ordinal);
    }

    private static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
