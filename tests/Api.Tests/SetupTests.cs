using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>How the service and its agents are set up, for who looks after them.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class SetupTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task The_settings_of_an_agent_are_what_was_put()
    {
        var ana = await service.AgentAsync(
            new
            {
                units = 80,
                displayName = "Ana",
                queues = new[] { "q1" },
                skills = new object[] { new { skill = "german", proficiency = "native" } },
            }
        );
        var answer = await _client.GetAsync("agents/" + ana, "agent:" + ana);
        Assert.Equal(200, answer.Status);
        Assert.Equal("\"0\"", answer.Headers["ETag"]);
        var settings = answer.Json;
        Assert.Equal("Ana", settings.GetProperty("displayName").GetString());
        Assert.Equal(80, settings.GetProperty("units").GetInt32());
        Assert.Equal("q1", settings.GetProperty("queues")[0].GetString());
        Assert.Equal("native", settings.GetProperty("skills")[0].GetProperty("proficiency").GetString());
        Assert.False(settings.GetProperty("signedIn").GetBoolean());
        Assert.Equal((404, "agent-unknown"), Of(await _client.GetAsync("agents/nobody-at-all", Administrator)));
    }

    [Fact]
    public async Task Who_is_let_in_as_what_is_told_to_those_who_look_after_it()
    {
        var access = await _client.GetAsync("access", Auditor);
        Assert.Equal("open", access.Json.GetProperty("mode").GetString());
        Assert.Equal("roles", access.Json.GetProperty("roleClaim").GetString());
        Assert.Empty(access.Json.GetProperty("roles").EnumerateArray());
        Assert.Equal((403, "forbidden"), Of(await _client.GetAsync("access", "agent:ana")));
    }

    [Fact]
    public async Task Health_is_told_as_the_probe_tells_it()
    {
        var health = await _client.GetAsync("health", Supervisor);
        Assert.Equal((200, "healthy"), (health.Status, health.Json.GetProperty("status").GetString()));
        var ledger = health.Json.GetProperty("checks")[0];
        Assert.Equal("ledger", ledger.GetProperty("name").GetString());
        Assert.Equal("presence", ledger.GetProperty("data").GetProperty("models")[0].GetProperty("name").GetString());
        Assert.Equal((403, "forbidden"), Of(await _client.GetAsync("health", Routing)));
    }

    [Fact]
    public async Task Who_shows_the_configuration_hears_of_a_change_at_once()
    {
        var version = (await _client.GetAsync("configuration")).Json.GetProperty("version").GetInt64();
        var waiting = _client.GetAsync($"configuration?after={version}");
        await service.DoneAsync("PUT", "statuses/" + service.NewId("away-told"), new { text = "Told", @base = "away" }, Administrator);
        // It would wait for 25 s else.
        var told = await waiting.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(told.Json.GetProperty("version").GetInt64() > version);
        Assert.Equal((400, "validation"), Of(await _client.GetAsync("configuration?after=x")));
    }

    [Fact]
    public async Task A_status_that_was_changed_meanwhile_is_not_overwritten()
    {
        var id = service.NewId("away-match");
        await service.DoneAsync("PUT", "statuses/" + id, new { text = "One", @base = "away" }, Administrator);
        var seen = (await _client.GetAsync("statuses")).Headers["ETag"];
        await service.DoneAsync("PUT", "statuses/" + id, new { text = "Two", @base = "away" }, Administrator);
        var late = await _client.PutAsync("statuses/" + id, new { text = "Three", @base = "away" }, Administrator, ("If-Match", seen));
        Assert.Equal((412, "version-conflict"), Of(late));
    }

    private static (int, string?) Of(Answer answer) => (answer.Status, answer.Code);
}
