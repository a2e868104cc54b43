using System.Text.RegularExpressions;
using PresenceLedger.Testing;
using Snapshooter.Xunit;

namespace PresenceLedger.Api.Tests;

/// <summary>What the service says of itself: its description, its page, its probes and metrics.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed partial class DescriptionTests(OpenService service)
{
    private readonly ServiceClient _client = service.Client;

    [Fact]
    public async Task The_description_of_the_API_is_OpenAPI_3_1_and_changes_only_on_purpose()
    {
        var answer = await _client.GetAsync("/openapi/v1.json");
        Assert.Equal(200, answer.Status);
        Assert.StartsWith("3.1.", answer.Json.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Expect.Indented(answer.Json).MatchSnapshot();
    }

    [Fact]
    public async Task Every_operation_of_the_description_says_what_it_is_for_and_references_resolve()
    {
        var document = (await _client.GetAsync("/openapi/v1.json")).Json;
        var schemas = document.GetProperty("components").GetProperty("schemas");
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            Assert.StartsWith("/api/v1/", path.Name, StringComparison.Ordinal);
            foreach (var operation in path.Value.EnumerateObject())
                Assert.True(operation.Value.TryGetProperty("summary", out _), $"{operation.Name} {path.Name} has no summary");
        }
        foreach (Match reference in References().Matches(document.GetRawText()))
            Assert.True(schemas.TryGetProperty(reference.Groups[1].Value, out _), reference.Value);
    }

    [Fact]
    public async Task The_page_of_the_API_needs_nothing_from_elsewhere()
    {
        var page = await _client.GetAsync("/docs/");
        Assert.Equal(200, page.Status);
        Assert.StartsWith("text/html", page.ContentType, StringComparison.Ordinal);
        var sources = Sources().Matches(page.Text).Select(m => m.Groups[1].Value).ToArray();
        Assert.NotEmpty(sources);
        foreach (var source in sources)
        {
            var target = new Uri(new Uri(service.Url, "/docs/"), source);
            Assert.Equal(service.Url.Authority, target.Authority);
            var asset = await _client.GetAsync(target.PathAndQuery);
            Assert.True(asset.Status == 200, $"{target}: {asset.Status}");
        }
        Assert.DoesNotMatch("https?://(?!localhost|127\\.0\\.0\\.1)[a-z]", page.Text);
        Assert.Contains((await _client.GetAsync("/docs")).Status, (int[])[200, 301, 302, 307, 308]);
    }

    [Fact]
    public async Task The_probes_say_that_it_lives_and_is_ready()
    {
        var live = await _client.GetAsync("/health/live");
        Assert.Equal((200, "healthy"), (live.Status, live.Json.GetProperty("status").GetString()));
        var ready = await _client.GetAsync("/health/ready");
        Assert.Equal((200, "healthy"), (ready.Status, ready.Json.GetProperty("status").GetString()));
        var check = ready.Json.GetProperty("checks")[0];
        Assert.Equal("ledger", check.GetProperty("name").GetString());
        Assert.Matches(@"^\d+\.\d+\.\d+$", check.GetProperty("data").GetProperty("position").GetString());
        Assert.True(check.GetProperty("data").TryGetProperty("lagSeconds", out _));
        var model = check.GetProperty("data").GetProperty("models")[0];
        Assert.Equal("presence", model.GetProperty("name").GetString());
        Assert.True(model.GetProperty("lagSeconds").GetDouble() >= 0);
        Assert.True(model.GetProperty("lagEvents").GetInt64() >= 0);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, model.GetProperty("stopped").ValueKind);
    }

    [Fact]
    public async Task The_metrics_count_commands_and_requests()
    {
        await service.SignedInAsync();
        // The exporter keeps an answer for a moment.
        var metrics = await _client.GetAsync("/metrics");
        for (var tries = 0; tries < 100 && !metrics.Text.Contains("command=\"SignIn\"", StringComparison.Ordinal); tries++)
        {
            await Task.Delay(50);
            metrics = await _client.GetAsync("/metrics");
        }
        Assert.Equal(200, metrics.Status);
        Assert.Contains("presence_ledger_command_duration_seconds_count", metrics.Text, StringComparison.Ordinal);
        Assert.Contains("command=\"SignIn\"", metrics.Text, StringComparison.Ordinal);
        Assert.Contains("http_server_request_duration_seconds_count", metrics.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("ana-", metrics.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_metrics_tell_how_far_each_read_model_is_behind()
    {
        await service.SignedInAsync();
        var metrics = await _client.GetAsync("/metrics");
        for (var tries = 0; tries < 100 && !metrics.Text.Contains("projection_lag_seconds", StringComparison.Ordinal); tries++)
        {
            await Task.Delay(50);
            metrics = await _client.GetAsync("/metrics");
        }
        foreach (var name in new[] { "lag_seconds", "lag_events", "stopped" })
            Assert.Matches($$"""presence_ledger_projection_{{name}}\{[^}]*model="presence"[^}]*\} [0-9.]+""", metrics.Text);
    }

    [Fact]
    public async Task No_answer_tells_what_serves_it()
    {
        var answer = await _client.GetAsync("agents");
        Assert.False(answer.Headers.ContainsKey("Server"));
    }

    [GeneratedRegex("\"\\$ref\": ?\"#/components/schemas/([^\"]+)\"")]
    private static partial Regex References();

    [GeneratedRegex("(?:src|href)=\"([^\"]+)\"")]
    private static partial Regex Sources();
}
