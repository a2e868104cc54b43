using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace PresenceLedger.Client.Http;

/// <summary>A request that can be sent again as it was.</summary>
internal sealed record Ask(HttpMethod Method, string Path)
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>UTF-8 of its body; null for none.</summary>
    public byte[]? Body { get; init; }

    /// <summary>Headers; those without a value are left out.</summary>
    public IReadOnlyList<(string Name, string? Value)> Headers { get; init; } = [];

    /// <summary>What makes it the same command when it is sent again.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>A command; it gets a key where it has none.</summary>
    public static Ask Command(HttpMethod method, string path, object? body, CommandOptions? options)
    {
        var key = options?.IdempotencyKey ?? Guid.CreateVersion7().ToString("N");
        var version = options?.IfMatch?.ToString(CultureInfo.InvariantCulture);
        return new Ask(method, path)
        {
            Body = Json(body),
            IdempotencyKey = key,
            Headers =
            [
                ("Idempotency-Key", key),
                ("If-Match", version is null ? null : $"\"{version}\""),
                ("X-Connection", options?.ConnectionId is { } connectionId ? Uri.EscapeDataString(connectionId) : null),
            ],
        };
    }

    /// <summary>A body as JSON.</summary>
    public static byte[]? Json(object? body) => body is null ? null : JsonSerializer.SerializeToUtf8Bytes(body, body.GetType(), Web);
}
