using System.Globalization;
using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>The audit over HTTP and as verbs: filters, inputs, causes, and why.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class AuditOverHttpTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task Entries_say_what_was_decided_with_and_lead_back_to_the_command()
    {
        var ana = await service.WithConversationAsync();
        var entries = await EntriesAsync($"agents/{ana}/timeline");
        var change = entries[^1];
        var inputs = change.GetProperty("inputs");
        Assert.Equal(change.GetProperty("policyVersion").GetInt64(), inputs.GetProperty("policyVersion").GetInt64());
        Assert.Equal(40, inputs.GetProperty("capacity").GetProperty("unitsUsed").GetInt32());
        Assert.Equal(100, inputs.GetProperty("capacity").GetProperty("unitsTotal").GetInt32());
        var causes = change.GetProperty("causes");
        Assert.Equal($"[{change.GetProperty("version").GetInt64() - 1}]", causes.GetProperty("versions").GetRawText());
        var command = causes.GetProperty("command");
        Assert.Equal($$"""{"kind":"agent","id":"{{ana}}"}""", command.GetProperty("actor").GetRawText());
        Assert.Equal(change.GetProperty("causationId").GetString(), command.GetProperty("causationId").GetString());

        var signIn = entries.Single(e => Rule(e) == "SGN-1").GetProperty("inputs");
        Assert.Equal("available", signIn.GetProperty("defaultStatusId").GetString());
        Assert.False(signIn.TryGetProperty("capacity", out _));
        Assert.All(entries.Where(e => Type(e) != "presence-changed"), e => Assert.False(e.TryGetProperty("inputs", out _)));
    }

    [Fact]
    public async Task What_is_kept_over_a_sign_out_is_an_input_of_it_and_of_the_return()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        await service.DoneAsync("POST", $"agents/{ana}/sign-out", null, "agent:" + ana);
        await service.DoneAsync("POST", $"agents/{ana}/sign-in", null, "agent:" + ana);
        var entries = await EntriesAsync($"agents/{ana}/timeline?rule=SGN-4,CON-4&type=presence-changed");
        Assert.Equal(["SGN-4", "CON-4"], entries.Select(Rule));
        var (kept, back) = (Captured(entries[0]), Captured(entries[1]));
        Assert.Equal("""{"statusId":"away","base":"away","origin":"manual"}""", kept.GetProperty("status").GetRawText());
        Assert.Equal(kept.GetRawText(), back.GetRawText());
        Assert.Equal(TimeSpan.FromSeconds(150), kept.GetProperty("until").GetDateTimeOffset() - kept.GetProperty("at").GetDateTimeOffset());

        static JsonElement Captured(JsonElement e) => e.GetProperty("inputs").GetProperty("captured");
    }

    [Theory]
    [InlineData("ru-RU,ru;q=0.9,en;q=0.8", "ru", "Беседа c1 назначена.", "CAP-2: Что-то занято: «Занят»")]
    [InlineData("fr, en;q=0.5", "en", "Conversation c1 was assigned.", "CAP-2: Something in use: Busy")]
    [InlineData("not a language", "en", "Conversation c1 was assigned.", "CAP-2: Something in use: Busy")]
    public async Task The_audit_speaks_the_language_of_who_reads_it(string asked, string answered, string sentence, string rule)
    {
        var ana = await service.WithConversationAsync();

        var timeline = await _client.GetAsync($"agents/{ana}/timeline?type=conversation-assigned", Supervisor, ("Accept-Language", asked));
        var why = await _client.GetAsync($"agents/{ana}/why", Supervisor, ("Accept-Language", asked));

        Assert.Equal(sentence, timeline.Json.GetProperty("items")[0].GetProperty("explanation").GetString());
        Assert.Contains(
            rule,
            why.Json.GetProperty("rules").EnumerateArray().Select(r => $"{r.GetProperty("id")}: {r.GetProperty("title")}")
        );
        Assert.All(
            [timeline, why],
            answer => Assert.Equal((answered, "Accept-Language"), (answer.Headers["Content-Language"], answer.Headers["Vary"]))
        );
    }

    [Theory]
    [InlineData("type=presence-changed", "2 5 7")]
    [InlineData("type=presence-changed&order=desc", "7 5 2")]
    [InlineData("rule=CAP-7,CAP-2", "3 5 6")]
    [InlineData("actor=service", "3 6 7")]
    [InlineData("actor=service:routing-1,administrator", "0 3 6 7")]
    [InlineData("actor=service:somebody", "")]
    [InlineData("type=presence-changed&actor=service", "7")]
    public async Task The_timeline_is_filtered_and_its_pages_are_right(string filter, string versions)
    {
        var ana = await service.WithConversationAsync();
        await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/close", null, Routing);
        foreach (var limit in new[] { 1, 2, 3, 100 })
        {
            var (found, pages) = (new List<long>(), 0);
            for (var next = ""; next is not null; pages++)
            {
                var page = (await _client.GetAsync($"agents/{ana}/timeline?{filter}&limit={limit}{next}")).Json;
                var items = page.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("version").GetInt64()).ToArray();
                found.AddRange(items);
                next = page.TryGetProperty("next", out var cursor) ? "&cursor=" + cursor.GetString() : null;
                Assert.True(next is null || items.Length == limit, $"{items.Length} of {limit}");
            }
            Assert.Equal(versions, string.Join(' ', found));
            Assert.Equal(Math.Max(1, (found.Count + limit - 1) / limit), pages);
        }
    }

    [Theory]
    [InlineData("type=changed", "type")]
    [InlineData("rule=CAP", "rule")]
    [InlineData("actor=boss:ana", "actor")]
    public async Task A_filter_that_nothing_can_fit_is_refused(string filter, string field)
    {
        var ana = await service.AgentAsync();
        Expect.BadField(await _client.GetAsync($"agents/{ana}/timeline?{filter}"), field);
    }

    [Fact]
    public async Task Why_is_answered_in_a_paragraph_with_the_events_under_it()
    {
        var ana = await service.WithConversationAsync();
        var answer = (await _client.GetAsync($"agents/{ana}/why", Auditor)).Json;
        Assert.Equal("busy", Expect.Status(answer));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("until").ValueKind);
        var paragraph = answer.GetProperty("paragraph").GetString();
        Assert.Contains($"agent {ana} was Busy, since ", paragraph, StringComparison.Ordinal);
        Assert.Contains(
            "Conversation c1 was accepted; 40 of 100 units are in use, so the status is Busy (CAP-2). The command came from the agent.",
            paragraph,
            StringComparison.Ordinal
        );
        Assert.Equal(["presence-changed", "conversation-accepted"], answer.GetProperty("causes").EnumerateArray().Select(Type));
        Assert.Equal("""{"id":"CAP-2","title":"Something in use: Busy"}""", answer.GetProperty("rules")[0].GetRawText());
    }

    [Fact]
    public async Task Why_before_the_registration_says_so_and_nobody_is_told_of_strangers_or_the_future()
    {
        var ana = await service.AgentAsync();
        var before = (await _client.GetAsync($"agents/{ana}/why?at=2001-01-01T00:00:00Z")).Json;
        Assert.Equal(JsonValueKind.Null, before.GetProperty("statusId").ValueKind);
        Assert.Contains("nothing was recorded of agent " + ana, before.GetProperty("paragraph").GetString(), StringComparison.Ordinal);
        Assert.Equal("agent-registered", Type(before.GetProperty("causes")[0]));

        Expect.Problem(await _client.GetAsync("agents/nobody-at-all/why"), 404, "agent-unknown");
        Expect.BadField(await _client.GetAsync($"agents/{ana}/why?at=2200-01-01T00:00:00Z"), "at");
        Expect.BadField(await _client.GetAsync($"agents/{ana}/why?at=noon"), "at");
        Expect.Problem(await _client.GetAsync($"agents/{ana}/why", "agent:somebody-else"), 403, "forbidden");
    }

    [Fact]
    public async Task Why_of_a_corrected_instant_says_what_was_corrected()
    {
        var ana = await service.SignedInAsync();
        var from = await AfterAsync(ana);
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        var to = await AfterAsync(ana);
        await service.DoneAsync(
            "POST",
            $"agents/{ana}/corrections",
            new
            {
                from,
                to,
                statusId = "busy",
                reason = new { text = "was in a meeting" },
            },
            Supervisor
        );
        var answer = (await _client.GetAsync($"agents/{ana}/why?at={from}")).Json;
        Assert.Equal("available", Expect.Status(answer));
        Assert.Contains(
            "the record was corrected by supervisor sue, for the reason “was in a meeting”: from ",
            answer.GetProperty("paragraph").GetString(),
            StringComparison.Ordinal
        );
        Assert.Equal("presence-corrected", Type(answer.GetProperty("corrections")[0]));
        var later = (await _client.GetAsync($"agents/{ana}/why?at={to}")).Json;
        Assert.Equal(("away", 0), (Expect.Status(later), later.GetProperty("corrections").GetArrayLength()));
    }

    [Fact]
    public async Task A_status_is_called_as_it_was_called_then()
    {
        var (ana, lunch) = (await service.SignedInAsync(), service.NewId("lunch"));
        await service.DoneAsync("PUT", $"statuses/{lunch}", new { text = "At lunch", @base = "away" }, Administrator);
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = lunch }, "agent:" + ana);
        var at = await AfterAsync(ana);
        await service.DoneAsync("PUT", $"statuses/{lunch}", new { text = "Gone to eat", @base = "away" }, Administrator);
        var then = (await _client.GetAsync($"agents/{ana}/why?at={at}")).Json;
        Assert.Equal("At lunch", then.GetProperty("statusText").GetString());
        Assert.Equal(
            "The status was set by hand from Available to At lunch.",
            (await EntriesAsync($"agents/{ana}/timeline"))[^1].GetProperty("explanation").GetString()
        );
    }

    [Fact]
    public async Task The_verbs_read_the_ledger_themselves()
    {
        var ana = await service.WithConversationAsync();
        var replay = await VerbAsync("replay", ana, "--type", "presence-changed");
        Assert.True(replay.ExitCode == 0, replay.ToString());
        Assert.Equal(4, replay.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("so the status is Busy.", replay.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', replay.Output);

        var why = await VerbAsync("why", ana);
        Assert.True(why.ExitCode == 0, why.ToString());
        Assert.Contains($"agent {ana} was Busy, since ", why.Output, StringComparison.Ordinal);
        Assert.Contains("CAP-2   Something in use: Busy", why.Output, StringComparison.Ordinal);
        var json = await VerbAsync("why", ana, "--format", "json");
        Assert.Equal("busy", Expect.Status(JsonElement.Parse(json.Output)));

        Assert.Equal(1, (await VerbAsync("replay", "nobody-at-all")).ExitCode);
        var unknown = await VerbAsync("why", "nobody-at-all", "00:00");
        Assert.Equal((1, "presence-ledger: Nothing is recorded of agent 'nobody-at-all'.\n"), (unknown.ExitCode, unknown.Errors));
    }

    [Theory]
    [InlineData("replay ana --type nothing", "--type")]
    [InlineData("replay ana --from yesterday", "--from")]
    [InlineData("replay ana --follow --order desc", "--follow")]
    [InlineData("why ana noon", "AT")]
    [InlineData("why ana 2200-01-01T00:00:00Z", "still to come")]
    public async Task What_the_verbs_cannot_do_is_said_so(string arguments, string named)
    {
        var ended = await VerbAsync(arguments.Split(' '));
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains(named, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_verb_that_only_reads_makes_no_ledger_where_there_is_none()
    {
        var folder = Path.Combine(Path.GetTempPath(), "presence-ledger-none-" + Guid.NewGuid().ToString("N"));
        var ended = await ServiceProcess.RunAsync(["why", "ana", "--data", folder]);
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("There is no ledger in " + folder, ended.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
    }

    private Task<Ended> VerbAsync(params string[] arguments) =>
        ServiceProcess.RunAsync([.. arguments, "--connection", service.ConnectionString]);

    /// <summary>An instant after the agent's last event, and before any that comes.</summary>
    private async Task<string> AfterAsync(string agentId)
    {
        var last = (await EntriesAsync($"agents/{agentId}/timeline?order=desc&limit=1"))[0].GetProperty("occurredAt").GetDateTimeOffset();
        var instant = last.AddMilliseconds(2);
        while (TimeProvider.System.GetUtcNow() < instant.AddMilliseconds(2))
            await Task.Yield();
        return instant.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
    }

    private async Task<JsonElement[]> EntriesAsync(string path)
    {
        var answer = await _client.GetAsync(path);
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static string? Type(JsonElement entry) => entry.GetProperty("type").GetString();

    private static string? Rule(JsonElement entry) => entry.GetProperty("rule").GetString();
}
