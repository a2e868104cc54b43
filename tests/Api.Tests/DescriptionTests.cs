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
    public async Task Every_operation_has_a_name_of_its_own_that_begins_with_a_verb()
    {
        var document = (await _client.GetAsync("/openapi/v1.json")).Json;
        var operations = document
            .GetProperty("paths")
            .EnumerateObject()
            .SelectMany(p => p.Value.EnumerateObject().Select(o => (At: $"{o.Name} {p.Name}", o.Value)))
            .ToArray();
        foreach (var (at, operation) in operations)
        {
            Assert.True(operation.TryGetProperty("operationId", out var name), $"{at} has no operationId: give it one in OperationNames");
            Assert.Matches("^[a-z]+([A-Z][a-z]+)+$", name.GetString());
        }
        Assert.Equal(operations.Length, operations.Select(o => o.Value.GetProperty("operationId").GetString()).Distinct().Count());
    }

    [Fact]
    public async Task The_rows_of_the_historical_report_are_described_with_every_metric_of_the_catalogue()
    {
        var document = (await _client.GetAsync("/openapi/v1.json")).Json;
        var metrics = (await _client.GetAsync("reports/metrics")).Json.GetProperty("items");
        foreach (var item in new[] { "ReportItem", "TotalsItem" })
        {
            var properties = document.GetProperty("components").GetProperty("schemas").GetProperty(item).GetProperty("properties");
            foreach (var metric in metrics.EnumerateArray())
                Assert.True(properties.TryGetProperty(metric.GetProperty("name").GetString()!, out _), $"{item}: {metric}");
        }
    }

    [Fact]
    public async Task An_answer_that_is_not_as_described_is_found()
    {
        var described = await DescribedAnswers.OfAsync(_client);
        var answer = await _client.GetAsync("policy");
        Assert.Null(described.Error("GET", "/api/v1/policy", answer));
        var more = answer with { Text = answer.Text.Insert(1, "\"unknown\":1,") };
        Assert.Contains("unknown", described.Error("GET", "/api/v1/policy", more), StringComparison.Ordinal);
        var less = answer with { Text = "{}" };
        Assert.Contains("restoreWindow", described.Error("GET", "/api/v1/policy", less), StringComparison.Ordinal);
        Assert.Contains("418", described.Error("GET", "/api/v1/policy", answer with { Status = 418 }), StringComparison.Ordinal);
        Assert.Contains(
            "text/html",
            described.Error("GET", "/api/v1/policy", answer with { ContentType = "text/html" }),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task The_description_says_how_callers_show_who_they_are()
    {
        var document = (await _client.GetAsync("/openapi/v1.json")).Json;
        var schemes = document.GetProperty("components").GetProperty("securitySchemes");
        Assert.Equal("bearer", schemes.GetProperty("bearer").GetProperty("scheme").GetString());
        Assert.Equal("X-Actor", schemes.GetProperty("X-Actor").GetProperty("name").GetString());
        Assert.True(document.GetProperty("security")[0].TryGetProperty("X-Actor", out _));
        Assert.False(document.TryGetProperty("servers", out _));
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
        Assert.Matches(@"^\d+$", check.GetProperty("data").GetProperty("position").GetString());
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
