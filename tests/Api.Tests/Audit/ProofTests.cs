using System.IO.Compression;
using System.Text;
using System.Text.Json;
using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>Seals, verification and evidence over HTTP.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ProofTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task What_is_recorded_is_sealed_on_demand_and_the_seals_are_listed()
    {
        await service.SignedInAsync();

        var made = await service.DoneAsync("POST", "ledger/seals", null, OpenService.Administrator);

        var last = made.GetProperty("last");
        Assert.Matches("^[0-9a-f]{64}$", last.GetProperty("root").GetString());
        Assert.False(last.TryGetProperty("eventIds", out _));
        var list = await AllAsync("ledger/seals?limit=2");
        Assert.Equal(last.GetRawText(), list[^1].GetRawText());
        Assert.Equal(Enumerable.Range(0, list.Count).Select(n => (long)n), list.Select(s => s.GetProperty("number").GetInt64()));
        for (var n = 1; n < list.Count; n++)
        {
            Assert.Equal(list[n - 1].GetProperty("hash").GetString(), list[n].GetProperty("previous").GetString());
            Assert.Equal(
                list[n - 1].GetProperty("first").GetInt64() + list[n - 1].GetProperty("count").GetInt32(),
                list[n].GetProperty("first").GetInt64()
            );
        }
        var keys = (await _client.GetAsync("ledger/keys?limit=1")).Json.GetProperty("items");
        var key = PublicKey.Parse(keys[0].GetProperty("publicKey").GetString()!);
        Assert.Equal(key.Id, keys[0].GetProperty("keyId").GetString());
        Assert.Equal(key.Id, last.GetProperty("signatures")[0].GetProperty("keyId").GetString());
    }

    [Theory]
    [InlineData("POST", "ledger/seals", "agent:ana", 403)]
    [InlineData("POST", "ledger/seals", "supervisor:sue", 403)]
    [InlineData("POST", "ledger/seals", "auditor:al", 403)]
    [InlineData("GET", "ledger/verify", "service:routing", 403)]
    [InlineData("GET", "ledger/verify", "auditor:al", 200)]
    [InlineData("GET", "ledger/verify", "administrator:root", 200)]
    [InlineData("GET", "ledger/seals", "agent:ana", 200)]
    [InlineData("GET", "ledger/keys", "agent:ana", 200)]
    public async Task Who_may_what(string method, string path, string actor, int status)
    {
        var answer = await _client.SendAsync(method, path, null, actor);

        Assert.True(answer.Status == status, answer.ToString());
    }

    [Fact]
    public async Task The_chain_of_an_agent_is_verified_and_the_seal_of_its_last_events_named()
    {
        var id = await service.SignedInAsync();
        var before = (await _client.GetAsync($"agents/{id}/verify", OpenService.Auditor)).Json;
        await service.DoneAsync("POST", "ledger/seals", null, OpenService.Administrator);

        var after = (await _client.GetAsync($"agents/{id}/verify", "agent:" + id)).Json;

        Assert.True(before.GetProperty("holds").GetBoolean());
        Assert.True(after.GetProperty("holds").GetBoolean());
        Assert.Equal(after.GetProperty("version").GetInt64(), after.GetProperty("sealedVersion").GetInt64());
        Assert.True(after.GetProperty("seal").GetInt64() >= 0);
        Assert.Equal(after.GetProperty("version").GetInt64() + 1, after.GetProperty("events").GetInt64());
        Expect.Problem(await _client.GetAsync($"agents/{id}/verify", "agent:another"), 403, "forbidden");
        Expect.Problem(await _client.GetAsync("agents/nobody-at-all/verify", OpenService.Auditor), 404, "agent-unknown");
    }

    [Fact]
    public async Task The_ledger_is_verified_quickly_and_wholly()
    {
        await service.SignedInAsync();
        await service.DoneAsync("POST", "ledger/seals", null, OpenService.Administrator);

        var quick = await _client.GetAsync("ledger/verify", OpenService.Auditor);
        var whole = await _client.GetAsync("ledger/verify?full=true", OpenService.Auditor);

        Assert.True(quick.Json.GetProperty("sound").GetBoolean(), quick.ToString());
        Assert.Equal("application/x-ndjson", whole.ContentType);
        var result = JsonElement.Parse(whole.Text.Trim().Split('\n')[^1]);
        Assert.True(result.GetProperty("sound").GetBoolean(), whole.Text);
        Assert.True(result.GetProperty("events").GetInt64() > 0);
        Assert.True(result.GetProperty("trustGiven").GetBoolean());
    }

    [Fact]
    public async Task Evidence_is_a_bundle_that_holds_by_itself_and_says_how_to_check_it()
    {
        var id = await service.WithConversationAsync();
        await service.DoneAsync(
            "PUT",
            $"agents/{id}/presence",
            new { statusId = "away", reason = new { code = "x<script>", text = "<script>alert(1)</script>" } },
            "agent:" + id
        );

        var bundle = await EvidenceAsync(id, "?seal=true", OpenService.Administrator);

        var result = BundleVerifier.Verify(new MemoryStream(bundle), []);
        Assert.Empty(result.Findings);
        Assert.Equal((id, 0), (result.AgentId, result.Unsealed));
        Assert.True(result.Events >= 6);
        using var zip = new ZipArchive(new MemoryStream(bundle));
        Assert.Contains("openssl dgst", Text(zip, "README.md"), StringComparison.Ordinal);
        var page = Text(zip, "timeline.html");
        Assert.Contains("was accepted", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains(zip.Entries, e => e.FullName.StartsWith("keys/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Evidence_of_a_stretch_of_time_has_its_events_alone()
    {
        var id = await service.SignedInAsync();
        var timeline = (await _client.GetAsync($"agents/{id}/timeline", OpenService.Auditor)).Json.GetProperty("items");
        await Task.Delay(5);
        await service.DoneAsync("PUT", $"agents/{id}/presence", new { statusId = "busy" }, "agent:" + id);
        var later = (await _client.GetAsync($"agents/{id}/timeline", OpenService.Auditor)).Json.GetProperty("items");
        var from = later[timeline.GetArrayLength()].GetProperty("occurredAt").GetString();

        var bundle = await EvidenceAsync(id, $"?from={Uri.EscapeDataString(from!)}");

        var result = BundleVerifier.Verify(new MemoryStream(bundle), []);
        Assert.Empty(result.Findings);
        Assert.Equal(later.GetArrayLength() - timeline.GetArrayLength(), result.Events);
        Expect.BadField(await _client.GetAsync($"agents/{id}/evidence?from=nonsense", OpenService.Auditor), "from");
        Expect.Problem(await _client.GetAsync($"agents/{id}/evidence", "agent:another"), 403, "forbidden");
        Expect.Problem(await _client.GetAsync("agents/nobody-at-all/evidence", OpenService.Auditor), 404, "agent-unknown");
    }

    [Fact]
    public async Task Evidence_seals_only_where_it_is_asked_to_and_something_is_not_sealed()
    {
        var id = await service.SignedInAsync();
        var before = await SealsAsync();

        var unsealed = BundleVerifier.Verify(new MemoryStream(await EvidenceAsync(id)), []);
        Assert.Equal(before, await SealsAsync());
        Assert.Equal((0, unsealed.Events), (unsealed.Findings.Count, unsealed.Unsealed));

        var @sealed = BundleVerifier.Verify(new MemoryStream(await EvidenceAsync(id, "?seal=true", OpenService.Administrator)), []);
        var after = await SealsAsync();
        Assert.True(after > before);
        Assert.Equal(0, @sealed.Unsealed);
        await EvidenceAsync(id, "?seal=true", OpenService.Administrator);
        await _client.GetAsync($"agents/{id}/verify", OpenService.Auditor);
        Assert.Equal(after, await SealsAsync());

        Expect.Problem(await _client.GetAsync($"agents/{id}/evidence?seal=true", OpenService.Auditor), 403, "forbidden");
        Expect.BadField(await _client.GetAsync($"agents/{id}/evidence?seal=perhaps", OpenService.Auditor), "seal");
    }

    [Fact]
    public async Task Health_and_metrics_tell_of_the_seals()
    {
        await service.SignedInAsync();
        await service.DoneAsync("POST", "ledger/seals", null, OpenService.Administrator);

        var ready = (await _client.GetAsync("/health/ready")).Json.GetProperty("checks")[0].GetProperty("data").GetProperty("seals");

        Assert.True(ready.GetProperty("events").GetInt64() > 0);
        Assert.Equal(JsonValueKind.Null, ready.GetProperty("stopped").ValueKind);
    }

    private async Task<long> SealsAsync() => (long)(await service.ScalarAsync("select count(*) from ledger.event where stream = 'seals'"))!;

    private async Task<byte[]> EvidenceAsync(string id, string query = "", string actor = OpenService.Auditor)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(service.Url, $"/api/v1/agents/{id}/evidence{query}"));
        request.Headers.Add("X-Actor", actor);
        using var response = await http.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        Assert.Equal("application/zip", response.Content.Headers.ContentType?.MediaType);
        return await response.Content.ReadAsByteArrayAsync();
    }

    private static string Text(ZipArchive zip, string name)
    {
        using var reader = new StreamReader(zip.GetEntry(name)!.Open(), Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private async Task<List<JsonElement>> AllAsync(string path)
    {
        var all = new List<JsonElement>();
        for (string? next = ""; next is not null; )
        {
            var page = (await _client.GetAsync(path + (next.Length > 0 ? "&cursor=" + next : ""))).Json;
            all.AddRange(page.GetProperty("items").EnumerateArray());
            next = page.TryGetProperty("next", out var more) ? more.GetString() : null;
        }
        return all;
    }
}
