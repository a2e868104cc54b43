using System.Net.Http.Headers;
using System.Text.Json;

namespace PresenceLedger.Client.Http;

/// <summary>An answer that was read whole.</summary>
internal sealed class Answer(int status, HttpResponseHeaders headers, byte[] body)
{
    /// <summary>Where in the ledger; null where it says nothing of that.</summary>
    public string? Position => Header("Ledger-Position");

    public bool Replayed => Header("Idempotency-Replayed") is "true";

    /// <summary>The body.</summary>
    public T Read<T>() => Read<T>(body);

    /// <summary>The refusal that it is.</summary>
    public RefusedException Refusal()
    {
        var problem = Problem();
        return new RefusedException(
            status,
            problem.Code ?? $"http-{status}",
            problem.Detail ?? problem.Title ?? "",
            problem.Errors ?? new(StringComparer.Ordinal)
        );
    }

    /// <summary>The unavailability that it is.</summary>
    public LedgerUnavailableException Unavailable() =>
        new($"The service answered {status}: {Problem().Detail}") { RetryAfter = headers.RetryAfter?.Delta };

    /// <summary>JSON of the service. Members that this client does not know are passed over.</summary>
    public static T Read<T>(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize<T>(json, JsonSerializerOptions.Web) ?? throw new JsonException("The answer is null.");

    private string? Header(string name) => headers.TryGetValues(name, out var values) ? values.First() : null;

    private ProblemBody Problem()
    {
        try
        {
            return Read<ProblemBody>(body);
        }
        catch (JsonException)
        {
            // What stands between may answer in words of its own.
            return new ProblemBody(null, null, null, null);
        }
    }

    private sealed record ProblemBody(string? Code, string? Title, string? Detail, Dictionary<string, string[]>? Errors);
}
