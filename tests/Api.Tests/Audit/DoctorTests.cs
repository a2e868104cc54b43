using System.Diagnostics.CodeAnalysis;
using Npgsql;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>A row that is not what the ledger gives: who tells of it.</summary>
[SuppressMessage("Design", "CA1001", Justification = "DisposeAsync does.")]
public sealed class DoctorTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private ServiceProcess _service = null!;
    private ServiceClient _client = null!;

    public async Task InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        _service = await ServiceProcess.StartAsync([.. OpenService.ArgumentsFor(_database), "--Divergence:Every", "0.2"]);
        _client = new ServiceClient(_service.Url);
        foreach (var id in new[] { "ana", "ben" })
        {
            await _client.PutAsync($"agents/{id}", new { units = 100 }, OpenService.Administrator);
            var answer = await _client.PostAsync($"agents/{id}/sign-in", new { connectionId = "main" }, "agent:" + id);
            answer = await _client.GetAsync($"agents/{id}/presence", null, ("Ledger-Position", answer.Headers["Ledger-Position"]));
            Assert.Equal("available", Expect.Status(answer.Json));
        }
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task What_differs_is_told_by_doctor_health_metrics_and_diagnostics_until_a_rebuild_puts_it_right()
    {
        var sound = await DoctorAsync();
        Assert.True(sound.ExitCode == 0, sound.ToString());
        Assert.Contains("2 agents compared", sound.Output, StringComparison.Ordinal);
        Assert.Contains("Nothing differs.", sound.Output, StringComparison.Ordinal);
        await UntilHealthAsync("healthy", check => check.GetProperty("data").GetProperty("checkedAgents").GetInt64() > 1);

        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using (
            var spoil = owner.CreateCommand(
                """update presence_v3.agent set state = jsonb_set(state::jsonb, '{agent,status,statusId}', '"busy"')::json where agent_id = 'ana'"""
            )
        )
            Assert.Equal(1, await spoil.ExecuteNonQueryAsync());

        var found = await DoctorAsync();
        Assert.True(found.ExitCode == 1, found.ToString());
        Assert.Matches("""ana: presence@\d+: state\.agent\.status\.statusId is "busy", by the ledger "available"\n""", found.Output);
        Assert.Contains("1 agents differ.", found.Output, StringComparison.Ordinal);
        Assert.Contains("presence-ledger rebuild", found.Output, StringComparison.Ordinal);
        Assert.Equal((1, 0), ((await DoctorAsync("ana")).ExitCode, (await DoctorAsync("ben")).ExitCode));

        var health = await UntilHealthAsync("degraded", _ => true);
        Assert.Contains("presence-ledger rebuild", health.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("ana: presence@", health.GetProperty("data").GetProperty("first")[0].GetString(), StringComparison.Ordinal);
        Assert.Matches("""presence_ledger_divergence_agents\{[^}]*model="presence"[^}]*\} 1""", (await _client.GetAsync("/metrics")).Text);
        var diagnosed = (await _client.GetAsync("agents/ana/diagnostics", OpenService.Auditor))
            .Json.GetProperty("checks")
            .EnumerateArray()
            .Single(c => c.GetProperty("check").GetString() == "agrees-with-ledger");
        Assert.Equal("fail", diagnosed.GetProperty("result").GetString());
        Assert.Contains("statusId", diagnosed.GetProperty("finding").GetString(), StringComparison.Ordinal);
        Assert.Contains("rebuild", diagnosed.GetProperty("whatToDo").GetString(), StringComparison.Ordinal);

        var rebuilt = await ServiceProcess.RunAsync(["rebuild", .. OpenService.ArgumentsFor(_database)]);
        Assert.True(rebuilt.ExitCode == 0, rebuilt.ToString());
        Assert.Equal(0, (await DoctorAsync()).ExitCode);
        await UntilHealthAsync("healthy", _ => true);
    }

    [Fact]
    public async Task Facts_that_have_ended_and_texts_of_reasons_are_compared_too()
    {
        await _client.PutAsync("agents/ana/presence", new { statusId = "away", reason = new { text = "a headache" } }, "agent:ana");
        var moved = await _client.PutAsync("agents/ana/presence", new { statusId = "available" }, "agent:ana");
        var position = ("Ledger-Position", moved.Headers["Ledger-Position"]);
        const string Report = "reports/historical/agents?agents=ana&bucket=total&from=2020-01-01&to=2100-01-01";
        Assert.Equal(200, (await _client.GetAsync(Report, OpenService.Supervisor, position)).Status);
        Assert.Equal(0, (await DoctorAsync()).ExitCode);

        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using (
            var spoil = owner.CreateCommand(
                $"update {PresenceModel.Schema}.status_interval set status_id = 'busy' where agent_id = 'ana' and status_id = 'away'"
            )
        )
            Assert.Equal(1, await spoil.ExecuteNonQueryAsync());
        await using (var delete = owner.CreateCommand("delete from ledger.reason"))
            Assert.Equal(1, await delete.ExecuteNonQueryAsync());

        var found = await DoctorAsync();

        Assert.True(found.ExitCode == 1, found.ToString());
        Assert.Matches(@"ana: facts@\d+: status_interval\[\d+-\d+\]\.status_id is ""busy"", by the ledger ""away""\n", found.Output);
        Assert.Matches(@"ana: reasons@\d+: text is not there, by the ledger ""given""\n", found.Output);
        Assert.Contains("presence-ledger rebuild", found.Output, StringComparison.Ordinal);
        Assert.Contains("ledger.reason from a backup", found.Output, StringComparison.Ordinal);
        var health = await UntilHealthAsync(
            "degraded",
            check => check.ToString().Contains("presence-ledger rebuild", StringComparison.Ordinal)
        );
        Assert.Contains("status_interval[", health.GetProperty("data").GetProperty("first")[0].GetString(), StringComparison.Ordinal);

        var rebuilt = await ServiceProcess.RunAsync(["rebuild", .. OpenService.ArgumentsFor(_database)]);
        Assert.True(rebuilt.ExitCode == 0, rebuilt.ToString());
        var left = await DoctorAsync();
        Assert.Equal(1, left.ExitCode);
        Assert.DoesNotContain("facts@", left.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_is_not_there_is_no_patient()
    {
        var ended = await DoctorAsync("ana", "nobody");
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("There is no agent 'nobody'", ended.Errors, StringComparison.Ordinal);
    }

    private Task<Ended> DoctorAsync(params string[] agents) =>
        ServiceProcess.RunAsync(["doctor", .. agents, .. OpenService.ArgumentsFor(_database)]);

    private async Task<System.Text.Json.JsonElement> UntilHealthAsync(string status, Func<System.Text.Json.JsonElement, bool> holds)
    {
        for (var tries = 0; ; tries++)
        {
            var ready = await _client.GetAsync("/health/ready");
            Assert.Equal(200, ready.Status);
            var check = ready.Json.GetProperty("checks").EnumerateArray().Single(c => c.GetProperty("name").GetString() == "divergence");
            if (check.GetProperty("status").GetString() == status && holds(check))
                return check;
            Assert.True(tries < 200, $"it is not {status}: {check}");
            await Task.Delay(50);
        }
    }
}
