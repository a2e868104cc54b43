using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests;

/// <summary>
/// Holds answers against the description of the API: the status has to be described, and so have the headers and the content
/// type, and JSON has to be of the schema. What the description does not have a path and method for must not be there.
/// </summary>
public sealed class DescribedAnswers
{
    private static readonly string[] Headers = ["Ledger-Position", "ETag", "Retry-After", "Idempotency-Replayed"];
    private static readonly string[] Methods = ["get", "put", "post", "delete"];

    private readonly JsonElement _document;
    private readonly JsonNode _definitions;
    private readonly (string[] Segments, JsonElement Operations)[] _paths;
    private readonly ConcurrentDictionary<string, Lazy<JsonSchema>> _schemas = new(StringComparer.Ordinal);

    public DescribedAnswers(JsonElement document)
    {
        _document = document;
        _definitions = JsonNode.Parse(Local(document.GetProperty("components").GetProperty("schemas").GetRawText()))!;
        _paths =
        [
            .. document
                .GetProperty("paths")
                .EnumerateObject()
                .Select(p => (p.Name.Split('/'), p.Value))
                // What is written out goes before what is a parameter.
                .OrderBy(p => p.Item1.Count(IsParameter)),
        ];
    }

    /// <summary>What the service says of itself.</summary>
    public static async Task<DescribedAnswers> OfAsync(ServiceClient client) => new((await client.GetAsync("/openapi/v1.json")).Json);

    /// <summary>Fails where the description does not have this answer.</summary>
    public void Check(string method, string target, Answer answer)
    {
        if (Error(method, target, answer) is { } error)
            Assert.Fail($"{method} {target} does not answer as /openapi/v1.json says: {error}\n{answer}");
    }

    /// <summary>What the description does not have of an answer; null where it has all.</summary>
    public string? Error(string method, string target, Answer answer)
    {
        if (Operation(method, target) is not { } operation)
            return answer.Status < 300 && method is not ("HEAD" or "OPTIONS") && target.StartsWith("/api/v1/", StringComparison.Ordinal)
                ? "there is no such operation"
                : null;
        if (
            !operation
                .GetProperty("responses")
                .TryGetProperty(answer.Status.ToString(System.Globalization.CultureInfo.InvariantCulture), out var response)
        )
            return $"the status {answer.Status} is not described";
        response = Resolved(response);
        foreach (var header in Headers.Where(h => answer.Headers.ContainsKey(h) && (answer.Status < 400 || h == "Retry-After")))
            if (!response.TryGetProperty("headers", out var headers) || !headers.TryGetProperty(header, out _))
                return $"the header {header} is not described";
        var media = answer.ContentType?.Split(';')[0].Trim();
        if (!response.TryGetProperty("content", out var content))
            return answer.Text.Length == 0 ? null : "no content is described";
        if (media is null || !content.TryGetProperty(media, out var described))
            return $"the content type {media ?? "(none)"} is not described";
        return media.EndsWith("json", StringComparison.Ordinal) && media != "application/x-ndjson"
            ? Mismatch(described.GetProperty("schema").GetRawText(), answer.Json)
            : null;
    }

    private JsonElement? Operation(string method, string target)
    {
        var name = Methods.FirstOrDefault(m => string.Equals(m, method, StringComparison.OrdinalIgnoreCase));
        if (name is null)
            return null;
        var segments = target.Split('?', '#')[0].Split('/');
        foreach (var (template, operations) in _paths)
            if (
                template.Length == segments.Length
                && template.Zip(segments).All(pair => IsParameter(pair.First) ? pair.Second.Length > 0 : pair.First == pair.Second)
                && operations.TryGetProperty(name, out var operation)
            )
                return operation;
        return null;
    }

    private JsonElement Resolved(JsonElement element)
    {
        if (!element.TryGetProperty("$ref", out var reference))
            return element;
        return reference.GetString()!.Split('/')[1..].Aggregate(_document, (at, name) => at.GetProperty(name));
    }

    private string? Mismatch(string schemaText, JsonElement json)
    {
        var schema = _schemas
            .GetOrAdd(
                schemaText,
                text => new Lazy<JsonSchema>(() =>
                {
                    var root = JsonNode.Parse(Local(text))!.AsObject();
                    root["$defs"] = _definitions.DeepClone();
                    return JsonSchema.FromText(root.ToJsonString());
                })
            )
            .Value;
        var results = schema.Evaluate(json, new EvaluationOptions { OutputFormat = OutputFormat.List });
        if (results.IsValid)
            return null;
        var errors = (results.Details ?? [])
            .Where(d => d.Errors is { Count: > 0 })
            .SelectMany(d => d.Errors!.Select(e => $"{d.InstanceLocation}: {e.Key} {e.Value}"))
            .Distinct(StringComparer.Ordinal);
        return string.Join("; ", errors.Take(10));
    }

    private static string Local(string schema) => schema.Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal);

    private static bool IsParameter(string segment) => segment.StartsWith('{');
}
