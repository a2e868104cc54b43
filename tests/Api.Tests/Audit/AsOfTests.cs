using System.Text.Json;
using PresenceLedger.Api.Tests.Reports;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>States of the past in both times, and what is other between two of them.</summary>
[Collection(WrittenPastCollection.Name)]
public sealed class AsOfTests(WrittenPast past)
{
    [Fact]
    public async Task A_loss_that_was_found_out_at_noon_is_not_known_before()
    {
        var asKnownNow = await StateAsync("lola", "at=2025-05-07T09:30:00Z");
        Assert.Equal("offline", Expect.Status(asKnownNow.GetProperty("presence")));
        Assert.False(asKnownNow.TryGetProperty("knownAt", out _));

        var asKnownThen = await StateAsync("lola", "at=2025-05-07T09:30:00Z&knownAt=2025-05-07T11:59:59.999Z");
        Assert.Equal("available", Expect.Status(asKnownThen.GetProperty("presence")));
        Assert.True(asKnownThen.GetProperty("presence").GetProperty("signedIn").GetBoolean());
        Assert.Equal("2025-05-07T11:59:59.999Z", asKnownThen.GetProperty("knownAt").GetString());

        var atNoon = await StateAsync("lola", "at=2025-05-07T09:30:00Z&knownAt=2025-05-07T12:00:00Z");
        Assert.Equal("offline", Expect.Status(atNoon.GetProperty("presence")));
        Assert.Equal(asKnownNow.GetProperty("hash").GetString(), atNoon.GetProperty("hash").GetString());
    }

    [Fact]
    public async Task What_the_ledger_said_at_an_instant_of_that_instant_is_asked_for_by_knownAt_alone()
    {
        var state = await StateAsync("lola", "knownAt=2025-05-07T10:00:00Z");
        Assert.Equal("2025-05-07T10:00:00.000Z", state.GetProperty("at").GetString());
        Assert.Equal("available", Expect.Status(state.GetProperty("presence")));
    }

    [Fact]
    public async Task A_correction_is_told_beside_the_state_from_when_it_was_known()
    {
        // The facts have all of the past then.
        await past.ItemsAsync("from=2025-05-05T00:00:00Z&to=2025-05-06T00:00:00Z");

        var corrected = await StateAsync("cora", "at=2025-05-05T18:00:00Z");
        Assert.Equal("available", Expect.Status(corrected.GetProperty("presence")));
        var correction = corrected.GetProperty("correction");
        Assert.Equal("offline", correction.GetProperty("statusId").GetString());
        Assert.Equal("2025-05-05T17:00:00.000Z", correction.GetProperty("from").GetString());
        Assert.Equal("2025-05-06T09:00:00.000Z", correction.GetProperty("recordedAt").GetString());
        Assert.Equal("""{"kind":"administrator","id":"root"}""", correction.GetProperty("actor").GetRawText());

        Assert.False(Corrected(await StateAsync("cora", "at=2025-05-05T18:00:00Z&knownAt=2025-05-06T08:59:59Z")));
        Assert.True(Corrected(await StateAsync("cora", "at=2025-05-05T18:00:00Z&knownAt=2025-05-06T09:00:00Z")));
        Assert.False(Corrected(await StateAsync("cora", "at=2025-05-05T16:59:59.999Z")));
        Assert.False(Corrected(await StateAsync("cora", "at=2025-05-05T20:00:00Z")));

        static bool Corrected(JsonElement state) => state.TryGetProperty("correction", out _);
    }

    [Fact]
    public async Task Words_are_those_of_the_configuration_of_then()
    {
        var lunch = await StateAsync("rep2", "at=2025-01-06T05:30:00Z");
        Assert.Equal("At lunch", lunch.GetProperty("presence").GetProperty("statusText").GetString());
        var version = lunch.GetProperty("presence").GetProperty("version").GetInt64();
        var same = await StateAsync("rep2", $"version={version}");
        Assert.Equal(lunch.GetProperty("presence").GetRawText(), same.GetProperty("presence").GetRawText());
    }

