using System.Text.Json;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>What somebody should look at in conversations: STK-3, and the offers of STK-1.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ConflictTests(OpenService service)
{
    private async Task<(string Id, string Position)> HoldingAsync(string name, string queue, string conversation, bool accepted = true)
    {
        var id = await service.SignedInAsync(
            new
            {
                displayName = name,
                units = 100,
                queues = new[] { queue },
            }
        );
        var answer = await service.Client.PutAsync(
            $"agents/{id}/conversations/{conversation}",
            new { units = 40, autoAccept = accepted },
            Routing
        );
        return (id, answer.Headers["Ledger-Position"]);
    }

    private async Task<JsonElement> ReadAsync(string path, string position)
    {
        var answer = await service.Client.SendAsync("GET", path, null, Supervisor, ("Ledger-Position", position));
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json;
    }

    private async Task<JsonElement> CheckAsync(string agentId, string check) =>
        (await service.DoneAsync("GET", $"agents/{agentId}/diagnostics", null, "agent:" + agentId))
            .GetProperty("checks")
            .EnumerateArray()
            .Single(c => c.GetProperty("check").GetString() == check);

    [Fact]
    public async Task A_conversation_that_is_open_with_two_is_shown_with_both_names_wherever_one_looks()
    {
        var (queue, conversation) = (service.NewId("queue"), service.NewId("c"));
        var (ana, _) = await HoldingAsync("Ana Lopez", queue, conversation);
        var (ben, position) = await HoldingAsync("Ben", queue, conversation, accepted: false);
        var agents = new[] { (Id: ana, Name: "Ana Lopez"), (Id: ben, Name: "Ben") }
            .OrderBy(a => a.Id, StringComparer.Ordinal)
            .Select(a => $$"""{"agentId":"{{a.Id}}","displayName":"{{a.Name}}"}""");
        var both = $$"""[{"conversationId":"{{conversation}}","agents":[{{string.Join(',', agents)}}]}]""";

        var report = await ReadAsync("reports/real-time/agents?queue=" + queue, position);
        Assert.Equal(1, report.GetProperty("summary").GetProperty("conflicts").GetInt32());
        foreach (var row in report.GetProperty("items").EnumerateArray())
        {
            Assert.Equal(both, row.GetProperty("conflicts").GetRawText());
            Assert.Equal("""["conflict"]""", row.GetProperty("flags").GetRawText());
            Assert.False(row.GetProperty("stuck").GetBoolean());
        }
        // Whoever is filtered out is in conflict all the same.
        var alone = await ReadAsync($"reports/real-time/agents?queue={queue}&agents={ben}", position);
        Assert.Equal(both, alone.GetProperty("items")[0].GetProperty("conflicts").GetRawText());
        var detail = await ReadAsync($"reports/real-time/agents/{ana}", position);
        Assert.Equal(both, detail.GetProperty("agent").GetProperty("conflicts").GetRawText());
        Assert.Equal("""["conflict"]""", detail.GetProperty("conversations")[0].GetProperty("flags").GetRawText());

        foreach (var (id, other) in new[] { (ana, $"Ben ({ben})"), (ben, $"Ana Lopez ({ana})") })
        {
            var check = await CheckAsync(id, "no-conversation-conflict");
            Assert.Equal("fail", check.GetProperty("result").GetString());
            Assert.Contains($"{conversation} with {other}", check.GetProperty("finding").GetString(), StringComparison.Ordinal);
            var why = await ReadAsync($"routing/eligible?queue={queue}&why={id}", position);
            Assert.Equal(both, why.GetProperty("conflicts").GetRawText());
            // Nothing is decided by it.
            Assert.True(why.GetProperty("eligible").GetBoolean());
        }

        var released = await service.Client.PostAsync(
            $"agents/{ana}/conversations/{conversation}/force-release",
            new { reason = new { text = "Ben has the customer" } },
            Supervisor
        );
        Assert.Equal(200, released.Status);
        report = await ReadAsync("reports/real-time/agents?queue=" + queue, released.Headers["Ledger-Position"]);
        Assert.Equal(0, report.GetProperty("summary").GetProperty("conflicts").GetInt32());
        Assert.All(report.GetProperty("items").EnumerateArray(), row => Assert.Empty(row.GetProperty("flags").EnumerateArray()));
        Assert.Equal("pass", (await CheckAsync(ben, "no-conversation-conflict")).GetProperty("result").GetString());
    }

    [Fact]
    public async Task A_transferred_conversation_is_no_conflict()
    {
        var (queue, conversation) = (service.NewId("queue"), service.NewId("c"));
        var (ana, _) = await HoldingAsync("Ana", queue, conversation);
        var ben = await service.SignedInAsync(new { units = 100, queues = new[] { queue } });
        var transferred = await service.Client.PostAsync(
            $"agents/{ana}/conversations/{conversation}/transfer",
            new { toAgentId = ben },
            Routing
        );
        var report = await ReadAsync("reports/real-time/agents?queue=" + queue, transferred.Headers["Ledger-Position"]);
        Assert.Equal(0, report.GetProperty("summary").GetProperty("conflicts").GetInt32());
        Assert.Equal("pass", (await CheckAsync(ben, "no-conversation-conflict")).GetProperty("result").GetString());
    }

    [Fact]
    public async Task An_offer_that_waits_for_longer_than_the_policy_says_is_flagged()
    {
        var (queue, conversation) = (service.NewId("queue"), service.NewId("c"));
        try
        {
            var policy = await service.DoneAsync("PUT", "policy", new { offerAfterSeconds = 1 }, Administrator);
            Assert.Equal(1, policy.GetProperty("offerAfterSeconds").GetDouble());
            var (ana, position) = await HoldingAsync("Ana", queue, conversation, accepted: false);
            JsonElement row;
            do
            {
                await Task.Delay(50);
                // So that time passes for the report, too.
                position = (await service.Client.PutAsync($"agents/{service.NewId("marker")}", new { }, Administrator)).Headers[
                    "Ledger-Position"
                ];
                row = (await ReadAsync("reports/real-time/agents?queue=" + queue, position)).GetProperty("items")[0];
            } while (row.GetProperty("flags").GetArrayLength() == 0);
            Assert.Equal("""["offer"]""", row.GetProperty("flags").GetRawText());
            Assert.True(row.GetProperty("stuck").GetBoolean());
            Assert.Equal($"""["{conversation}"]""", row.GetProperty("overdueOffers").GetRawText());
            Assert.Equal($"""["{conversation}"]""", row.GetProperty("stuckConversations").GetRawText());
            var check = await CheckAsync(ana, "no-stuck-conversation");
            Assert.Contains(
                "Awaiting acceptance for long: " + conversation,
                check.GetProperty("finding").GetString(),
                StringComparison.Ordinal
            );
            var summary = (await ReadAsync("reports/real-time/agents?queue=" + queue, position)).GetProperty("summary");
            Assert.Equal(1, summary.GetProperty("overdueOffers").GetInt32());

            var accepted = await service.Client.PostAsync($"agents/{ana}/conversations/{conversation}/accept", null, "agent:" + ana);
            row = (await ReadAsync("reports/real-time/agents?queue=" + queue, accepted.Headers["Ledger-Position"])).GetProperty("items")[0];
            Assert.Empty(row.GetProperty("flags").EnumerateArray());
        }
        finally
        {
            await service.DoneAsync("PUT", "policy", new { offerAfterSeconds = 120 }, Administrator);
        }
    }
}
