using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Http;

/// <summary>A body as it came: read strictly, or the problem with it. What it says stays, for the fingerprint of an idempotency key.</summary>
/// <typeparam name="T">Its shape; where everything in it is optional the body may be left out.</typeparam>
public sealed class Body<T> : IEndpointParameterMetadataProvider
    where T : BodyWithReason, new()
{
    private readonly HashSet<string> _given;

    private Body(T value, byte[] bytes, IResult? problem, HashSet<string> given) =>
        (Value, Bytes, Problem, _given) = (value, bytes, problem, given);

    /// <summary>What was sent.</summary>
    public T Value { get; }

    /// <summary>What was sent, as <see cref="CanonicalJson"/>: two bodies that say the same are the same.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>What is wrong with it; null where nothing is.</summary>
    internal IResult? Problem { get; }

    /// <summary>Whether a member was sent, be it null.</summary>
    public bool Has(string member) => _given.Contains(member);

    /// <summary>Reads it from a request.</summary>
    public static async ValueTask<Body<T>> BindAsync(HttpContext context)
    {
        using var buffer = new MemoryStream();
        await context.Request.Body.CopyToAsync(buffer, context.RequestAborted);
        var bytes = buffer.ToArray();
        if (bytes.Length == 0)
            return Checked(context, new T(), CanonicalJson.Nothing, []);
        if (!context.Request.HasJsonContentType())
            return Bad(
                bytes,
                Problems.Of(StatusCodes.Status415UnsupportedMediaType, RefusalCodes.Validation, "Send the body as application/json.")
            );
        try
        {
            var value = JsonSerializer.Deserialize<T>(bytes, WireJson.Options);
            if (value is null)
                return Bad(bytes, Problems.Validation("body", "must be an object"));
            using var document = JsonDocument.Parse(bytes);
            return Checked(
                context,
                value,
                CanonicalJson.Of(document.RootElement),
                [.. document.RootElement.EnumerateObject().Select(p => p.Name)]
            );
        }
        catch (JsonException e)
        {
            var field = e.Path is { Length: > 2 } path ? path[2..] : "body";
            return Bad(bytes, Problems.Validation(field, Readable(e)));
        }
    }

    /// <summary>A body that does not matter: whatever is sent is not looked at.</summary>
    public static async ValueTask<Body<T>> EmptyAsync(HttpContext context)
    {
        await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
        return new(new T(), [], null, []);
    }

    /// <inheritdoc />
    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T), isOptional: true));

    private static Body<T> Checked(HttpContext context, T value, byte[] bytes, HashSet<string> given) =>
        value.AllErrors(context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow()) is { } errors
            ? Bad(bytes, Problems.Validation(errors))
            : new(value, bytes, null, given);

    private static Body<T> Bad(byte[] bytes, IResult problem) => new(new T(), bytes, problem, []);

    private static string Readable(JsonException e)
    {
        if (e is NotAnInstantException)
            return NotAnInstantException.Error;
        var message = e.Message;
        if (message.Contains("could not be mapped to any .NET member", StringComparison.Ordinal))
            return "is not a member that is known here; " + message[..message.IndexOf("could not", StringComparison.Ordinal)].Trim();
        if (message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal))
            return "has a value of the wrong type or not among those allowed";
        var end = message.IndexOf(" Path:", StringComparison.Ordinal);
        return "is not valid JSON: " + (end > 0 ? message[..end] : message);
    }
}

/// <summary>What was asked, as a hash: a key that comes again must come with the same.</summary>
internal static class Fingerprint
{
    public static byte[] Of(HttpRequest request, ReadOnlyMemory<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // Of the path what the identifiers in it are, however they were encoded.
        var path = (request.HttpContext.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? request.Path.Value;
        var values = request.RouteValues.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => $"{v.Key}={v.Value}");
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method} {path}\n{string.Join('\n', values)}\n{request.Headers.IfMatch}\n"));
        hash.AppendData(body.Span);
        return hash.GetHashAndReset();
    }
}
