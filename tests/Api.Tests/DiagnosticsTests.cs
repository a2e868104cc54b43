using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Why presence does not load: each prerequisite fails alone, and says what to do (DIA-2).</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class DiagnosticsTests(OpenService service)
{
    private static readonly string[] Checks =
    [
        "authenticated",
        "persona-mapped",
        "agent-registered",
        "default-presence-valid",
        "capacity-configured",
        "connection-alive",
        "heartbeats-on-time",
        "no-stuck-conversation",
        "no-conversation-conflict",
        "connection-stable",
        "agrees-with-ledger",
    ];

    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task Everything_passes_for_an_agent_who_is_well() =>
        await AssertFailingAsync(await service.WithConversationAsync(conversationId: service.NewId("c")));

    [Fact]
    public async Task An_agent_who_is_not_registered_fails_so_and_is_no_error() =>
        await AssertFailingAsync(
            service.NewId("nobody"),
            "agent-registered",
            "capacity-configured",
            "connection-alive",
            "heartbeats-on-time"
        );

    [Fact]
    public async Task An_agent_who_is_not_signed_in_fails_so() =>
        await AssertFailingAsync(await service.AgentAsync(), "connection-alive", "heartbeats-on-time");

    [Fact]
    public async Task An_agent_without_capacity_fails_so() =>
        await AssertFailingAsync(await service.SignedInAsync(new { displayName = "No capacity" }), "capacity-configured");

    [Fact]
    public async Task An_agent_whose_default_was_retired_fails_so()
    {
        var status = service.NewId("away-retired");
        await service.DoneAsync("PUT", "statuses/" + status, new { text = "Gone", @base = "away" }, Administrator);
        var ana = await service.SignedInAsync(new { units = 10, defaultStatusId = status });
        await service.DoneAsync("POST", $"statuses/{status}/retire", null, Administrator);
        await AssertFailingAsync(ana, "default-presence-valid");
    }

    [Fact]
    public async Task Heartbeats_that_are_late_and_a_conversation_that_is_stuck_fail_so()
    {
        var ana = await service.WithConversationAsync(conversationId: service.NewId("c"));
        try
        {
            // Two intervals, and the threshold, are over after the shortest moment.
            await service.DoneAsync("PUT", "policy", new { heartbeatSeconds = 0.1 }, Administrator);
            await EventuallyFailingAsync(ana, "heartbeats-on-time");
            await service.DoneAsync("PUT", "policy", new { heartbeatSeconds = 15, stuckAfterSeconds = new { chat = 0.2 } }, Administrator);
            await EventuallyFailingAsync(ana, "no-stuck-conversation");
        }
        finally
        {
            await service.DoneAsync("PUT", "policy", """{"heartbeatSeconds":15,"stuckAfterSeconds":{"chat":null}}""", Administrator);
        }
    }

    [Fact]
    public async Task Connections_that_are_lost_and_regained_too_often_fail_so_and_are_counted()
    {
        var ana = await service.SignedInAsync();
        try
        {
            await service.DoneAsync("PUT", "policy", new { flappingTimes = 1, refreshGrace = 0 }, Administrator);
            for (var times = 0; times < 2; times++)
            {
                await AssertFailingAsync(ana);
                await service.DoneAsync("DELETE", $"agents/{ana}/connections/main", null, "agent:" + ana);
                await EventuallyAsync(async () => (await FailingAsync(ana)).Contains("connection-alive"));
                await service.DoneAsync("POST", $"agents/{ana}/sign-in", new { connectionId = "main" }, "agent:" + ana);
            }
            await AssertFailingAsync(ana, "connection-stable");
            Assert.Matches(@"(?m)^presence_ledger_connections_flapping_total\S* [1-9]", (await _client.GetAsync("/metrics")).Text);
        }
        finally
        {
            await service.DoneAsync("PUT", "policy", new { flappingTimes = 3, refreshGrace = 10 }, Administrator);
        }
    }

    private static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        for (var tries = 0; tries < 100 && !await holds(); tries++)
            await Task.Delay(50);
        Assert.True(await holds());
    }

    private async Task EventuallyFailingAsync(string agentId, string check)
    {
        await EventuallyAsync(async () => (await FailingAsync(agentId)).Contains(check));
        await AssertFailingAsync(agentId, check);
    }

    private async Task<string[]> FailingAsync(string agentId) =>
        [
            .. (await _client.GetAsync($"agents/{agentId}/diagnostics"))
                .Json.GetProperty("checks")
                .EnumerateArray()
                .Where(c => c.GetProperty("result").GetString() == "fail")
                .Select(c => c.GetProperty("check").GetString()!),
        ];

    private async Task AssertFailingAsync(string agentId, params string[] failing)
    {
        var answer = await _client.GetAsync($"agents/{agentId}/diagnostics", Auditor);
        Assert.Equal(200, answer.Status);
        var checks = answer.Json.GetProperty("checks").EnumerateArray().ToArray();
        Assert.Equal(Checks, checks.Select(c => c.GetProperty("check").GetString()));
        Assert.Equal(
            failing,
            checks.Where(c => c.GetProperty("result").GetString() != "pass").Select(c => c.GetProperty("check").GetString())
        );
        Assert.Equal(failing.Length == 0, answer.Json.GetProperty("healthy").GetBoolean());
        Assert.All(checks, c => Assert.NotEmpty(c.GetProperty("finding").GetString()!));
        Assert.All(
            checks,
            c => Assert.Equal(c.GetProperty("result").GetString() == "fail", c.GetProperty("whatToDo").ValueKind == JsonValueKind.String)
        );
    }
}
