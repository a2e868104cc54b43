using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>A policy is tried before it is live.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class TryPolicyTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task It_tells_the_scenarios_that_go_otherwise_and_how()
    {
        var scenarios = await ScenariosAsync(new { missedNotificationSetsInactive = false });
        Assert.Equal(CountScenarios(), scenarios.GetProperty("run").GetInt32());
        var items = scenarios.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(items.Length, scenarios.GetProperty("changed").GetInt32());
        Assert.InRange(items.Length, 3, 50);
        Assert.All(items, i => Assert.True(i.GetProperty("holdsNow").GetBoolean(), i.ToString()));
        var broken = items.First(i => !i.GetProperty("holdsThen").GetBoolean());
        Assert.NotEmpty(broken.GetProperty("noLonger").EnumerateArray());
        var change = broken.GetProperty("first")[0];
        Assert.Equal("inactive", change.GetProperty("now").GetProperty("statusId").GetString());
        Assert.Equal("NOT-1", change.GetProperty("now").GetProperty("rule").GetString());
    }

    [Fact]
    public async Task What_a_scenario_itself_says_of_the_policy_holds()
    {
        var changed = (await ScenariosAsync(new { heartbeatTimeout = 100 }))
            .GetProperty("items")
            .EnumerateArray()
            .Select(i => i.GetProperty("name").GetString())
            .ToArray();
        // It is about a timeout of 60 seconds.
        Assert.DoesNotContain("A connection is lost exactly at its deadline", changed);
        Assert.NotEmpty(changed);
    }

    [Fact]
    public async Task The_last_days_are_replayed_with_it_and_nothing_is_recorded()
    {
        var ana = await service.WithConversationAsync(accepted: false);
        await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/miss", null, Routing);
        var inactive = await service.DoneAsync("POST", $"agents/{ana}/presence/reset", null, "agent:" + ana);
        var policy = await _client.GetAsync("policy", Administrator);

        var past = await PastAsync(new { missedNotificationSetsInactive = false }, "agents=" + ana);

        Assert.True(past.GetProperty("complete").GetBoolean());
        Assert.Equal((1, 1), (past.GetProperty("agents").GetInt32(), past.GetProperty("agentsOther").GetInt32()));
        var seconds = past.GetProperty("total").GetProperty("statusSeconds").GetProperty("inactive");
        Assert.Equal(0, seconds.GetProperty("whatIf").GetDouble());
        Assert.Equal(seconds.GetProperty("recorded").GetDouble(), past.GetProperty("otherSeconds").GetDouble(), 6);
        Assert.Equal(1, past.GetProperty("refused").GetProperty("nothing-to-reset").GetInt32());
        var agent = Assert.Single(past.GetProperty("items").EnumerateArray());
        Assert.Equal(ana, agent.GetProperty("agentId").GetString());

        Assert.Equal(policy.Text, (await _client.GetAsync("policy", Administrator)).Text);
        var presence = await _client.GetAsync($"agents/{ana}/presence?minVersion={inactive.GetProperty("version").GetInt64()}");
        Assert.Equal(inactive.GetProperty("version").GetInt64(), presence.Json.GetProperty("version").GetInt64());
    }

    [Fact]
    public async Task A_policy_that_is_no_other_changes_nothing()
    {
        var ana = await service.WithConversationAsync();
        var trial = (await TryAsync(new { }, "agents=" + ana)).Json;
        Assert.Equal(0, trial.GetProperty("scenarios").GetProperty("changed").GetInt32());
        var past = trial.GetProperty("past");
        Assert.Equal((1, 0), (past.GetProperty("agentsLookedAt").GetInt32(), past.GetProperty("agentsOther").GetInt32()));
        Assert.Equal(0, past.GetProperty("otherSeconds").GetDouble());
        Assert.Equal(0, past.GetProperty("otherTransitions").GetInt64());
        Assert.Empty(past.GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task Where_the_time_is_too_short_it_says_how_many_agents_it_looked_at()
    {
        await service.AgentAsync();
        var past = await PastAsync(new { restoreWindow = 10 }, "seconds=0.001");
        Assert.False(past.GetProperty("complete").GetBoolean());
        Assert.True(past.GetProperty("agentsLookedAt").GetInt32() < past.GetProperty("agents").GetInt32());
    }

    [Fact]
    public async Task Supervisors_and_auditors_may_try_and_others_not()
    {
        foreach (var actor in new[] { Supervisor, Auditor, Administrator })
            Assert.Equal(200, (await _client.PostAsync("policy/try?agents=" + await service.AgentAsync(), new { }, actor)).Status);
        foreach (var actor in new[] { "agent:ana", Routing })
            Assert.Equal((403, "forbidden"), Of(await _client.PostAsync("policy/try", new { }, actor)));
    }

    [Fact]
    public async Task What_makes_no_sense_is_said_by_field()
    {
        foreach (
            var (query, field) in new[]
            {
                ("days=0", "days"),
                ("days=32", "days"),
                ("days=x", "days"),
                ("seconds=41", "seconds"),
                ("agents=a%01b", "agents"),
            }
        )
        {
            var answer = await _client.PostAsync("policy/try?" + query, new { }, Supervisor);
            Assert.Equal((400, "validation"), Of(answer));
            Assert.True(answer.Json.GetProperty("errors").TryGetProperty(field, out _), answer.Text);
        }
        Assert.Equal((400, "validation"), Of(await _client.PostAsync("policy/try", new { maxOpenSessions = -1 }, Supervisor)));
        Assert.Equal((400, "validation"), Of(await _client.PostAsync("policy/try", new { misspelt = 1 }, Supervisor)));
        Assert.Equal((404, "agent-unknown"), Of(await _client.PostAsync("policy/try?agents=nobody-at-all", new { }, Supervisor)));
    }

    private async Task<JsonElement> ScenariosAsync(object policy) =>
        (await TryAsync(policy, "seconds=0.001")).Json.GetProperty("scenarios");

    private async Task<JsonElement> PastAsync(object policy, string query) => (await TryAsync(policy, query)).Json.GetProperty("past");

    private async Task<Answer> TryAsync(object policy, string query)
    {
        var answer = await _client.PostAsync("policy/try?" + query, policy, Supervisor);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer;
    }

    private static (int, string?) Of(Answer answer) => (answer.Status, answer.Code);

    private static int CountScenarios() =>
        Directory
            .EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Scenarios"), "*.yaml")
            .Sum(file => File.ReadLines(file).Count(line => line.StartsWith("name:", StringComparison.Ordinal)));
}
