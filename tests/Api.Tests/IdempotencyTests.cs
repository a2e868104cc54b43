using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests;

/// <summary>The same key with the same body gives the first answer again, and no second event.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class IdempotencyTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    private (string Name, string Value) NewKey() => ("Idempotency-Key", service.NewId("key"));

    [Fact]
    public async Task A_repeated_command_gets_the_first_answer_to_the_byte_and_one_event()
    {
        var ana = await service.SignedInAsync();
        var key = NewKey();
        var first = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        var events = await service.EventsAsync();
        // The state moves on; the answer of then does not.
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "busy" }, Supervisor);
        var second = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        Assert.Equal((200, first.Text, first.ContentType), (second.Status, second.Text, second.ContentType));
        Assert.Equal(first.Headers["ETag"], second.Headers["ETag"]);
        Assert.Equal("true", second.Headers["Idempotency-Replayed"]);
        Assert.False(first.Headers.ContainsKey("Idempotency-Replayed"));
        Assert.Equal(events + 1, await service.EventsAsync());
    }

    [Fact]
    public async Task A_repeated_sign_in_without_a_connection_gets_the_same_connection()
    {
        var ana = await service.AgentAsync();
        var key = NewKey();
        var first = await _client.PostAsync($"agents/{ana}/sign-in", null, "agent:" + ana, key);
        var second = await _client.PostAsync($"agents/{ana}/sign-in", null, "agent:" + ana, key);
        Assert.Equal(first.Text, second.Text);
        Assert.Equal(1, second.Json.GetProperty("connections").GetInt32());
    }

    [Fact]
    public async Task A_repeated_refusal_stays_refused_after_its_cause_is_gone()
    {
        var ana = await service.AgentAsync();
        var key = NewKey();
        var first = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        Expect.Problem(first, 409, "agent-not-signed-in");
        await service.DoneAsync("POST", $"agents/{ana}/sign-in", null, "agent:" + ana);
        var events = await service.EventsAsync();
        var second = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        Assert.Equal((409, first.Text, first.ContentType), (second.Status, second.Text, second.ContentType));
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task A_repeated_version_conflict_stays_one()
    {
        var ana = await service.SignedInAsync();
        var key = NewKey();
        var first = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key, ("If-Match", "3"));
        Expect.Problem(first, 412, "version-conflict");
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "busy" }, Supervisor);
        var second = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key, ("If-Match", "3"));
        Assert.Equal(first.Text, second.Text);
    }

    [Fact]
    public async Task A_repeated_no_op_stays_one_after_the_state_moved_on()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        var key = NewKey();
        var first = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        Assert.Empty(first.Json.GetProperty("events").EnumerateArray());
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "busy" }, "agent:" + ana);
        var events = await service.EventsAsync();
        var second = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        Assert.Equal(first.Text, second.Text);
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task A_key_that_comes_with_another_command_is_refused_and_records_nothing()
    {
        var ana = await service.SignedInAsync();
        var key = NewKey();
        await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        var events = await service.EventsAsync();
        Expect.Problem(
            await _client.PutAsync($"agents/{ana}/presence", new { statusId = "busy" }, "agent:" + ana, key),
            422,
            "idempotency-key-reused"
        );
        // A no-op, and a refusal, under that key are other commands too.
        Expect.Problem(
            await _client.PutAsync(
                $"agents/{ana}/presence",
                new { statusId = "away", reason = new { code = "lunch" } },
                "agent:" + ana,
                key
            ),
            422,
            "idempotency-key-reused"
        );
        Expect.Problem(await _client.PostAsync($"agents/{ana}/presence/reset", null, "agent:" + ana, key), 422, "idempotency-key-reused");
        Assert.Equal(events, await service.EventsAsync());
    }

    [Fact]
    public async Task A_key_that_comes_with_other_settings_changes_no_name()
    {
        var ana = await service.AgentAsync();
        var key = NewKey();
        await _client.PutAsync($"agents/{ana}", new { displayName = "First name", units = 10 }, Administrator, key);
        var reused = await _client.PutAsync($"agents/{ana}", new { displayName = "Second name", units = 20 }, Administrator, key);
        Expect.Problem(reused, 422, "idempotency-key-reused");
        Assert.Contains("First name", (await _client.GetAsync($"agents?text={ana}")).Text, StringComparison.Ordinal);

        // Nor does the same body bring an old name back.
        await service.DoneAsync("PUT", $"agents/{ana}", new { displayName = "Third name" }, Administrator);
        await _client.PutAsync($"agents/{ana}", new { displayName = "First name", units = 10 }, Administrator, key);
        Assert.Contains("Third name", (await _client.GetAsync($"agents?text={ana}")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_is_the_actors_own()
    {
        var ana = await service.SignedInAsync();
        var key = NewKey();
        await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key);
        var other = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "busy" }, Supervisor, key);
        Assert.Equal("busy", Expect.Status(other.Json));
    }

    [Fact]
    public async Task Duplicates_at_the_same_time_get_one_answer_and_one_event()
    {
        var ana = await service.SignedInAsync();
        var before = await service.EventsAsync();
        var key = NewKey();
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(_ => _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, key))
        );
        Assert.Single(answers.Select(a => (a.Status, a.Text)).Distinct());
        Assert.Equal(200, answers[0].Status);
        Assert.Equal(before + 1, await service.EventsAsync());
    }

    [Fact]
    public async Task A_repeated_change_of_the_configuration_is_made_once()
    {
        var id = service.NewId("away-idem");
        var key = NewKey();
        var body = new { text = "Out", @base = "away" };
        var first = await _client.PutAsync($"statuses/{id}", body, Administrator, key);
        Assert.Equal(200, first.Status);
        await service.DoneAsync("PUT", $"statuses/{id}", new { text = "Really out", @base = "away" }, Administrator);
        var events = await service.EventsAsync();
        var second = await _client.PutAsync($"statuses/{id}", body, Administrator, key);
        Assert.Equal(first.Text, second.Text);
        Assert.Equal(events, await service.EventsAsync());
        Expect.Problem(await _client.PostAsync($"statuses/{id}/retire", null, Administrator, key), 422, "idempotency-key-reused");
    }

    [Fact]
    public async Task A_no_op_with_a_key_gives_no_position_that_is_never_reached()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);
        var noOp = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana, NewKey());
        Assert.Equal(200, noOp.Status);
        Assert.False(noOp.Headers.ContainsKey("Ledger-Position"), "the projection has nothing to reach");
    }
}
