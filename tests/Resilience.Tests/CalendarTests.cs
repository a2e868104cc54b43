using System.Globalization;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>Time zones by the data that the product brings along, on machines that have others or none (TIM-5).</summary>
[Trait("Rule", Rules.Tim5)]
public sealed class CalendarTests
{
    private const string Administrator = "administrator:root";
    private const string Unknown = "Mars/Olympus_Mons";

    [Fact]
    public async Task On_a_machine_without_time_zones_days_end_and_reports_are_cut_as_everywhere()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        var none = Directory.CreateTempSubdirectory("presence-ledger-no-zones-");
        await using var service = await ServiceProcess.StartAsync(database.Arguments, ("TZDIR", none.FullName));
        using var client = new ServiceClient(service.Url);
        await HeartbeatingAgents.DoneAsync(
            client.PutAsync(
                "capacity-profiles/cases",
                new
                {
                    name = "Cases",
                    limit = 1,
                    blocking = true,
                    reset = "end-of-day",
                },
                Administrator
            )
        );
        await HeartbeatingAgents.DoneAsync(
            client.PutAsync("agents/ana", new { profiles = new[] { new { profileId = "cases" } } }, Administrator)
        );
        // In 2026 Vancouver stays at UTC-7, which data of the year before do not know. The next minute is at least ten seconds away.
        var end = DateTimeOffset.UtcNow.AddSeconds(70).ToOffset(TimeSpan.FromHours(-7));
        var time = end.ToString("HH:mm", CultureInfo.InvariantCulture);
        await HeartbeatingAgents.DoneAsync(
            client.PutAsync(
                "policy",
                new { heartbeatTimeout = 3600, endOfDay = new { time, timeZone = "America/Vancouver" } },
                Administrator
            )
        );
        await HeartbeatingAgents.DoneAsync(client.PostAsync("agents/ana/sign-in", new { connectionId = "main" }, "agent:ana"));
        await HeartbeatingAgents.DoneAsync(
            client.PutAsync("agents/ana/conversations/c1", new { profiles = new[] { "cases" } }, "service:routing")
        );
        await HeartbeatingAgents.DoneAsync(client.PostAsync("agents/ana/conversations/c1/accept", null, "agent:ana"));

        var timeline = await HeartbeatingAgents.UntilAsync(
            () => client.GetAsync("agents/ana/timeline?order=desc", Administrator),
            a => a.Text.Contains("\"capacity-reset\"", StringComparison.Ordinal)
        );
        var reset = timeline.Json.GetProperty("items").EnumerateArray().First(e => e.GetProperty("type").GetString() == "capacity-reset");
        var minute = new DateTimeOffset(end.Ticks - end.Ticks % TimeSpan.TicksPerMinute, end.Offset);
        Assert.Equal(minute, reset.GetProperty("occurredAt").GetDateTimeOffset());

        var report = await client.GetAsync(
            "reports/historical/agents?from=2026-11-01&to=2026-11-03&timeZone=America/Vancouver&bucket=day&agents=ana",
            "supervisor:sam"
        );
        Assert.True(report.Status == 200, report.ToString());
        Assert.Equal(
            [new DateTimeOffset(2026, 11, 1, 7, 0, 0, TimeSpan.Zero), new DateTimeOffset(2026, 11, 2, 7, 0, 0, TimeSpan.Zero)],
            report.Json.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("bucketStart").GetDateTimeOffset())
        );
        none.Delete(recursive: true);
    }

    [Fact]
    public async Task A_stored_time_zone_that_is_not_known_stops_the_start_and_no_service_that_runs()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        await using (var service = await ServiceProcess.StartAsync(database.Arguments))
        {
            using var client = new ServiceClient(service.Url);
            await HeartbeatingAgents.DoneAsync(
                client.PutAsync(
                    "capacity-profiles/cases",
                    new
                    {
                        name = "Cases",
                        limit = 9,
                        blocking = false,
                        reset = "end-of-day",
                    },
                    Administrator
                )
            );
            // As a node of another version would.
            await using (var other = await Node.StartAsync(database))
                await other.ConfigureAsync(new AmendPolicy(p => p with { EndOfDay = new EndOfDay(new TimeOnly(18, 0), Unknown) }));
            await HeartbeatingAgents.UntilAsync(() => client.GetAsync("policy"), a => a.Text.Contains(Unknown, StringComparison.Ordinal));
            await HeartbeatingAgents.DoneAsync(
                client.PutAsync("agents/ana", new { profiles = new[] { new { profileId = "cases" } } }, Administrator)
            );
            await HeartbeatingAgents.DoneAsync(client.PostAsync("agents/ana/sign-in", new { connectionId = "main" }, "agent:ana"));
            var assigned = await client.PutAsync("agents/ana/conversations/c1", new { profiles = new[] { "cases" } }, "service:routing");
            Assert.True(assigned.Status == 200, assigned.ToString());
            var presence = await client.GetAsync("agents/ana/presence", null, ("Ledger-Position", assigned.Headers["Ledger-Position"]));
            Assert.True(presence.Status == 200, presence.ToString());
            Assert.DoesNotContain("stands still", (await client.GetAsync("/health/ready")).Text, StringComparison.Ordinal);
        }

        string[] serve = ["serve", "--urls", "http://127.0.0.1:0", .. database.Arguments];
        var refused = await ServiceProcess.RunAsync(serve);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains($"'{Unknown}'", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("--Policy:EndOfDayTimeZone", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(2, (await ServiceProcess.RunAsync([.. serve, "--Policy:EndOfDayTimeZone", "Mars/Arsia_Mons"])).ExitCode);

        await using (
            var mended = await ServiceProcess.StartAsync([.. database.Arguments, "--Policy:EndOfDayTimeZone", "Africa/Casablanca"])
        )
        {
            using var client = new ServiceClient(mended.Url);
            var end = (await client.GetAsync("policy")).Json.GetProperty("endOfDay");
            Assert.Equal(("18:00", "Africa/Casablanca"), (end.GetProperty("time").GetString(), end.GetProperty("timeZone").GetString()));
        }
        await using var again = await ServiceProcess.StartAsync(database.Arguments);
    }
}
