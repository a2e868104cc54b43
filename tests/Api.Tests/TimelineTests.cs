using System.Globalization;
using System.Text.RegularExpressions;
using PresenceLedger.Ledger;
using PresenceLedger.Testing;
using Snapshooter.Xunit;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>The audit: the timeline, explained, and the state as it was.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed partial class TimelineTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task An_entry_has_the_shape_of_the_contract()
    {
        var ana = await service.WithConversationAsync();
        var entry = (await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        var members = entry.EnumerateObject().Select(p => p.Name).ToArray();
        string[] contract =
        [
            "version",
            "position",
            "eventId",
            "type",
            "occurredAt",
            "recordedAt",
            "actor",
            "causationId",
            "correlationId",
            "from",
            "to",
            "rule",
            "explanation",
            "data",
            "hash",
        ];
        Assert.Empty(contract.Except(members));
        Assert.Equal("presence-changed", entry.GetProperty("type").GetString());
        Assert.Equal("CAP-2", entry.GetProperty("rule").GetString());
        Assert.Equal("""{"statusId":"available","base":"available","origin":"default"}""", entry.GetProperty("from").GetRawText());
        Assert.Equal("""{"statusId":"busy","base":"busy","origin":"capacity"}""", entry.GetProperty("to").GetRawText());
        Assert.Equal(
            "Conversation c1 was accepted; 40 of 100 units are in use, so the status is Busy.",
            entry.GetProperty("explanation").GetString()
        );
        Assert.Matches("^[0-9a-f]{64}$", entry.GetProperty("hash").GetString());
        Assert.Matches(@"^\d+$", entry.GetProperty("position").GetString());
        Assert.True(LogPosition.TryParse(entry.GetProperty("position").GetString(), out _));
    }

    [Fact]
    public async Task A_told_story_is_explained_event_by_event()
    {
        var (ana, ben) = (service.NewId("story-ana"), service.NewId("story-ben"));
        var training = service.NewId("story-training");
        await StepAsync("PUT", $"statuses/{training}", new { text = "In training", @base = "away" }, Administrator);
        // Used before, so that no version of the configuration comes about in the middle of the story.
        var other = await service.SignedInAsync();
        await service.DoneAsync("PUT", $"agents/{other}/presence", new { statusId = training }, Supervisor);
        for (var tries = 0; tries < 100 && !await IsUsedAsync(training); tries++)
            await Task.Delay(50);
        Assert.True(await IsUsedAsync(training));
        foreach (var id in new[] { ana, ben })
            await StepAsync("PUT", $"agents/{id}", new { units = 100, displayName = "Somebody" }, Administrator);
        await StepAsync("POST", $"agents/{ana}/sign-in", new { connectionId = "desk", client = "desk 1.0" }, "agent:" + ana);
        await StepAsync("POST", $"agents/{ana}/sign-in", new { connectionId = "phone" }, "agent:" + ana);
        await StepAsync(
            "PUT",
            $"agents/{ana}/conversations/c1",
            new
            {
                units = 60,
                channel = "chat",
                queue = "q1",
            },
            Routing
        );
        await StepAsync("POST", $"agents/{ana}/conversations/c1/accept", null, "agent:" + ana);
        await StepAsync("PUT", $"agents/{ana}/conversations/c2", new { units = 60, autoAccept = true }, Supervisor);
        await StepAsync("POST", $"agents/{ana}/conversations/c2/wait", null, Routing);
        await StepAsync("POST", $"agents/{ana}/conversations/c2/resume", null, Routing);
        await StepAsync("POST", $"agents/{ana}/conversations/c2/transfer", new { toAgentId = ben }, "agent:" + ana);
        await StepAsync("POST", $"agents/{ana}/conversations/c1/wrap-up", null, "agent:" + ana);
        await StepAsync("POST", $"agents/{ana}/conversations/c1/close", null, "agent:" + ana);
        await StepAsync("PUT", $"agents/{ana}/conversations/c3", new { wrapUp = new { policy = "dont-block" } }, Routing);
        await StepAsync("POST", $"agents/{ana}/conversations/c3/miss", null, Routing);
        await StepAsync("POST", $"agents/{ana}/presence/reset", null, "agent:" + ana);
        await StepAsync("PUT", $"agents/{ana}/conversations/c4", new { }, Routing);
        await StepAsync("POST", $"agents/{ana}/conversations/c4/reject", null, "agent:" + ana);
        await StepAsync(
            "PUT",
            $"agents/{ana}/presence",
            new { statusId = training, reason = new { code = "plan", text = "Thursday's course" } },
            Supervisor
        );
        await StepAsync("PUT", $"agents/{ana}/consults/c9", new { mode = "consult" }, "agent:" + ana);
        await StepAsync("DELETE", $"agents/{ana}/consults/c9", null, "agent:" + ana);
        await StepAsync("PUT", $"agents/{ana}/conversations/c5", new { autoAccept = true }, Routing);
        await StepAsync("POST", $"agents/{ana}/conversations/c5/force-release", new { reason = new { code = "stuck" } }, Supervisor);
        await StepAsync("PUT", $"agents/{ana}", new { units = 0 }, Administrator);
        await StepAsync("DELETE", $"agents/{ana}/connections/phone", null, "agent:" + ana);
        await StepAsync("POST", $"agents/{ana}/sign-out", null, "agent:" + ana);
        await StepAsync("POST", $"agents/{ana}/sign-in", new { connectionId = "desk" }, "agent:" + ana);

        var hers = await _client.GetAsync($"agents/{ana}/timeline");
        var his = await _client.GetAsync($"agents/{ben}/timeline");
        var story = new Placeholders((ana, "ana"), (ben, "ben"), (training, "away-training")).Replace(
            Expect.Indented(new { ana = hers.Json.GetProperty("items"), ben = his.Json.GetProperty("items") })
        );
        story.MatchSnapshot();
    }

    [Fact]
    public async Task The_timeline_is_paged_and_ordered_both_ways()
    {
        var ana = await service.WithConversationAsync();
        var all = await VersionsAsync($"agents/{ana}/timeline");
        Assert.Equal(Enumerable.Range(0, 6).Select(n => (long)n), all);
        Assert.Equal(all, await PagedAsync($"agents/{ana}/timeline?limit=4"));
        Assert.Equal(all.Reverse(), await PagedAsync($"agents/{ana}/timeline?limit=4&order=desc"));
        Assert.Equal(all, await PagedAsync($"agents/{ana}/timeline?limit=3&order=asc"));
    }

    [Fact]
    public async Task From_and_to_are_half_open_and_by_when_events_took_effect()
    {
        var ana = await service.AgentAsync();
        // Two more instants, each later than the one before it.
        await AfterAsync(ana, "POST", "sign-in");
        await AfterAsync(ana, "POST", "sign-out");
        var entries = (await _client.GetAsync($"agents/{ana}/timeline")).Json.GetProperty("items").EnumerateArray().ToArray();
        var instants = entries.Select(e => e.GetProperty("occurredAt").GetString()!).ToArray();
        var (first, second, third) = (instants[0], instants[1], instants[^1]);

        await AssertVersionsAsync($"agents/{ana}/timeline?from={second}&to={third}", 1, 2);
        await AssertVersionsAsync($"agents/{ana}/timeline?to={second}", 0);
        await AssertVersionsAsync($"agents/{ana}/timeline?from={first}&to={third}", 0, 1, 2);
        await AssertVersionsAsync($"agents/{ana}/timeline?from={third}&order=desc", 4, 3);
        await AssertVersionsAsync($"agents/{ana}/timeline?to={first}");
        await AssertVersionsAsync($"agents/{ana}/timeline?from=2200-01-01T00:00:00Z");
        await AssertVersionsAsync($"agents/{ana}/timeline?from={third}&to={first}");
        var offset = DateTimeOffset.Parse(second, CultureInfo.InvariantCulture).ToOffset(TimeSpan.FromHours(2));
        var text = offset.ToString("yyyy-MM-ddTHH:mm:ss.fffzzz", CultureInfo.InvariantCulture);
        await AssertVersionsAsync($"agents/{ana}/timeline?from={Uri.EscapeDataString(text)}&to={third}", 1, 2);
        await AssertVersionsAsync($"agents/{ana}/timeline?from={text}&to={third}", 1, 2);
    }

    [Fact]
    public async Task The_state_is_that_of_the_version_or_the_instant_asked_for()
    {
        var ana = await service.AgentAsync();
        await AfterAsync(ana, "POST", "sign-in");
        await AfterAsync(ana, "POST", "sign-out");
        var entries = (await _client.GetAsync($"agents/{ana}/timeline")).Json.GetProperty("items").EnumerateArray().ToArray();
        foreach (var entry in entries)
        {
            var version = entry.GetProperty("version").GetInt64();
            var state = (await _client.GetAsync($"agents/{ana}/state?version={version}")).Json;
            Assert.Equal(version, state.GetProperty("presence").GetProperty("version").GetInt64());
            Assert.Equal(entry.GetProperty("hash").GetString(), state.GetProperty("hash").GetString());
        }
        var signedIn = entries[1].GetProperty("occurredAt").GetString();
        var then = (await _client.GetAsync($"agents/{ana}/state?at={signedIn}")).Json;
        Assert.Equal(signedIn, then.GetProperty("at").GetString());
        Assert.Equal(
            ("available", 2),
            (Expect.Status(then.GetProperty("presence")), then.GetProperty("presence").GetProperty("version").GetInt32())
        );
        var now = (await _client.GetAsync($"agents/{ana}/state")).Json;
        Assert.Equal("offline", Expect.Status(now.GetProperty("presence")));
        Assert.Equal(
            "available",
            now.GetProperty("state").GetProperty("captured").GetProperty("status").GetProperty("statusId").GetString()
        );
        Expect.Problem(await _client.GetAsync($"agents/{ana}/state?at=2000-01-01T00:00:00Z"), 404, "agent-unknown");
    }

    /// <summary>A command at an instant later than the agent's last event.</summary>
    private async Task AfterAsync(string agentId, string method, string path)
    {
        var last = (await _client.GetAsync($"agents/{agentId}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        var before = last.GetProperty("occurredAt").GetDateTimeOffset();
        await PassAsync(before);
        await service.DoneAsync(method, $"agents/{agentId}/{path}", null, "agent:" + agentId);
    }

    private async Task<bool> IsUsedAsync(string statusId) =>
        (await _client.GetAsync("statuses?limit=1000"))
            .Json.GetProperty("items")
            .EnumerateArray()
            .Single(s => s.GetProperty("statusId").GetString() == statusId)
            .GetProperty("used")
            .GetBoolean();

    /// <summary>A step of a story, at an instant of its own.</summary>
    private async Task StepAsync(string method, string path, object? body, string actor)
    {
        await service.DoneAsync(method, path, body, actor);
        await PassAsync(TimeProvider.System.GetUtcNow());
    }

    /// <summary>The server's clock is ours; instants have milliseconds.</summary>
    private static async Task PassAsync(DateTimeOffset instant)
    {
        while (TimeProvider.System.GetUtcNow() < instant.AddMilliseconds(2))
            await Task.Yield();
    }

    private async Task AssertVersionsAsync(string path, params long[] expected) => Assert.Equal(expected, await VersionsAsync(path));

    private async Task<long[]> VersionsAsync(string path)
    {
        var answer = await _client.GetAsync(path);
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("version").GetInt64())];
    }

    private async Task<List<long>> PagedAsync(string path)
    {
        var versions = new List<long>();
        for (var next = ""; next is not null; )
        {
            var page = (await _client.GetAsync(path + next)).Json;
            versions.AddRange(page.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("version").GetInt64()));
            next = page.TryGetProperty("next", out var cursor) ? "&cursor=" + cursor.GetString() : null;
        }
        return versions;
    }

    /// <summary>
    /// Puts stable names in the place of what differs from run to run, the same name for the same value: ids, instants, hashes and
    /// positions. Everything else stays, and so does which of them are equal.
    /// </summary>
    private sealed partial class Placeholders(params (string Id, string Name)[] known)
    {
        private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

        public string Replace(string text)
        {
            foreach (var (id, name) in known)
                text = text.Replace(id, name, StringComparison.Ordinal);
            text = Guids().Replace(text, m => Name("id", m.Value));
            text = Correlations().Replace(text, m => Name("id", new Guid(m.Value).ToString()));
            text = Hashes().Replace(text, m => Name("hash", m.Value));
            text = Positions().Replace(text, m => "\"position\": \"" + Name("position", m.Groups[1].Value) + "\"");
            text = PolicyVersions().Replace(text, m => "\"policyVersion\": \"" + Name("policy", "policy " + m.Groups[1].Value) + "\"");
            // A moment after it took effect, or in the same millisecond.
            text = Noticed().Replace(text, m => $"\"{m.Groups[1].Value}\": \"{m.Groups[1].Value}\"");
            return Instants().Replace(text, m => Name("instant", m.Value));
        }

        private string Name(string kind, string value)
        {
            if (!_names.TryGetValue(value, out var name))
                _names[value] = name = $"{kind}-{_names.Values.Count(n => n.StartsWith(kind + "-", StringComparison.Ordinal)) + 1}";
            return name;
        }

        [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
        private static partial Regex Guids();

        [GeneratedRegex("(?<=\")[0-9a-f]{32}(?=\")")]
        private static partial Regex Correlations();

        [GeneratedRegex("(?<=\")[0-9a-f]{64}(?=\")")]
        private static partial Regex Hashes();

        [GeneratedRegex("\"position\": \"([0-9.]+)\"")]
        private static partial Regex Positions();

        [GeneratedRegex("\"policyVersion\": ([0-9]+)")]
        private static partial Regex PolicyVersions();

        [GeneratedRegex("\"(recordedAt|detectedAt)\": \"[^\"]*\"")]
        private static partial Regex Noticed();

        [GeneratedRegex(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")]
        private static partial Regex Instants();
    }
}
