using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Privacy;

/// <summary>An agent disputes an entry of the own timeline; a supervisor answers.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class DisputeTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task A_dispute_is_an_event_and_stands_at_its_entry_until_and_after_it_is_answered()
    {
        var ana = await service.SignedInAsync();
        await DisputeAsync(ana, 2, "I was not at my desk");

        var mark = (await EntriesAsync(ana))[2].GetProperty("dispute");
        Assert.Equal(
            ("open", "agent", ana),
            (Text(mark, "state"), Text(mark.GetProperty("by"), "kind"), Text(mark.GetProperty("by"), "id"))
        );
        Assert.False(mark.TryGetProperty("answeredBy", out _));
        var raised = (await EntriesAsync(ana))[3];
        Assert.Equal("entry-disputed", Text(raised, "type"));
        Assert.Equal("The agent disputed entry 2.", Text(raised, "explanation"));
        Assert.Equal("""{"code":null,"text":"I was not at my desk"}""", raised.GetProperty("reason").GetRawText());
        Assert.Equal(Text(raised, "occurredAt"), Text(mark, "at"));
        Assert.False(raised.TryGetProperty("dispute", out _));

        await service.DoneAsync(
            "POST",
            $"agents/{ana}/disputes/2/answer",
            new { accepted = false, reason = new { text = "The door says otherwise" } },
            Supervisor
        );

        var entries = await EntriesAsync(ana);
        mark = entries[2].GetProperty("dispute");
        Assert.Equal(("rejected", "sue"), (Text(mark, "state"), Text(mark.GetProperty("answeredBy"), "id")));
        Assert.Equal(Text(entries[4], "occurredAt"), Text(mark, "answeredAt"));
        Assert.Equal("The dispute of entry 2 was answered: the entry stands.", Text(entries[4], "explanation"));
        // Nothing of the presence was changed by any of it.
        Assert.Equal(
            "available",
            Expect.Status((await _client.GetAsync($"agents/{ana}/state?version=4", Auditor)).Json.GetProperty("presence"))
        );
    }

    [Fact]
    public async Task The_agents_disputes_are_listed_with_what_was_said()
    {
        var ana = await service.SignedInAsync();
        await DisputeAsync(ana, 2, "two");
        await DisputeAsync(ana, 0, "zero");
        await service.DoneAsync(
            "POST",
            $"agents/{ana}/disputes/2/answer",
            new { accepted = true, reason = new { code = "clock" } },
            Supervisor
        );

        var all = await ListAsync($"agents/{ana}/disputes", "agent:" + ana);
        Assert.Equal([0L, 2L], all.Select(d => d.GetProperty("version").GetInt64()));
        Assert.Equal(
            ("agent-registered", "open", "zero"),
            (Text(all[0], "type"), Text(all[0], "state"), Text(all[0].GetProperty("reason"), "text"))
        );
        Assert.False(all[0].TryGetProperty("answer", out _));
        Assert.Equal(("presence-changed", "accepted"), (Text(all[1], "type"), Text(all[1], "state")));
        var answer = all[1].GetProperty("answer");
        Assert.True(answer.GetProperty("accepted").GetBoolean());
        Assert.Equal(("sue", "clock"), (Text(answer.GetProperty("by"), "id"), Text(answer.GetProperty("reason"), "code")));

        Assert.Equal([0L], (await ListAsync($"agents/{ana}/disputes?open=true", Auditor)).Select(d => d.GetProperty("version").GetInt64()));
        Assert.Equal(
            [2L],
            (await ListAsync($"agents/{ana}/disputes?open=false", Auditor)).Select(d => d.GetProperty("version").GetInt64())
        );
        var page = (await _client.GetAsync($"agents/{ana}/disputes?limit=1", Auditor)).Json;
        Assert.Equal(
            [2L],
            (await ListAsync($"agents/{ana}/disputes?limit=1&cursor={Text(page, "next")}", Auditor)).Select(d =>
                d.GetProperty("version").GetInt64()
            )
        );
    }

    [Fact]
    public async Task Supervisors_see_the_open_disputes_of_all_the_oldest_first()
    {
        var (ana, ben) = (await service.SignedInAsync(), await service.SignedInAsync());
        await DisputeAsync(ben, 1, "one of ben");
        await DisputeAsync(ana, 2, "two of ana");
        await DisputeAsync(ana, 1, "one of ana");
        var written = await _client.PostAsync(
            $"agents/{ben}/disputes/1/answer",
            new { accepted = true, reason = new { code = "right" } },
            Supervisor
        );
        var position = ("Ledger-Position", written.Headers["Ledger-Position"]);

        var open = await MineAsync("disputes?open=true");
        Assert.Equal([(ana, 2L), (ana, 1L)], open);
        Assert.Equal([(ben, 1L), (ana, 2L), (ana, 1L)], await MineAsync("disputes"));
        Assert.Equal([(ben, 1L)], await MineAsync("disputes?open=false"));
        Expect.BadField(await _client.GetAsync("disputes?open=perhaps", Supervisor), "open");
        Expect.BadField(await _client.GetAsync("disputes?cursor=eA", Supervisor), "cursor");

        // All of them, by pages of one.
        async Task<(string, long)[]> MineAsync(string path)
        {
            var found = new List<(string, long)>();
            for (var next = ""; next is not null; )
            {
                var answer = await _client.GetAsync(
                    $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}limit=1{next}",
                    Supervisor,
                    position
                );
                Assert.True(answer.Status == 200, answer.ToString());
                found.AddRange(
                    answer
                        .Json.GetProperty("items")
                        .EnumerateArray()
                        .Select(d => (Text(d, "agentId")!, d.GetProperty("version").GetInt64()))
                );
                next = answer.Json.TryGetProperty("next", out var cursor) ? "&cursor=" + cursor.GetString() : null;
            }
            return [.. found.Where(d => d.Item1 == ana || d.Item1 == ben)];
        }
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_and_records_nothing()
    {
        var ana = await service.SignedInAsync();
        await DisputeAsync(ana, 1, "once");
        var before = await service.EventsAsync();
        var (path, self) = ($"agents/{ana}/disputes", "agent:" + ana);
        var why = new { text = "again" };
        Expect.BadField(await _client.PostAsync(path, new { version = 1 }, self), "reason.text");
        Expect.BadField(await _client.PostAsync(path, new { version = 1, reason = new { code = "no-words" } }, self), "reason.text");
        Expect.BadField(await _client.PostAsync(path, new { reason = why }, self), "version");
        Expect.Problem(await _client.PostAsync(path, new { version = 99, reason = why }, self), 409, "entry-unknown");
        Expect.Problem(await _client.PostAsync(path, new { version = 1, reason = why }, self), 409, "dispute-open");
        Expect.BadField(await _client.PostAsync(path + "/1/answer", new { reason = why }, Supervisor), "accepted");
        Expect.BadField(await _client.PostAsync(path + "/1/answer", new { accepted = true }, Supervisor), "reason");
        Expect.Problem(
            await _client.PostAsync(path + "/2/answer", new { accepted = true, reason = why }, Supervisor),
            404,
            "dispute-unknown"
        );
        Expect.Problem(
            await _client.PostAsync($"agents/{service.NewId("nobody")}/disputes", new { version = 0, reason = why }, Administrator),
            404,
            "agent-unknown"
        );
        Expect.Problem(await _client.GetAsync($"agents/{service.NewId("nobody")}/disputes", Auditor), 404, "agent-unknown");
        Assert.Equal(before, await service.EventsAsync());
    }

    /// <summary>At an instant of its own.</summary>
    private async Task DisputeAsync(string agentId, long version, string text)
    {
        await service.DoneAsync("POST", $"agents/{agentId}/disputes", new { version, reason = new { text } }, "agent:" + agentId);
        for (var now = TimeProvider.System.GetUtcNow(); TimeProvider.System.GetUtcNow() < now.AddMilliseconds(2); )
            await Task.Yield();
    }

    private async Task<JsonElement[]> EntriesAsync(string agentId) => await ListAsync($"agents/{agentId}/timeline", "agent:" + agentId);

    private async Task<JsonElement[]> ListAsync(string path, string actor)
    {
        var answer = await _client.GetAsync(path, actor);
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static string? Text(JsonElement element, string member) => element.GetProperty(member).GetString();
}
