using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Identifiers are the caller's own: whatever is printable goes the whole way through the service, and comes back as it was.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class IdentifierTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    public static TheoryData<string> Unusual =>
        new()
        {
            "auth0|5f7c",
            "SIP/8007",
            "/",
            "Billing 1st line",
            "Jürgen Müller",
            "Анна",
            "a%2Fb",
            "100%",
            "a,b",
            @"DOMAIN\ana",
            "a?b#c&d=e+f",
            "<b>\"'",
            "\U0001F600",
            "...",
        };

    [Theory]
    [MemberData(nameof(Unusual))]
    public async Task An_agent_and_all_that_is_about_it_may_have_any_printable_name(string name)
    {
        var (agent, conversation, queue, connection) = (service.NewId(name), name, "queue " + name, "tab " + name);
        var (path, actor) = ("agents/" + Encode(agent), "agent:" + Encode(agent));
        await service.DoneAsync("PUT", $"statuses/{Encode("away " + agent)}", new { text = "x", @base = "away" }, Administrator);
        await service.DoneAsync("PUT", $"capacity-profiles/{Encode(name)}", new { limit = 2 }, Administrator);
        await service.DoneAsync(
            "PUT",
            path,
            new
            {
                units = 100,
                queues = new[] { queue },
                skills = new[] { new { skill = name } },
                profiles = new[] { new { profileId = name } },
            },
            Administrator
        );
        var signedIn = await service.DoneAsync("POST", path + "/sign-in", new { connectionId = connection }, actor);
        Assert.Equal((agent, connection), (Text(signedIn, "agentId"), Text(signedIn, "connectionId")));
        Assert.Equal(204, (await _client.PostAsync($"{path}/connections/{Encode(connection)}/heartbeat", null, actor)).Status);
        await service.DoneAsync(
            "PUT",
            $"{path}/conversations/{Encode(conversation)}",
            new
            {
                units = 10,
                channel = name,
                queue,
                workstream = name,
                profiles = new[] { name },
            },
            Routing
        );
        var accepted = await _client.PostAsync(
            $"{path}/conversations/{Encode(conversation)}/accept",
            null,
            actor,
            ("X-Connection", Encode(connection))
        );
        Assert.True(accepted.Status == 200, accepted.ToString());
        Assert.Equal(conversation, Text(accepted.Json.GetProperty("conversations")[0], "conversationId"));
        var last = await service.DoneAsync("PUT", path + "/presence", new { statusId = "away " + agent }, actor);
        var minVersion = last.GetProperty("version").GetInt64();

        // Each way to read it.
        Assert.Equal("away " + agent, Text(await GetAsync($"{path}/presence?minVersion={minVersion}"), "statusId"));
        var entry = (await GetAsync($"{path}/timeline?order=desc&limit=1&minVersion={minVersion}")).GetProperty("items")[0];
        Assert.Equal(agent, Text(entry.GetProperty("actor"), "id"));
        Assert.Equal(agent, Text((await GetAsync($"{path}/state")).GetProperty("presence"), "agentId"));
        Assert.Equal(agent, Text(await GetAsync($"{path}/diagnostics"), "agentId"));
        Assert.Equal(agent, Text(await GetAsync($"{path}/verify"), "agentId"));
        Assert.Contains(agent, Expect.Ids(await GetAsync($"agents?queue={Encode(queue)}&skill={Encode(name)}"), "agentId"));
        var listed = Encode(agent.Replace(",", "\\,", StringComparison.Ordinal));
        var report = await GetAsync(
            $"reports/historical/agents?from=2026-01-01&to=2999-01-01&bucket=total&agents={listed},{listed}&queues={Encode(queue.Replace(",", "\\,", StringComparison.Ordinal))}"
        );
        var item = Assert.Single(report.GetProperty("items").EnumerateArray());
        Assert.Equal(agent, Text(item, "agentId"));
        Assert.Equal(1, item.GetProperty("engagedSessions").GetInt32());
        Assert.Equal(agent, Text((await GetAsync($"reports/real-time/agents?agents={listed}")).GetProperty("items")[0], "agentId"));
        Assert.NotEmpty((await GetAsync($"reports/historical/agents/{Encode(agent)}/statuses")).GetProperty("items").EnumerateArray());
        var evidence = await _client.GetAsync($"{path}/evidence", Auditor);
        Assert.Equal(200, evidence.Status);
        Assert.Contains("filename", evidence.Headers["Content-Disposition"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_percent_sign_of_a_name_is_not_taken_for_an_encoded_slash()
    {
        var id = service.NewId("p");
        await service.DoneAsync("PUT", $"agents/{id}%2Fb", new { units = 1 }, Administrator);
        await service.DoneAsync("PUT", $"agents/{id}%252Fb", new { units = 2 }, Administrator);

        Assert.Equal($"{id}/b", Text(await GetAsync($"agents/{id}%2fb"), "agentId"));
        Assert.Equal(1, (await GetAsync($"agents/{id}%2Fb")).GetProperty("units").GetInt32());
        Assert.Equal($"{id}%2Fb", Text(await GetAsync($"agents/{id}%252Fb"), "agentId"));
        Assert.Equal(2, (await GetAsync($"agents/{id}%252Fb")).GetProperty("units").GetInt32());
    }

    [Fact]
    public async Task Two_ways_to_write_a_name_are_one_agent_and_case_makes_two()
    {
        var id = service.NewId("J\u00FCrgen");
        await service.DoneAsync("PUT", "agents/" + Encode(id), new { units = 100 }, Administrator);
        var decomposed = id.Replace("\u00FC", "u\u0308", StringComparison.Ordinal);

        var presence = await service.DoneAsync("POST", $"agents/{Encode(decomposed)}/sign-in", null, "agent:" + Encode(decomposed));
        await service.DoneAsync("PUT", $"agents/{Encode(id)}/conversations/c", new { queue = "Bu\u0308ro" }, Routing);

        Assert.Equal(id, Text(presence, "agentId"));
        Assert.Equal(
            "B\u00FCro",
            Text((await GetAsync($"agents/{Encode(decomposed)}/state")).GetProperty("presence").GetProperty("conversations")[0], "queue")
        );
        Assert.Equal(404, (await _client.GetAsync("agents/" + Encode(id.ToUpperInvariant()))).Status);
    }

    [Fact]
    public async Task A_stream_of_events_is_of_one_agent_whatever_its_name()
    {
        var id = service.NewId("Sales, Füssen/");
        await service.DoneAsync("PUT", "agents/" + Encode(id), new { units = 100 }, Administrator);
        // Waits until it is there to read.
        await GetAsync($"agents/{Encode(id)}/presence?minVersion=0");
        using var http = new HttpClient();
        using var response = await http.GetAsync(
            new Uri(service.Url, "/api/v1/stream?agents=" + Encode(id.Replace(",", "\\,", StringComparison.Ordinal))),
            HttpCompletionOption.ResponseHeadersRead
        );
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("event: snapshot", await reader.ReadLineAsync());
        string? data;
        while ((data = await reader.ReadLineAsync())?.StartsWith("data: ", StringComparison.Ordinal) == false) { }
        Assert.Equal([id], JsonElement.Parse(data![6..]).GetProperty("items").EnumerateArray().Select(i => Text(i, "agentId")));
    }

    [Theory]
    [InlineData("agent:%2")]
    [InlineData("agent:%C3")]
    [InlineData("agent:a%E2%80%AE")]
    [InlineData("agent:%20a")]
    public async Task An_actor_that_cannot_be_read_is_nobody(string actor) =>
        Expect.Problem(await _client.GetAsync("agents", actor), 401, "unauthorized");

    private static string Encode(string text) => Uri.EscapeDataString(text);

    private static string? Text(JsonElement element, string member) => element.GetProperty(member).GetString();

    private async Task<JsonElement> GetAsync(string path)
    {
        var answer = await _client.GetAsync(path, Auditor);
        Assert.True(answer.Status == 200, $"{path}: {answer}");
        return answer.Json;
    }
}
