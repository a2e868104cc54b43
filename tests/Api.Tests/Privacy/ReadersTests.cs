using System.Text.Json;
using PresenceLedger.Api.Tests.Live;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Privacy;

/// <summary>Reading the audit of somebody else is itself recorded, and the agent sees it.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ReadersTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task The_agent_sees_who_looked_at_what_when_and_what_for()
    {
        var ana = await service.SignedInAsync();
        await ReadAsync(
            $"agents/{ana}/timeline?from=2026-01-05T08:00:00Z&to=2026-01-06T08:00:00Z",
            Auditor,
            ("X-Purpose", "Beschwerde 4711 ü")
        );
        await ReadAsync($"agents/{ana}/state", Supervisor);
        await ReadAsync($"agents/{ana}/timeline?purpose=coaching", Supervisor);

        var readers = await ReadersAsync(ana, "agent:" + ana);

        Assert.Equal(
            [
                """{"by":{"kind":"supervisor","id":"sue"},"what":"timeline","from":null,"to":null,"purpose":"coaching"}""",
                """{"by":{"kind":"supervisor","id":"sue"},"what":"state","from":null,"to":null,"purpose":null}""",
                """{"by":{"kind":"auditor","id":"audrey"},"what":"timeline","from":"2026-01-05T08:00:00.000Z","to":"2026-01-06T08:00:00.000Z","purpose":"Beschwerde 4711 ü"}""",
            ],
            readers.Select(WithoutTime)
        );
        Assert.Equal(readers.Select(WithoutTime), (await ReadersAsync(ana, Auditor)).Select(WithoutTime));
    }

    [Fact]
    public async Task The_state_of_an_instant_is_recorded_with_the_instant()
    {
        var ana = await service.AgentAsync();
        var at = (await _client.GetAsync($"agents/{ana}/timeline", "agent:" + ana))
            .Json.GetProperty("items")[0]
            .GetProperty("occurredAt")
            .GetString();

        await ReadAsync($"agents/{ana}/state?at={at}", Auditor);

        var read = Assert.Single(await ReadersAsync(ana, Auditor));
        Assert.Equal(("state", at, at), (Text(read, "what"), Text(read, "from"), Text(read, "to")));
    }

    [Fact]
    public async Task An_agent_who_reads_the_own_audit_leaves_no_trace()
    {
        var ana = await service.SignedInAsync();
        foreach (var path in new[] { "timeline", "state", "diagnostics", "readers", "disputes" })
            await ReadAsync($"agents/{ana}/{path}", "agent:" + ana);

        Assert.Empty(await ReadersAsync(ana, "agent:" + ana));
    }

    [Fact]
    public async Task What_is_not_answered_was_not_read()
    {
        var ana = await service.AgentAsync();
        var nobody = service.NewId("nobody");
        Expect.Problem(await _client.GetAsync($"agents/{ana}/timeline", "agent:someone-else"), 403, "forbidden");
        Expect.BadField(await _client.GetAsync($"agents/{ana}/timeline?order=sideways", Auditor), "order");
        Expect.Problem(await _client.GetAsync($"agents/{ana}/state?at=2000-01-01T00:00:00Z", Auditor), 404, "agent-unknown");
        Expect.Problem(await _client.GetAsync($"agents/{nobody}/timeline", Auditor), 404, "agent-unknown");

        Assert.Empty(await ReadersAsync(ana, Auditor));
        Assert.Equal(0L, await service.ScalarAsync("select count(*) from ledger.event where stream = $1", "access-" + nobody));
        Expect.Problem(await _client.GetAsync($"agents/{nobody}/readers", Auditor), 404, "agent-unknown");
    }

    [Fact]
    public async Task Reads_that_repeat_each_other_are_one_and_pages_of_a_timeline_are()
    {
        var ana = await service.WithConversationAsync();
        var page = await _client.GetAsync($"agents/{ana}/timeline?limit=2", Auditor);
        await ReadAsync($"agents/{ana}/timeline?limit=2&cursor={Text(page.Json, "next")}", Auditor);
        await ReadAsync($"agents/{ana}/timeline", Auditor);
        Assert.Single(await ReadersAsync(ana, Auditor));

        await ReadAsync($"agents/{ana}/timeline", "auditor:another");
        Assert.Equal(2, (await ReadersAsync(ana, Auditor)).Length);
    }

    [Fact]
    public async Task Readers_come_in_pages()
    {
        var ana = await service.AgentAsync();
        for (var n = 0; n < 5; n++)
            await ReadAsync($"agents/{ana}/state?purpose=p{n}", Auditor);

        var purposes = new List<string?>();
        for (var next = ""; next is not null; )
        {
            var page = (await _client.GetAsync($"agents/{ana}/readers?limit=2{next}", Auditor)).Json;
            purposes.AddRange(page.GetProperty("items").EnumerateArray().Select(r => Text(r, "purpose")));
            next = page.TryGetProperty("next", out var cursor) ? "&cursor=" + cursor.GetString() : null;
        }

        Assert.Equal(["p4", "p3", "p2", "p1", "p0"], purposes);
        Expect.BadField(await _client.GetAsync($"agents/{ana}/readers?cursor=eA", Auditor), "cursor");
    }

    [Theory]
    [InlineData("reports/historical/agents/{ana}/statuses", "statuses")]
    [InlineData("reports/historical/agents/{ana}/statuses?format=csv", "statuses")]
    [InlineData("reports/historical/agents/{ana}/explain?metric=loginSeconds&from=2026-01-05T08:00:00Z&to=2026-01-06T08:00:00Z", "explain")]
    public async Task The_history_of_one_agent_in_the_reports_is_recorded_too(string path, string what)
    {
        var ana = await service.SignedInAsync();
        var written = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, Supervisor);
        var answer = await _client.GetAsync(
            path.Replace("{ana}", ana, StringComparison.Ordinal),
            Supervisor,
            ("Ledger-Position", written.Headers["Ledger-Position"])
        );
        Assert.True(answer.Status == 200, answer.ToString());

        Assert.Equal(what, Text(Assert.Single(await ReadersAsync(ana, Auditor)), "what"));
    }

    [Theory]
    [InlineData("agents/{ana}/diagnostics")]
    [InlineData("agents/{ana}/presence")]
    [InlineData("agents/{ana}/disputes")]
    [InlineData("agents/{ana}/readers")]
    [InlineData("reports/real-time/agents/{ana}")]
    public async Task What_shows_how_things_are_now_is_not_recorded(string path)
    {
        var ana = await service.SignedInAsync();
        var written = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, Supervisor);
        var answer = await _client.GetAsync(
            path.Replace("{ana}", ana, StringComparison.Ordinal),
            Auditor,
            ("Ledger-Position", written.Headers["Ledger-Position"])
        );
        Assert.True(answer.Status == 200, answer.ToString());

        Assert.Empty(await ReadersAsync(ana, Auditor));
    }

    [Theory]
    [InlineData(201, 'x')]
    [InlineData(1, '\t')]
    public async Task A_purpose_is_a_short_text(int length, char of)
    {
        var ana = await service.AgentAsync();
        var purpose = Uri.EscapeDataString("a" + new string(of, length) + "b");
        Expect.BadField(await _client.GetAsync($"agents/{ana}/timeline?purpose={purpose}", Auditor), "purpose");
    }

    [Fact]
    public async Task Where_a_purpose_is_required_nothing_is_shown_to_others_without_one()
    {
        var ana = await service.SignedInAsync();
        await using var strict = await service.StartAnotherAsync("--Audit:PurposeRequired", "true");
        using var client = new ServiceClient(strict.Url);
        var position = (
            "Ledger-Position",
            (await client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, Supervisor)).Headers["Ledger-Position"]
        );
        foreach (var path in new[] { $"agents/{ana}/timeline", $"agents/{ana}/state", $"reports/historical/agents/{ana}/statuses" })
        {
            Expect.BadField(await client.GetAsync(path, Auditor, position), "purpose");
            Expect.BadField(await client.GetAsync(path, Auditor, position, ("X-Purpose", "  ")), "purpose");
            Assert.Equal(200, (await client.GetAsync(path, "agent:" + ana, position)).Status);
            Assert.Equal(200, (await client.GetAsync(path, Auditor, position, ("X-Purpose", "yearly audit"))).Status);
        }
        Expect.Problem(await client.GetAsync($"agents/{ana}/timeline", "agent:someone-else"), 403, "forbidden");
        Assert.Equal(200, (await client.GetAsync($"agents/{ana}/diagnostics", Auditor)).Status);
        Assert.Equal(200, (await client.GetAsync($"agents/{ana}/presence", Auditor)).Status);

        Assert.Equal(["statuses", "state", "timeline"], (await ReadersAsync(ana, Auditor)).Select(r => Text(r, "what")));
    }

    [Fact]
    public async Task A_read_that_cannot_be_recorded_is_not_answered()
    {
        var ana = await service.AgentAsync();
        // As a database that refuses what it is given.
        await using var connection = await service.Database.OpenConnectionAsync();
        await ExecuteAsync(
            $"create function ledger.never_{ana.Replace('-', '_')}() returns trigger language plpgsql as 'begin if new.stream = ''access-{ana}'' then raise exception ''no''; end if; return new; end'"
        );
        await ExecuteAsync(
            $"create trigger never before insert on ledger.event for each row execute function ledger.never_{ana.Replace('-', '_')}()"
        );
        try
        {
            var refused = await _client.GetAsync($"agents/{ana}/timeline", Auditor);
            Expect.Problem(refused, 503, "ledger-unavailable");
            Assert.DoesNotContain("agent-registered", refused.Text, StringComparison.Ordinal);
        }
        finally
        {
            await ExecuteAsync("drop trigger never on ledger.event");
        }
        await ReadAsync($"agents/{ana}/timeline", Auditor);
        Assert.Single(await ReadersAsync(ana, Auditor));

        async Task ExecuteAsync(string sql)
        {
            await using var command = new Npgsql.NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task Who_follows_live_is_told_nothing_of_it()
    {
        var ana = await service.SignedInAsync();
        using var stream = await EventStreamClient.OpenAsync(service.Url, "agents=" + ana);
        Assert.Equal("snapshot", (await stream.NextAsync()).Name);

        await ReadAsync($"agents/{ana}/timeline", Auditor);
        var version = TwoNodes.Version(await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, Supervisor));

        // What the stream begins with may be told once more, never what is no change of presence.
        var change = await stream.NextAsync("change");
        while (TwoNodes.Version(change.Data) < version)
            change = await stream.NextAsync("change");
        Assert.Equal("presence-changed", Text(change.Data, "type"));
    }

    private async Task ReadAsync(string path, string actor, params (string, string)[] headers)
    {
        var answer = await _client.GetAsync(path, actor, headers);
        Assert.True(answer.Status == 200, answer.ToString());
    }

    private async Task<JsonElement[]> ReadersAsync(string agentId, string actor)
    {
        var answer = await _client.GetAsync($"agents/{agentId}/readers", actor);
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static string? Text(JsonElement element, string member) => element.GetProperty(member).GetString();

    private static string WithoutTime(JsonElement reader)
    {
        Assert.InRange(
            reader.GetProperty("at").GetDateTimeOffset(),
            TimeProvider.System.GetUtcNow().AddMinutes(-5),
            TimeProvider.System.GetUtcNow()
        );
        var members = reader.EnumerateObject().Where(p => p.Name != "at").Select(p => $"\"{p.Name}\":{p.Value.GetRawText()}");
        return "{" + string.Join(',', members) + "}";
    }
}
