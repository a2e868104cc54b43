using System.Text;
using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Projections;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Privacy;

/// <summary>A person is erased: no name, no words of or about her anywhere, and the record stands and holds.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ErasureTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task After_an_erasure_no_name_and_no_words_are_left_anywhere_and_the_chain_holds()
    {
        var (name, words) = ($"Anastasia {service.NewId("Querulus")}", $"Her daughter is ill {service.NewId("words")}");
        var ana = await service.SignedInAsync(new { displayName = name, units = 100 });
        var ben = await service.SignedInAsync();
        var key = ("Idempotency-Key", service.NewId("key"));
        var reason = new { code = "family", text = words };
        await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away", reason }, "agent:" + ana, key);
        await service.DoneAsync("PUT", $"agents/{ana}/conversations/c1", new { units = 10, reason }, Routing);
        await service.DoneAsync("POST", $"agents/{ana}/conversations/c1/transfer", new { toAgentId = ben, reason }, Supervisor);
        await service.DoneAsync("POST", $"agents/{ana}/disputes", new { version = 1, reason }, "agent:" + ana);
        await service.DoneAsync("POST", $"agents/{ana}/disputes/1/answer", new { accepted = true, reason }, Supervisor);
        await service.DoneAsync("GET", $"agents/{ana}/timeline", null, Auditor);
        await service.DoneAsync("POST", $"agents/{ana}/sign-out", new { reason }, "agent:" + ana);
        Assert.NotEmpty(await TablesWithAsync(name));
        Assert.Equal(["ledger.reason"], await TablesWithAsync(words));
        var before = await StreamAsync(ana);

        var answer = await _client.PostAsync($"agents/{ana}/erasure", new { reason = new { code = "art-17", text = name } }, Administrator);

        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal("person-erased", answer.Json.GetProperty("events")[0].GetProperty("type").GetString());
        Assert.Empty(await TablesWithAsync(name));
        // What was said to Ben is in his stream, and goes with him.
        Assert.Equal(["ledger.reason"], await TablesWithAsync(words));
        Assert.Equal(1L, await service.ScalarAsync("select count(*) from ledger.reason where stream = $1", "agent-" + ben));
        Assert.Equal(0L, await service.ScalarAsync("select count(*) from ledger.reason where stream = $1", "agent-" + ana));

        var after = await StreamAsync(ana);
        Assert.Equal(before.Select(e => e.Hash), after.Take(before.Count).Select(e => e.Hash));
        Assert.Equal(before.Count + 1, after.Count);
        var hash = HashChain.Genesis;
        foreach (var e in after)
        {
            Assert.True(HashChain.Holds(hash, e), $"version {e.Version}");
            hash = e.Hash;
        }

        var position = ("Ledger-Position", answer.Headers["Ledger-Position"]);
        foreach (
            var path in new[]
            {
                $"agents/{ana}/timeline",
                $"agents/{ana}/state",
                $"agents/{ana}/disputes",
                $"agents/{ana}/readers",
                $"agents?text={ana}",
                $"reports/real-time/agents/{ana}",
                $"routing/eligible?why={ana}",
                "disputes",
            }
        )
        {
            var shown = await _client.GetAsync(path, Administrator, position);
            Assert.True(shown.Status == 200, $"{path}: {shown}");
            Assert.Contains(ana, shown.Text + path, StringComparison.Ordinal);
            Assert.DoesNotContain(name, shown.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(words, shown.Text, StringComparison.Ordinal);
        }
        var entries = (await _client.GetAsync($"agents/{ana}/timeline", Auditor)).Json.GetProperty("items").EnumerateArray().ToArray();
        var away = entries.First(e => e.GetProperty("rule").GetString() == "MAN-1");
        Assert.Equal("""{"code":"family","text":null,"erased":true}""", away.GetProperty("reason").GetRawText());
        Assert.Equal(
            "The person was erased: the name and the texts of reasons are gone, what happened stays.",
            entries[^1].GetProperty("explanation").GetString()
        );
        Assert.Empty((await _client.GetAsync($"agents?text={Uri.EscapeDataString(name)}")).Json.GetProperty("items").EnumerateArray());

        // Who sends the command of before again gets the answer of before, and brings no word back.
        var again = await _client.PutAsync($"agents/{ana}/presence", new { statusId = "away", reason }, "agent:" + ana, key);
        Assert.Equal("true", again.Headers["Idempotency-Replayed"]);
        Assert.DoesNotContain(words, again.Text, StringComparison.Ordinal);
        Assert.Equal(0L, await service.ScalarAsync("select count(*) from ledger.reason where stream = $1", "agent-" + ana));
    }

    [Fact]
    public async Task A_registration_that_is_sent_again_does_not_bring_the_name_back()
    {
        var ana = service.NewId("erased");
        var key = ("Idempotency-Key", service.NewId("key"));
        var body = new { displayName = "Ana Müller-" + ana, units = 10 };
        await _client.PutAsync($"agents/{ana}", body, Administrator, key);
        await EraseAsync(ana);

        var again = await _client.PutAsync($"agents/{ana}", body, Administrator, key);

        Assert.Equal("true", again.Headers["Idempotency-Replayed"]);
        Assert.Empty(await TablesWithAsync("Ana Müller-" + ana));
    }

    [Fact]
    public async Task An_erasure_can_be_repeated_and_takes_what_came_since()
    {
        var ana = await service.SignedInAsync();
        await service.DoneAsync("POST", $"agents/{ana}/sign-out", null, "agent:" + ana);
        await EraseAsync(ana);
        await service.DoneAsync(
            "PUT",
            $"agents/{ana}",
            new
            {
                displayName = "Back " + ana,
                units = 5,
                reason = new { text = "Came back" },
            },
            Administrator
        );
        Assert.Equal(1L, await TextsAsync(ana));
        var key = ("Idempotency-Key", service.NewId("key"));
        var body = new { reason = new { code = "art-17" } };

        var second = await _client.PostAsync($"agents/{ana}/erasure", body, Administrator, key);
        Assert.Equal(0L, await TextsAsync(ana));
        Assert.Empty(await TablesWithAsync("Back " + ana));

        // Sent again, as by somebody who got no answer.
        await service.DoneAsync("PUT", $"agents/{ana}", new { units = 6, reason = new { text = "Later" } }, Administrator);
        var repeated = await _client.PostAsync($"agents/{ana}/erasure", body, Administrator, key);
        Assert.Equal((second.Text, "true"), (repeated.Text, repeated.Headers["Idempotency-Replayed"]));
        Assert.Equal(1L, await TextsAsync(ana));
    }

    [Fact]
    public async Task Who_is_signed_in_is_not_erased_and_a_reason_is_needed()
    {
        var ana = await service.SignedInAsync(new { displayName = "Still here", units = 1 });
        var before = await service.EventsAsync();
        Expect.Problem(
            await _client.PostAsync($"agents/{ana}/erasure", new { reason = new { code = "art-17" } }, Administrator),
            409,
            "agent-signed-in"
        );
        Expect.BadField(await _client.PostAsync($"agents/{ana}/erasure", null, Administrator), "reason");
        Expect.Problem(
            await _client.PostAsync($"agents/{service.NewId("nobody")}/erasure", new { reason = new { code = "art-17" } }, Administrator),
            404,
            "agent-unknown"
        );
        Assert.Equal(before, await service.EventsAsync());
        Assert.Contains("Still here", (await _client.GetAsync($"agents?text={ana}")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Texts_from_before_they_were_kept_beside_are_within_the_events_and_are_not_shown_after_an_erasure()
    {
        var ana = await service.SignedInAsync();
        await WriteAsBeforeAsync(ana, "old words of " + ana);
        var entry = await LastAsync(ana);
        Assert.Equal($$"""{"code":"old","text":"old words of {{ana}}"}""", entry.GetProperty("reason").GetRawText());
        await service.DoneAsync("POST", $"agents/{ana}/sign-out", null, "agent:" + ana);

        await EraseAsync(ana);

        var entries = (await _client.GetAsync($"agents/{ana}/timeline", "agent:" + ana)).Json.GetProperty("items").EnumerateArray();
        Assert.Equal(
            """{"code":"old","text":null,"erased":true}""",
            entries.Single(e => e.GetProperty("version").GetInt64() == 3).GetProperty("reason").GetRawText()
        );
    }

    /// <summary>A manual change with its text within the envelope, as events were written once.</summary>
    private async Task WriteAsBeforeAsync(string agentId, string text)
    {
        var last = (await StreamAsync(agentId))[^1];
        var metadata =
            $$$"""{"actor":{"kind":"agent","id":"{{{agentId}}}"},"causationId":"{{{Guid.CreateVersion7()}}}","correlationId":"c","policyVersion":-1,"rule":"MAN-1","reason":{"code":"old","text":"{{{text}}}"}}""";
        const string data =
            """{"from":{"statusId":"available","base":"available","origin":"default"},"to":{"statusId":"away","base":"away","origin":"manual"}}""";
        var (id, at) = (Guid.CreateVersion7(), TimeProvider.System.Now());
        var hash = HashChain.Hash(last.Hash, last.Stream, last.Version + 1, id, last.Type, data, metadata, at, at);
        await using var command = service.Database.CreateCommand(
            """
            select ledger.append(now(), array[0], array[$1], array[$2 - 1]::bigint[],
                array[0], array[$1], array[$2]::bigint[], array[$3], array[$4], array[$5], array[$6], array[$7], array[$7], array[$8],
                '{}', '{}', '{}', '{}')
            """
        );
        foreach (var value in new object[] { last.Stream, last.Version + 1, id, last.Type, data, metadata, at, hash })
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync();
    }

    private async Task<System.Text.Json.JsonElement> LastAsync(string agentId) =>
        (await _client.GetAsync($"agents/{agentId}/timeline?order=desc&limit=1", "agent:" + agentId)).Json.GetProperty("items")[0];

    private Task EraseAsync(string agentId) =>
        service.DoneAsync("POST", $"agents/{agentId}/erasure", new { reason = new { code = "art-17" } }, Administrator);

    private async Task<long> TextsAsync(string agentId) =>
        (long)(await service.ScalarAsync("select count(*) from ledger.reason where stream = $1", "agent-" + agentId))!;

    private async Task<IReadOnlyList<EventRecord>> StreamAsync(string agentId)
    {
        await using var command = service.Database.CreateCommand(
            """
            select stream, version, event_id, type, data::text, metadata::text, occurred_at, recorded_at, hash
            from ledger.event where stream = $1 order by version
            """
        );
        command.Parameters.Add(new NpgsqlParameter { Value = StreamNames.Agent(agentId) });
        await using var reader = await command.ExecuteReaderAsync();
        var events = new List<EventRecord>();
        while (await reader.ReadAsync())
            events.Add(
                new EventRecord(
                    reader.GetString(0),
                    reader.GetInt64(1),
                    reader.GetGuid(2),
                    reader.GetString(3),
                    reader.GetString(4),
                    reader.GetString(5),
                    reader.GetFieldValue<DateTimeOffset>(6),
                    reader.GetFieldValue<DateTimeOffset>(7),
                    reader.GetFieldValue<byte[]>(8)
                )
            );
        return events;
    }

    /// <summary>Every table of the database that has a text in a row, be it as bytes.</summary>
    private async Task<string[]> TablesWithAsync(string text)
    {
        var tables = new List<string>();
        await using (
            var all = service.Database.CreateCommand(
                "select schemaname || '.' || tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1"
            )
        )
        await using (var reader = await all.ExecuteReaderAsync())
            while (await reader.ReadAsync())
                tables.Add(reader.GetString(0));
        Assert.Contains($"{ReadSide.Schema}.mt_doc_directory", tables);
        var found = new List<string>();
        var bytes = Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));
        foreach (var table in tables)
            if (
                await service.ScalarAsync(
                    $"select exists (select from {table} t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0)",
                    text,
                    bytes
                )
                is true
            )
                found.Add(table);
        return [.. found];
    }
}
