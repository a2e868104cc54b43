using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace PresenceLedger.Testing;

/// <summary>An answer over HTTP, read whole.</summary>
public sealed record Answer(int Status, string? ContentType, string Text, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The body as JSON.</summary>
    public JsonElement Json => JsonElement.Parse(Text);

    /// <summary>The code of a problem.</summary>
    public string? Code => Text.Length > 0 && Json.TryGetProperty("code", out var code) ? code.GetString() : null;

    public override string ToString() => $"{Status} {Text}";
}

/// <summary>Calls the service; who calls is said with each call.</summary>
public sealed class ServiceClient(Uri url) : IDisposable
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    private readonly HttpClient _http = new(
        new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
        }
    )
    {
        Timeout = TimeSpan.FromSeconds(60),
    };

    /// <summary>Is told every answer, with the method and the target of its request; an exception of it is the caller's.</summary>
    public Action<string, string, Answer>? Answered { get; set; }

    public Task<Answer> GetAsync(string path, string? actor = null, params (string Name, string Value)[] headers) =>
        SendAsync("GET", path, null, actor, headers);

    public Task<Answer> PostAsync(string path, object? body = null, string? actor = null, params (string Name, string Value)[] headers) =>
        SendAsync("POST", path, body, actor, headers);

    public Task<Answer> PutAsync(string path, object? body = null, string? actor = null, params (string Name, string Value)[] headers) =>
        SendAsync("PUT", path, body, actor, headers);

    public Task<Answer> DeleteAsync(string path, string? actor = null, params (string Name, string Value)[] headers) =>
        SendAsync("DELETE", path, null, actor, headers);

    /// <summary>Sends a request under <c>/api/v1</c>, or to the path as it is where it begins with a slash.</summary>
    /// <param name="method">The method.</param>
    /// <param name="path">The path, already encoded.</param>
    /// <param name="body">A text or bytes are sent as they are; anything else as JSON.</param>
    /// <param name="actor">Who calls: header <c>X-Actor</c>.</param>
    /// <param name="headers">Further headers; <c>Content-Type</c> replaces that of JSON.</param>
    public async Task<Answer> SendAsync(
        string method,
        string path,
        object? body = null,
        string? actor = null,
        params (string Name, string Value)[] headers
    )
    {
        var target = path.StartsWith('/') ? path : "/api/v1/" + path;
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(url.GetLeftPart(UriPartial.Authority) + target));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(
                body switch
                {
                    byte[] bytes => bytes,
                    string text => Encoding.UTF8.GetBytes(text),
                    _ => JsonSerializer.SerializeToUtf8Bytes(body, Web),
                }
            );
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        if (actor is not null)
            request.Headers.Add("X-Actor", actor);
        foreach (var (name, value) in headers)
        {
            if (name == "Content-Type")
                request.Content!.Headers.ContentType = value.Length == 0 ? null : MediaTypeHeaderValue.Parse(value);
            else
                request.Headers.TryAddWithoutValidation(name, value);
        }
        using var response = await _http.SendAsync(request);
        var answer = new Answer(
            (int)response.StatusCode,
            response.Content.Headers.ContentType?.ToString(),
            await response.Content.ReadAsStringAsync(),
            response
                .Headers.Concat(response.Content.Headers)
                .ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase)
        );
        Answered?.Invoke(method, target, answer);
        return answer;
    }

    public void Dispose() => _http.Dispose();
}