    [Fact]
    public async Task Before_the_registration_and_before_it_was_known_it_is_said_so()
    {
        var before = await past.Client.GetAsync("agents/rex/state?at=2025-06-10T10:19:00Z", OpenService.Auditor);
        Expect.Problem(before, 404, "agent-unknown");
        Assert.Equal(
            "Agent 'rex' was not registered at 2025-06-10T10:19:00.000Z; it has been since 2025-06-10T10:20:00.000Z.",
            before.Json.GetProperty("detail").GetString()
        );
        var unknown = await past.Client.GetAsync(
            "agents/rex/state?at=2025-06-10T10:21:00Z&knownAt=2025-06-10T10:19:00Z",
            OpenService.Auditor
        );
        Expect.Problem(unknown, 404, "agent-unknown");
        Assert.Equal(
            "The ledger did not know of agent 'rex' at 2025-06-10T10:19:00.000Z; the registration was recorded at 2025-06-10T10:20:00.000Z.",
            unknown.Json.GetProperty("detail").GetString()
        );
        Expect.Problem(
            await past.Client.GetAsync("agents/nobody/state?at=2025-06-10T10:21:00Z", OpenService.Auditor),
            404,
            "agent-unknown"
        );
        Expect.BadField(await past.Client.GetAsync("agents/rex/state?knownAt=2999-01-01T00:00:00Z"), "knownAt");
    }

    [Fact]
    public async Task A_diff_names_what_is_other_with_both_presences()
    {
        var diff = await DiffAsync("sam", "from=2025-05-08T08:12:00Z&to=2025-05-08T08:22:00Z");

        Assert.Equal(2, diff.GetProperty("events").GetInt64());
        var versions = diff.GetProperty("versions").EnumerateArray().Select(v => v.GetInt64()).ToArray();
        Assert.Equal(versions[0] + 2, versions[1]);
        Assert.Equal("do-not-disturb", Expect.Status(diff.GetProperty("presence").GetProperty("from")));
        Assert.Equal("available", Expect.Status(diff.GetProperty("presence").GetProperty("to")));
        var changes = Changes(diff);
        Assert.Equal(("\"active\"", "\"waiting\""), changes["conversations.c1.state"]);
        Assert.Equal(("\"do-not-disturb\"", "\"available\""), changes["status.statusId"]);
        Assert.Equal(("100", "0"), changes["unitsUsed"]);
        Assert.DoesNotContain("settings", changes.Keys);
        Assert.Equal(changes.Keys.Order(StringComparer.Ordinal), changes.Keys);
    }

    [Fact]
    public async Task A_diff_from_before_the_registration_is_from_nothing()
    {
        var diff = await DiffAsync("sam", "from=2025-05-08T06:00:00Z&to=2025-05-08T07:30:00Z");

        Assert.Equal("[-1,0]", diff.GetProperty("versions").GetRawText());
        Assert.Equal(JsonValueKind.Null, diff.GetProperty("presence").GetProperty("from").ValueKind);
        Assert.Equal("null", Changes(diff)["settings"].From);
        Expect.Problem(
            await past.Client.GetAsync("agents/sam/diff?from=2025-05-08T06:00:00Z&to=2025-05-08T06:30:00Z", OpenService.Auditor),
            404,
            "agent-unknown"
        );
    }

    [Fact]
    public async Task A_diff_is_of_what_was_known()
    {
        const string window = "from=2025-05-07T08:30:00Z&to=2025-05-07T11:00:00Z";
        var now = await DiffAsync("lola", window);
        var then = await DiffAsync("lola", window + "&knownAt=2025-05-07T11:00:00Z");

        Assert.Equal("offline", Expect.Status(now.GetProperty("presence").GetProperty("to")));
        Assert.Equal("available", Expect.Status(then.GetProperty("presence").GetProperty("to")));
        Assert.Contains("status.statusId", Changes(now).Keys);
        Assert.DoesNotContain("status.statusId", Changes(then).Keys);
        Assert.Equal("2025-05-07T11:00:00.000Z", then.GetProperty("knownAt").GetString());
    }

    [Fact]
    public async Task Between_two_instants_without_events_nothing_is_other()
    {
        var diff = await DiffAsync("sam", "from=2025-05-08T08:12:00Z&to=2025-05-08T08:12:00Z");

        Assert.Equal(0, diff.GetProperty("events").GetInt64());
        Assert.Empty(Changes(diff));
    }

    private async Task<JsonElement> StateAsync(string agentId, string query)
    {
        var answer = await past.Client.GetAsync($"agents/{agentId}/state?{query}", OpenService.Auditor);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json;
    }

    private async Task<JsonElement> DiffAsync(string agentId, string query)
    {
        var answer = await past.Client.GetAsync($"agents/{agentId}/diff?{query}", OpenService.Auditor);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json;
    }

    private static Dictionary<string, (string From, string To)> Changes(JsonElement diff) =>
        diff.GetProperty("changes")
            .EnumerateArray()
            .ToDictionary(
                c => c.GetProperty("path").GetString()!,
                c => (c.GetProperty("from").GetRawText(), c.GetProperty("to").GetRawText())
            );
}
