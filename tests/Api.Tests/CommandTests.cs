using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>Every command: what it answers, and how it is refused.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class CommandTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task A_sign_in_answers_the_presence_the_connection_and_how_often_to_send_heartbeats()
    {
        var ana = await service.AgentAsync();
        var answer = await _client.PostAsync($"agents/{ana}/sign-in", new { client = "desk 1.0" }, "agent:" + ana);
        Assert.Equal(200, answer.Status);
        Assert.Equal("available", Expect.Status(answer.Json));
        Assert.Equal("SGN-1", answer.Json.GetProperty("rule").GetString());
        Assert.Equal(1, answer.Json.GetProperty("connections").GetInt32());
        Assert.NotEmpty(answer.Json.GetProperty("connectionId").GetString()!);
        Assert.Equal(15, answer.Json.GetProperty("heartbeatSeconds").GetDouble());
        Assert.Equal(75, answer.Json.GetProperty("heartbeatTimeoutSeconds").GetDouble());
        Assert.Equal("\"2\"", answer.Headers["ETag"]);
        Assert.Equal(
            [("agent-signed-in", 1L, null), ("presence-changed", 2L, "SGN-1")],
            answer
                .Json.GetProperty("events")
                .EnumerateArray()
                .Select(e =>
                    (
                        e.GetProperty("type").GetString()!,
                        e.GetProperty("version").GetInt64(),
                        e.TryGetProperty("rule", out var rule) ? rule.GetString() : null
                    )
                )
        );
    }

    [Fact]
    public async Task The_answer_to_a_command_has_the_shape_of_the_contract()
    {
        var ana = await service.WithConversationAsync();
        var answer = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "busy" }, "agent:" + ana);
        Assert.Equal(
            [
                "agentId",
                "version",
                "statusId",
                "statusText",
                "base",
                "origin",
                "rule",
                "sticky",
                "since",
                "signedIn",
                "connections",
                "capacity",
                "conversations",
                "consults",
                "events",
            ],
            answer.Json.EnumerateObject().Select(p => p.Name)
        );
        Assert.Equal("""{"total":100,"used":40,"available":60}""", answer.Json.GetProperty("capacity").GetProperty("units").GetRawText());
        var conversation = answer.Json.GetProperty("conversations")[0];
        Assert.Equal("c1", conversation.GetProperty("conversationId").GetString());
        Assert.Equal("active", conversation.GetProperty("state").GetString());
        Assert.Equal("chat", conversation.GetProperty("channel").GetString());
        Assert.Equal("q1", conversation.GetProperty("queue").GetString());
        Assert.Equal(40, conversation.GetProperty("units").GetInt32());
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", conversation.GetProperty("since").GetString());
    }

    [Fact]
    public async Task A_second_connection_changes_nothing_about_presence()
    {
        var ana = await service.SignedInAsync();
        var answer = await _client.PostAsync($"agents/{ana}/sign-in", new { connectionId = "second" }, "agent:" + ana);
        Assert.Equal(2, answer.Json.GetProperty("connections").GetInt32());
        Assert.Equal("second", answer.Json.GetProperty("connectionId").GetString());
        Assert.Equal("connection-opened", answer.Json.GetProperty("events")[0].GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_sign_out_makes_offline_and_a_second_one_is_refused()
    {
        var ana = await service.SignedInAsync();
        var answer = await _client.PostAsync($"agents/{ana}/sign-out", null, "agent:" + ana);
        Assert.Equal("offline", Expect.Status(answer.Json));
        Expect.Problem(await _client.PostAsync($"agents/{ana}/sign-out", null, "agent:" + ana), 409, "agent-not-signed-in");
    }

    [Fact]
    public async Task A_manual_change_stands_and_the_same_again_records_nothing()
    {
        var ana = await service.SignedInAsync();
        var first = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        Assert.Equal("manual", first.Json.GetProperty("origin").GetString());
        var events = await service.EventsAsync();
        var second = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        Assert.Equal(200, second.Status);
        Assert.Empty(second.Json.GetProperty("events").EnumerateArray());
        Assert.Equal(first.Json.GetProperty("version").GetInt64(), second.Json.GetProperty("version").GetInt64());
        Assert.Equal(events, await service.EventsAsync());
    }

    [Theory]
    [InlineData("inactive", 409, "status-not-selectable")]
    [InlineData("no-such-status", 409, "status-unknown")]
    public async Task A_status_that_cannot_be_chosen_is_refused(string statusId, int status, string code)
    {
        var ana = await service.SignedInAsync();
        var events = await service.EventsAsync();
        Expect.Problem(await _client.PutAsync($"agents/{ana}/presence", new { statusId }, "agent:" + ana), status, code);
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task A_reset_ends_a_status_of_a_notification_and_is_refused_where_none_stands()
    {
        var ana = await service.WithConversationAsync(accepted: false);
        var missed = await _client.PostAsync($"agents/{ana}/conversations/c1/miss", null, Routing);
        Assert.Equal("inactive", Expect.Status(missed.Json));
        Assert.Equal("NOT-1", missed.Json.GetProperty("rule").GetString());
        var reset = await _client.PostAsync($"agents/{ana}/presence/reset", null, "agent:" + ana);
        Assert.Equal("available", Expect.Status(reset.Json));
        Assert.Equal("NOT-4", reset.Json.GetProperty("rule").GetString());
        Expect.Problem(await _client.PostAsync($"agents/{ana}/presence/reset", null, "agent:" + ana), 409, "nothing-to-reset");
    }

    [Fact]
    public async Task A_conversation_goes_through_its_life()
    {
        var ana = await service.WithConversationAsync(accepted: false);
        foreach (
            var (verb, state, status) in new[]
            {
                ("accept", "active", "busy"),
                ("activity", "active", "busy"),
                ("wait", "waiting", "available"),
                ("resume", "active", "busy"),
                ("wrap-up", "wrap-up", "busy"),
                ("close", null, "available"),
            }
        )
        {
            var answer = await _client.PostAsync($"agents/{ana}/conversations/c1/{verb}", null, Routing);
            Assert.True(answer.Status == 200, $"{verb}: {answer}");
            Assert.Equal(status, Expect.Status(answer.Json));
            var open = answer.Json.GetProperty("conversations").EnumerateArray().ToArray();
            Assert.Equal(state, open.Length == 0 ? null : open[0].GetProperty("state").GetString());
        }
    }

    [Theory]
    [InlineData("reject", "do-not-disturb")]
    [InlineData("miss", "inactive")]
    [InlineData("release", "available")]
    [InlineData("close", "available")]
    public async Task A_conversation_that_was_not_accepted_ends(string verb, string status)
    {
        var ana = await service.WithConversationAsync(accepted: false);
        var answer = await _client.PostAsync($"agents/{ana}/conversations/c1/{verb}", null, Routing);
        Assert.Equal(status, Expect.Status(answer.Json));
        Assert.Empty(answer.Json.GetProperty("conversations").EnumerateArray());
    }

    [Theory]
    [InlineData("reject", "conversation-not-assigned")]
    [InlineData("miss", "conversation-not-assigned")]
    [InlineData("resume", "conversation-not-waiting")]
    public async Task A_verb_that_does_not_fit_the_state_is_refused(string verb, string code)
    {
        var ana = await service.WithConversationAsync();
        Expect.Problem(await _client.PostAsync($"agents/{ana}/conversations/c1/{verb}", null, Routing), 409, code);
    }

    [Theory]
    [InlineData("wait")]
    [InlineData("wrap-up")]
    public async Task Waiting_and_wrap_up_need_an_active_conversation(string verb)
    {
        var ana = await service.WithConversationAsync(accepted: false);
        Expect.Problem(await _client.PostAsync($"agents/{ana}/conversations/c1/{verb}", null, Routing), 409, "conversation-not-active");
    }

    [Theory]
    [InlineData("accept")]
    [InlineData("reject")]
    [InlineData("miss")]
    [InlineData("wait")]
    [InlineData("resume")]
    [InlineData("wrap-up")]
    [InlineData("close")]
    [InlineData("release")]
    [InlineData("activity")]
    [InlineData("transfer")]
    [InlineData("force-release")]
    public async Task A_conversation_that_the_path_names_and_is_not_open_is_not_found(string verb)
    {
        var ana = await service.SignedInAsync();
        object? body = verb switch
        {
            "transfer" => new { toQueue = "q2" },
            "force-release" => new { reason = new { code = "stuck" } },
            _ => null,
        };
        var answer = await _client.PostAsync($"agents/{ana}/conversations/nothing/{verb}", body, Administrator);
        Expect.Problem(answer, 404, "conversation-unknown");
    }

    [Theory]
    [InlineData("POST", "sign-in", null)]
    [InlineData("POST", "sign-out", null)]
    [InlineData("PUT", "presence", """{"statusId":"away"}""")]
    [InlineData("POST", "presence/reset", null)]
    [InlineData("PUT", "conversations/c1", "{}")]
    [InlineData("POST", "conversations/c1/accept", null)]
    [InlineData("POST", "conversations/c1/transfer", """{"toQueue":"q"}""")]
    [InlineData("POST", "conversations/c1/force-release", """{"reason":{"code":"stuck"}}""")]
    [InlineData("PUT", "consults/c1", """{"mode":"consult"}""")]
    [InlineData("DELETE", "consults/c1", null)]
    [InlineData("DELETE", "connections/main", null)]
    [InlineData("POST", "connections/main/closing", null)]
    [InlineData("GET", "presence", null)]
    [InlineData("GET", "timeline", null)]
    [InlineData("GET", "state", null)]
    public async Task An_agent_that_is_not_registered_is_not_found(string method, string path, string? body)
    {
        var events = await service.EventsAsync();
        Expect.Problem(await _client.SendAsync(method, $"agents/nobody/{path}", body, Administrator), 404, "agent-unknown");
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task A_conversation_is_assigned_with_all_that_the_contract_names()
    {
        await service.DoneAsync("PUT", "capacity-profiles/full-assign", new { limit = 3, blocking = true }, Administrator);
        var ana = await service.SignedInAsync(new { units = 100, profiles = new[] { new { profileId = "full-assign" } } });
        var body = new
        {
            channel = "voice",
            queue = "q7",
            workstream = "w1",
            units = 25,
            profiles = new[] { "full-assign" },
            wrapUp = new { policy = "custom", seconds = 90 },
            autoAccept = true,
            createdAt = DateTimeOffset.UtcNow.AddMinutes(-2),
            reason = new { code = "vip", text = "A customer\nof long standing" },
        };
        var answer = await _client.PutAsync($"agents/{ana}/conversations/c9", body, Routing);
        Assert.Equal("busy", Expect.Status(answer.Json));
        var profile = answer.Json.GetProperty("capacity").GetProperty("profiles")[0];
        Assert.Equal(
            """{"profileId":"full-assign","limit":3,"used":1,"available":2,"blocking":true,"customLimit":false}""",
            profile.GetRawText()
        );
        var wrapUp = await _client.PostAsync($"agents/{ana}/conversations/c9/wrap-up", null, Routing);
        var conversation = wrapUp.Json.GetProperty("conversations")[0];
        Assert.Equal(
            90,
            (
                conversation.GetProperty("wrapUpBlockEndsAt").GetDateTimeOffset() - conversation.GetProperty("since").GetDateTimeOffset()
            ).TotalSeconds
        );
        var again = await _client.PutAsync($"agents/{ana}/conversations/c9", body, Routing);
        Assert.Empty(again.Json.GetProperty("events").EnumerateArray());
    }

    [Fact]
    public async Task A_profile_that_is_not_in_the_catalogue_is_refused()
    {
        var ana = await service.SignedInAsync();
        var answer = await _client.PutAsync($"agents/{ana}/conversations/c1", new { profiles = new[] { "nope" } }, Routing);
        Expect.Problem(answer, 409, "profile-unknown");
        answer = await _client.PutAsync($"agents/{ana}", new { profiles = new[] { new { profileId = "nope" } } }, Administrator);
        Expect.Problem(answer, 409, "profile-unknown");
    }

    [Fact]
    public async Task A_transfer_moves_the_conversation_and_both_agents_share_the_correlation()
    {
        var ana = await service.WithConversationAsync();
        var ben = await service.SignedInAsync();
        var answer = await _client.PostAsync($"agents/{ana}/conversations/c1/transfer", new { toAgentId = ben }, "agent:" + ana);
        Assert.Equal("available", Expect.Status(answer.Json));
        var there = await _client.GetAsync($"agents/{ben}/presence", null, ("Ledger-Position", answer.Headers["Ledger-Position"]));
        var conversation = there.Json.GetProperty("conversations")[0];
        Assert.Equal("assigned", conversation.GetProperty("state").GetString());
        Assert.Equal(40, conversation.GetProperty("units").GetInt32());

        var left = (await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        var arrived = (await _client.GetAsync($"agents/{ben}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        Assert.Equal("conversation-assigned", arrived.GetProperty("type").GetString());
        Assert.Equal(left.GetProperty("correlationId").GetString(), arrived.GetProperty("correlationId").GetString());
    }

    [Theory]
    [InlineData("""{"toQueue":"q2"}""")]
    [InlineData("""{"external":"+49 30 1234"}""")]
    public async Task A_transfer_away_gives_capacity_back(string body)
    {
        var ana = await service.WithConversationAsync();
        var answer = await _client.PostAsync($"agents/{ana}/conversations/c1/transfer", body, Supervisor);
        Assert.Equal("available", Expect.Status(answer.Json));
        Assert.Equal(0, answer.Json.GetProperty("capacity").GetProperty("units").GetProperty("used").GetInt32());
    }

    [Fact]
    public async Task A_transfer_to_nobody_known_or_to_oneself_records_nothing_with_either()
    {
        var ana = await service.WithConversationAsync();
        var events = await service.EventsAsync();
        Expect.Problem(
            await _client.PostAsync($"agents/{ana}/conversations/c1/transfer", new { toAgentId = "nobody" }, Routing),
            404,
            "agent-unknown"
        );
        Expect.Problem(
            await _client.PostAsync($"agents/{ana}/conversations/c1/transfer", new { toAgentId = ana }, Routing),
            400,
            "validation"
        );
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task A_forced_release_needs_a_reason_and_keeps_it()
    {
        var ana = await service.WithConversationAsync();
        var path = $"agents/{ana}/conversations/c1/force-release";
        Expect.BadField(await _client.PostAsync(path, null, Supervisor), "reason");
        Expect.BadField(await _client.PostAsync(path, new { reason = new { text = " " } }, Supervisor), "reason");
        var answer = await _client.PostAsync(path, new { reason = new { code = "stuck", text = "Nobody is there" } }, Supervisor);
        Assert.Equal("available", Expect.Status(answer.Json));
        var entry = (await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=2")).Json.GetProperty("items")[1];
        Assert.Equal("conversation-force-released", entry.GetProperty("type").GetString());
        Assert.Equal("""{"code":"stuck","text":"Nobody is there"}""", entry.GetProperty("reason").GetRawText());
    }

    [Fact]
    public async Task A_consult_is_joined_and_left_and_changes_nothing()
    {
        var ana = await service.SignedInAsync();
        var joined = await _client.PutAsync($"agents/{ana}/consults/c5", new { mode = "monitor" }, Supervisor);
        Assert.Equal("available", Expect.Status(joined.Json));
        Assert.Equal("monitor", joined.Json.GetProperty("consults")[0].GetProperty("mode").GetString());
        var again = await _client.PutAsync($"agents/{ana}/consults/c5", new { mode = "monitor" }, Supervisor);
        Assert.Empty(again.Json.GetProperty("events").EnumerateArray());
        var left = await _client.DeleteAsync($"agents/{ana}/consults/c5", "agent:" + ana);
        Assert.Empty(left.Json.GetProperty("consults").EnumerateArray());
        Expect.Problem(await _client.DeleteAsync($"agents/{ana}/consults/c5", "agent:" + ana), 404, "consult-unknown");
    }

    [Fact]
    public async Task A_consult_needs_a_signed_in_agent()
    {
        var ana = await service.AgentAsync();
        Expect.Problem(await _client.PutAsync($"agents/{ana}/consults/c5", new { mode = "consult" }, Routing), 409, "agent-not-signed-in");
    }

    [Fact]
    public async Task Heartbeats_are_answered_one_by_one_and_in_batches_and_are_no_events()
    {
        var ana = await service.SignedInAsync();
        var events = await service.EventsAsync();
        var beat = await _client.PostAsync($"agents/{ana}/connections/main/heartbeat", null, "agent:" + ana);
        Assert.Equal(204, beat.Status);
        Assert.Empty(beat.Text);
        Expect.Problem(
            await _client.PostAsync($"agents/{ana}/connections/gone/heartbeat", null, "agent:" + ana),
            404,
            "connection-unknown"
        );
        var batch = new
        {
            heartbeats = new[]
            {
                new { agentId = ana, connectionId = "main" },
                new { agentId = ana, connectionId = "gone" },
                new { agentId = "nobody", connectionId = "main" },
            },
        };
        var answer = await _client.PostAsync("heartbeats", batch, Routing);
        Assert.Equal(
            $$"""{"unknown":[{"agentId":"{{ana}}","connectionId":"gone"},{"agentId":"nobody","connectionId":"main"}]}""",
            answer.Text
        );
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task A_connection_closes_by_DELETE_and_by_POST_closing_and_is_forgotten_where_it_is_unknown()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("POST", $"agents/{ana}/sign-in", new { connectionId = "second" }, "agent:" + ana);
        Assert.Equal(204, (await _client.DeleteAsync($"agents/{ana}/connections/main", "agent:" + ana)).Status);
        // navigator.sendBeacon sends a text, and no headers of our own.
        var beacon = await _client.PostAsync(
            $"agents/{ana}/connections/second/closing?actor=agent:{ana}",
            "bye",
            null,
            ("Content-Type", "text/plain;charset=UTF-8")
        );
        Assert.True(beacon.Status == 204, beacon.ToString());
        Expect.Problem(await _client.DeleteAsync($"agents/{ana}/connections/third", "agent:" + ana), 404, "connection-unknown");
        var timeline = await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=2");
        Assert.Equal(["connection-closing", "connection-closing"], Expect.Ids(timeline.Json, "type"));
        Assert.Equal("agent", timeline.Json.GetProperty("items")[0].GetProperty("actor").GetProperty("kind").GetString());
    }

    [Fact]
    public async Task A_page_that_is_refreshed_leaves_presence_as_it_was()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("DELETE", $"agents/{ana}/connections/main", null, "agent:" + ana);
        var back = await _client.PostAsync($"agents/{ana}/sign-in", new { connectionId = "main" }, "agent:" + ana);
        Assert.Equal("available", Expect.Status(back.Json));
        Assert.Equal("CON-6", back.Json.GetProperty("events")[0].GetProperty("rule").GetString());
    }

    [Fact]
    public async Task What_is_left_out_of_an_agents_settings_stays_and_null_takes_it_away()
    {
        await service.DoneAsync("PUT", "capacity-profiles/partial", new { limit = 2 }, Administrator);
        var ana = await service.AgentAsync(
            new
            {
                displayName = "Ana",
                defaultStatusId = "away",
                units = 100,
                profiles = new[] { new { profileId = "partial", customLimit = 5 } },
                queues = new[] { "q1", "q2" },
                skills = new[] { new { skill = "german", proficiency = "good" } },
            }
        );
        async Task<JsonElement> SettingsAsync() =>
            (await _client.GetAsync($"agents/{ana}/state")).Json.GetProperty("state").GetProperty("settings");

        var before = await SettingsAsync();
        var unchanged = await _client.PutAsync($"agents/{ana}", new { units = 100 }, Administrator);
        Assert.Empty(unchanged.Json.GetProperty("events").EnumerateArray());
        Assert.Equal(before.GetRawText(), (await SettingsAsync()).GetRawText());

        await service.DoneAsync("PUT", $"agents/{ana}", """{"units":50}""", Administrator);
        var after = await SettingsAsync();
        Assert.Equal(50, after.GetProperty("units").GetInt32());
        Assert.Equal("away", after.GetProperty("defaultStatusId").GetString());
        Assert.Equal(5, after.GetProperty("profiles").GetProperty("partial").GetInt32());
        Assert.Equal("""["q1","q2"]""", after.GetProperty("queues").GetRawText());

        await service.DoneAsync(
            "PUT",
            $"agents/{ana}",
            """{"defaultStatusId":null,"units":null,"profiles":null,"queues":null,"skills":null}""",
            Administrator
        );
        after = await SettingsAsync();
        Assert.Equal(JsonValueKind.Null, after.GetProperty("defaultStatusId").ValueKind);
        Assert.Equal(JsonValueKind.Null, after.GetProperty("units").ValueKind);
        Assert.Equal("{}", after.GetProperty("profiles").GetRawText());
        Assert.Equal("[]", after.GetProperty("queues").GetRawText());
        Assert.Equal("[]", after.GetProperty("skills").GetRawText());
    }

    [Fact]
    public async Task A_name_is_in_the_directory_and_nowhere_in_the_ledger()
    {
        var name = "Zo\u00eb Quicksilver";
        var ana = await service.AgentAsync(new { displayName = name, units = 10 });
        var listed = await _client.GetAsync($"agents?text=quicksilver", null);
        Assert.Contains(name, listed.Text, StringComparison.Ordinal);
        var events = await service.ScalarAsync(
            "select count(*) from ledger.event where data::text || metadata::text || stream like '%Quicksilver%'"
        );
        var remembered = await service.ScalarAsync("select count(*) from ledger.answer where answer like '%Quicksilver%'");
        Assert.Equal((0L, 0L), ((long)events!, (long)remembered!));

        await service.DoneAsync("PUT", $"agents/{ana}", """{"displayName":null}""", Administrator);
        Assert.DoesNotContain(name, (await _client.GetAsync($"agents?text={ana}")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task If_Match_lets_a_command_through_at_its_version_alone()
    {
        var ana = await service.SignedInAsync();
        var events = await service.EventsAsync();
        var path = $"agents/{ana}/presence";
        Expect.Problem(
            await _client.PutAsync(path, new { statusId = "away" }, "agent:" + ana, ("If-Match", "\"1\"")),
            412,
            "version-conflict"
        );
        Assert.Equal(events, await service.EventsAsync());
        var done = await _client.PutAsync(path, new { statusId = "away" }, "agent:" + ana, ("If-Match", "\"2\""));
        Assert.Equal((200, 3), (done.Status, done.Json.GetProperty("version").GetInt32()));
        done = await _client.PutAsync(path, new { statusId = "busy" }, "agent:" + ana, ("If-Match", "W/\"3\""));
        Assert.Equal(200, done.Status);
        done = await _client.PutAsync(path, new { statusId = "away" }, "agent:" + ana, ("If-Match", "*"));
        Assert.Equal(200, done.Status);
    }

    [Fact]
    public async Task The_trace_id_of_the_caller_becomes_the_correlation()
    {
        var ana = await service.SignedInAsync();
        const string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        await _client.PutAsync(
            $"agents/{ana}/presence",
            new { statusId = "away" },
            "agent:" + ana,
            ("traceparent", $"00-{trace}-00f067aa0ba902b7-01")
        );
        var entry = (await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        Assert.Equal(trace, entry.GetProperty("correlationId").GetString());
    }

    [Fact]
    public async Task A_problem_carries_the_trace_id_of_the_caller()
    {
        const string trace = "4bf92f3577b34da6a3ce929d0e0e4777";
        var answer = await _client.GetAsync("agents/nobody/presence", null, ("traceparent", $"00-{trace}-00f067aa0ba902b7-01"));
        Assert.Equal(trace, answer.Json.GetProperty("traceId").GetString());
    }

    [Fact]
    public async Task A_command_over_a_connection_names_it_and_its_client()
    {
        var ana = await service.AgentAsync();
        await service.DoneAsync("POST", $"agents/{ana}/sign-in", new { connectionId = "k1", client = "desk 2" }, "agent:" + ana);
        await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, ("X-Connection", "k1"));
        var entry = (await _client.GetAsync($"agents/{ana}/timeline?order=desc&limit=1")).Json.GetProperty("items")[0];
        Assert.Equal("k1", entry.GetProperty("connectionId").GetString());
        Assert.Equal("desk 2", entry.GetProperty("client").GetString());
    }
}
