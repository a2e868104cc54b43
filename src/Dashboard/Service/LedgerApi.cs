using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Dashboard.Access;

namespace PresenceLedger.Dashboard.Service;

/// <summary>The service's API (docs/api.md) as the viewer may use it. Every page reads and acts through this.</summary>
public sealed class LedgerApi(Door door, CurrentViewer viewer)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    /// <summary>How the API writes: camel case; enumerations in kebab case.</summary>
    public static JsonSerializerOptions Json { get; } =
        new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) } };

    /// <summary>Reads.</summary>
    /// <param name="path">From <c>/api/v1/</c> on, already encoded: <see cref="Path"/>.</param>
    /// <param name="ct">Cancellation.</param>
    public Task<Answer<T>> GetAsync<T>(string path, CancellationToken ct = default) => SendAsync<T>(HttpMethod.Get, path, null, ct);

    /// <summary>Acts. A lost answer makes no second event: each call has an idempotency key of its own.</summary>
    public Task<Answer<T>> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct = default) =>
        SendAsync<T>(method, path, body, [], ct);

    /// <summary>Acts, with headers, such as <c>If-Match</c>.</summary>
    public async Task<Answer<T>> SendAsync<T>(
        HttpMethod method,
        string path,
        object? body,
        IEnumerable<(string Name, string Value)> headers,
        CancellationToken ct = default
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Longest);
        try
        {
            using var content = body is null ? null : JsonContent.Create(body, options: Json);
            using var response = await door.SendAsync(
                method,
                path,
                (await viewer.GetAsync()).Actor,
                content,
                [.. headers, Language(), .. method == HttpMethod.Post ? Key() : []],
                limit.Token
            );
            if (!response.IsSuccessStatusCode)
                return new Answer<T>(default, await ProblemOfAsync(response, limit.Token));
            if (response.Content.Headers.ContentLength is 0 || response.StatusCode is System.Net.HttpStatusCode.NoContent)
                return new Answer<T>(default, null);
            return new Answer<T>(await response.Content.ReadFromJsonAsync<T>(Json, limit.Token), null)
            {
                ETag = response.Headers.ETag?.ToString(),
            };
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new Answer<T>(default, new Problem(504, "timeout", "The service did not answer within a minute.", null));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new Answer<T>(default, new Problem(503, "unavailable", "The service cannot be reached; it may be restarting.", null));
        }
    }

    /// <summary>Reads a document as it comes (CSV, NDJSON, ZIP); the caller disposes of it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(string path, CancellationToken ct) =>
        await door.SendAsync(HttpMethod.Get, path, (await viewer.GetAsync()).Actor, null, [Language()], ct);

    /// <summary>A path with parameters; those that are null or empty are left out. Instants are written in UTC.</summary>
    public static string Path(FormattableString path, params IEnumerable<(string Name, object? Value)> query)
    {
        var encoded = string.Format(
            CultureInfo.InvariantCulture,
            path.Format,
            [.. path.GetArguments().Select(a => (object?)Uri.EscapeDataString(Text(a)))]
        );
        var parameters = query.Select(q => (q.Name, Value: Text(q.Value))).Where(q => q.Value.Length > 0).ToArray();
        return parameters.Length == 0
            ? encoded
            : encoded + "?" + string.Join('&', parameters.Select(q => q.Name + "=" + Uri.EscapeDataString(q.Value)));
    }

    // The audit's sentences come in the language of the pages.
    private static (string, string) Language() => ("Accept-Language", CultureInfo.CurrentUICulture.Name);

    private static IEnumerable<(string, string)> Key() => [("Idempotency-Key", Guid.NewGuid().ToString())];

    private static string Text(object? value) =>
        value switch
        {
            null => "",
            DateTimeOffset at => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            bool flag => flag ? "true" : "false",
            IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString() ?? "",
        };

    private static async Task<Problem> ProblemOfAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var status = (int)response.StatusCode;
        try
        {
            var said = await response.Content.ReadFromJsonAsync<Problem>(Json, ct);
            return said is null ? Unknown() : said with { Status = status };
        }
        catch (JsonException)
        {
            return Unknown();
        }

        Problem Unknown() =>
            new(status, "http-" + status.ToString(CultureInfo.InvariantCulture), "The service answered without saying why.", null);
    }
}

/// <summary>What the service answered: a value or a problem.</summary>
/// <param name="Value">The body; null where there is none, or a problem.</param>
/// <param name="Problem">Why it did not do it; null where it did.</param>
public sealed record Answer<T>(T? Value, Problem? Problem)
{
    /// <summary>The version of the thing.</summary>
    public string? ETag { get; init; }
}

/// <summary>Problem details (RFC 9457) of the API.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The stable code.</param>
/// <param name="Detail">What happened and what to do.</param>
/// <param name="Errors">What is wrong with the request, by field.</param>
public sealed record Problem(int Status, string Code, string Detail, IReadOnlyDictionary<string, string[]>? Errors);
