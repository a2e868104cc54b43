using System.IO.Compression;
using System.Text.Json;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;

namespace PresenceLedger.Api.Tests.Privacy;

/// <summary>Texts of reasons that were changed or deleted beside the service: they are not taken for erased.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class ReasonTamperingTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task A_text_that_is_gone_or_was_changed_is_said_to_be_and_only_an_erasure_erases()
    {
        var id = await service.SignedInAsync();
        var stream = "agent-" + id;
        foreach (var (status, text) in new[] { ("away", "first words"), ("busy", "second words"), ("away", "third words") })
            await service.DoneAsync(
                "PUT",
                $"agents/{id}/presence",
                new { statusId = status, reason = new { code = "why", text } },
                "agent:" + id
            );
        Assert.True(await HoldsAsync(id));
        await service.ScalarAsync("delete from ledger.reason where stream = $1 and text = convert_to('first words', 'UTF8')", stream);
        await service.ScalarAsync(
            "update ledger.reason set text = convert_to('Second!', 'UTF8') where stream = $1 and text = convert_to('second words', 'UTF8')",
            stream
        );

        Assert.Equal(
            [
                """{"code":"why","text":null,"missing":true}""",
                """{"code":"why","text":null,"changed":true}""",
                """{"code":"why","text":"third words"}""",
            ],
            await ReasonsAsync(id)
        );

        var verified = (await _client.GetAsync($"agents/{id}/verify", Auditor)).Json;
        Assert.False(verified.GetProperty("holds").GetBoolean());
        Assert.Equal(
            ["text-missing", "text-changed"],
            verified.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("kind").GetString())
        );
        var whole = await _client.GetAsync("ledger/verify?full=true", Auditor);
        var result = JsonElement.Parse(whole.Text.Trim().Split('\n')[^1]);
        Assert.Equal(
            [("text-missing", stream), ("text-changed", stream)],
            result
                .GetProperty("findings")
                .EnumerateArray()
                .Select(f => (f.GetProperty("kind").GetString()!, f.GetProperty("stream").GetString()!))
        );
        var page = await EvidencePageAsync(id);
        Assert.Contains("why: the text is missing, and nobody erased it", page, StringComparison.Ordinal);
        Assert.Contains("why: the text was changed after it was given, and is not shown", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Second!", page, StringComparison.Ordinal);
        Assert.Contains("why: third words", page, StringComparison.Ordinal);

        // What was given by an erasure is erased; what is gone later is not.
        await service.DoneAsync("POST", $"agents/{id}/sign-out", null, "agent:" + id);
        await service.DoneAsync("POST", $"agents/{id}/erasure", new { reason = new { code = "art-17" } }, Administrator);
        await service.DoneAsync(
            "PUT",
            $"agents/{id}",
            new { units = 5, reason = new { code = "why", text = "fourth words" } },
            Administrator
        );
        Assert.True(await HoldsAsync(id));
        await service.ScalarAsync("delete from ledger.reason where stream = $1", stream);

        var erased = """{"code":"why","text":null,"erased":true}""";
        Assert.Equal([erased, erased, erased, """{"code":"why","text":null,"missing":true}"""], await ReasonsAsync(id));
        Assert.False(await HoldsAsync(id));
        Assert.Contains("why: the text was erased", await EvidencePageAsync(id), StringComparison.Ordinal);

        // So that the ledger is sound for others.
        await service.DoneAsync("POST", $"agents/{id}/erasure", new { reason = new { code = "art-17" } }, Administrator);
        Assert.True(await HoldsAsync(id));
    }

    private async Task<string[]> ReasonsAsync(string id)
    {
        var entries = (await _client.GetAsync($"agents/{id}/timeline?limit=1000", Auditor)).Json.GetProperty("items").EnumerateArray();
        return
        [
            .. entries
                .Select(e => e.GetProperty("reason"))
                .Where(r => r.ValueKind is JsonValueKind.Object && r.GetProperty("code").GetString() == "why")
                .Select(r => r.GetRawText()),
        ];
    }

    private async Task<bool> HoldsAsync(string id) =>
        (await _client.GetAsync($"agents/{id}/verify", Auditor)).Json.GetProperty("holds").GetBoolean();

    private async Task<string> EvidencePageAsync(string id)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(service.Url, $"/api/v1/agents/{id}/evidence"));
        request.Headers.Add("X-Actor", Auditor);
        using var response = await http.SendAsync(request);
        using var zip = new ZipArchive(new MemoryStream(await response.Content.ReadAsByteArrayAsync()));
        using var reader = new StreamReader(zip.GetEntry("timeline.html")!.Open());
        return await reader.ReadToEndAsync();
    }
}
