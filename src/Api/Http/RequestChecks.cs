using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Components.Endpoints;
using Microsoft.AspNetCore.Http.Features;
using PresenceLedger.Api.Access;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Ledger;

namespace PresenceLedger.Api.Http;

/// <summary>Who may ask an endpoint at all: looked at before anything that is sent.</summary>
/// <param name="Check">The refusal, of an actor and of the agent in the path (empty where there is none).</param>
internal sealed record Needed(Func<Actor, string, Refusal?> Check);

/// <summary>Says that an endpoint tells of the service and not of the ledger: there is nothing to wait for.</summary>
internal sealed record TellsOfTheService;

/// <summary>Says who may ask.</summary>
internal static class Needs
{
    /// <summary>Refuses whom a check refuses, before anything that was sent is looked at.</summary>
    public static TBuilder Allow<TBuilder>(this TBuilder endpoint, Func<Actor, string, Refusal?> check)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new Needed(check));

    /// <inheritdoc cref="Allow{TBuilder}(TBuilder, Func{Actor, string, Refusal})" />
    public static TBuilder Allow<TBuilder>(this TBuilder endpoint, Func<Actor, Refusal?> check)
        where TBuilder : IEndpointConventionBuilder => endpoint.Allow((actor, _) => check(actor));
}

/// <summary>
/// What is looked at of every request to the API before its endpoint is: whether the caller may do such a thing at all (403), then
/// identifiers in the path and parameters in the query (400). Both are handed on in the form in which identifiers are compared.
/// </summary>
internal sealed class RequestChecks(RequestDelegate next)
{
    private static readonly object MinVersionKey = new();

    private readonly ConcurrentDictionary<RouteEndpoint, QueryShape> _shapes = new();

    /// <summary>The version of the agent that the caller has seen; null where it named none.</summary>
    public static long? MinVersion(HttpContext http) => (long?)http.Items[MinVersionKey];

    public async Task InvokeAsync(HttpContext http)
    {
        // Pages read their addresses themselves.
        if (http.GetEndpoint() is not RouteEndpoint endpoint || endpoint.Metadata.GetMetadata<ComponentTypeMetadata>() is not null)
        {
            await next(http);
            return;
        }
        var isOfApi = endpoint.RoutePattern.RawText?.StartsWith("/api/", StringComparison.OrdinalIgnoreCase) == true;
        var badPath = ReadPath(http, endpoint);
        var bad = isOfApi ? Forbidden(http, endpoint) ?? badPath ?? ReadQuery(http, endpoint) ?? ReadPosition(http, endpoint) : badPath;
        if (bad is { } problem)
            await problem.ExecuteAsync(http);
        else
            await next(http);
    }

    private static IResult? Forbidden(HttpContext http, RouteEndpoint endpoint)
    {
        if (http.ActorOrNone() is not { } actor)
            return null;
        var agentId = http.Request.RouteValues["agentId"] as string ?? "";
        foreach (var needed in endpoint.Metadata.GetOrderedMetadata<Needed>())
            if (needed.Check(actor, agentId) is { } forbidden)
                return Problems.Of(forbidden);
        return null;
    }

    /// <summary>
    /// Identifiers in the path, from what was sent: the server takes the percent-encoding off but for the slash, so that its path does
    /// not say whether <c>%2F</c> was a slash or is part of the identifier.
    /// </summary>
    private static IResult? ReadPath(HttpContext http, RouteEndpoint endpoint)
    {
        var values = http.Request.RouteValues;
        string[]? sent = null;
        Dictionary<string, string[]>? errors = null;
        for (var n = 0; n < endpoint.RoutePattern.PathSegments.Count; n++)
        {
            if (
                endpoint.RoutePattern.PathSegments[n].Parts
                is not [Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart { Name: var name }]
            )
                continue;
            if (!name.EndsWith("Id", StringComparison.Ordinal) || values[name] is not string text)
                continue;
            sent ??= Segments(http);
            if (Identifier.TryDecode(n < sent.Length ? sent[n] : text, out var decoded) && Identifier.TryRead(decoded, out var id))
                values[name] = id;
            else
                (errors ??= [])[name] = [Identifier.Rule];
        }
        return errors is null ? null : Problems.Validation(errors);
    }

    /// <summary>The segments of the path as they were sent; as the server made of them where those are others (<c>/./</c>).</summary>
    private static string[] Segments(HttpContext http)
    {
        var path = http.Request.Path.Value!.Split('/');
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var end = target.IndexOfAny(['?', '#']);
        if (end >= 0)
            target = target[..end];
        if (!target.StartsWith('/') && target.IndexOf("://", StringComparison.Ordinal) is > 0 and var scheme)
            target = target.IndexOf('/', scheme + 3) is > 0 and var slash ? target[slash..] : "/";
        var sent = target.Split('/');
        return (sent.Length == path.Length ? sent : path)[1..];
    }

    private IResult? ReadQuery(HttpContext http, RouteEndpoint endpoint)
    {
        var given = http.Request.Query;
        if (given.Count == 0)
            return null;
        if (given.Any(p => p.Value.Any(v => v is not null && !ReferenceEquals(Identifier.Normalize(v), v))))
            http.Request.Query = given = new QueryCollection(
                given.ToDictionary(
                    p => p.Key,
                    p => new Microsoft.Extensions.Primitives.StringValues([
                        .. p.Value.Select(v => v is null ? null : Identifier.Normalize(v)),
                    ]),
                    StringComparer.OrdinalIgnoreCase
                )
            );

        var shape = _shapes.GetOrAdd(endpoint, QueryShape.Of);
        var errors = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var (name, values) in given)
            if (shape.Error(name, values, AccessMiddleware.MaySayInQuery(http.Request)) is { } error)
                errors[name.Length == 0 ? "query" : name] = [error];
        if (given[QueryShape.MinVersion] is [var text] && errors.Count == 0)
        {
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var version))
                http.Items[MinVersionKey] = version;
            else
                errors[QueryShape.MinVersion] = ["must be a whole number from 0"];
        }
        return errors.Count == 0 ? null : Problems.Validation(errors);
    }

    private static IResult? ReadPosition(HttpContext http, RouteEndpoint endpoint)
    {
        if (
            !HttpMethods.IsGet(http.Request.Method)
            || http.Request.Headers[ReadPositionHeaders.Header].ToString() is not { Length: > 0 } header
        )
            return null;
        if (endpoint.Metadata.GetMetadata<TellsOfTheService>() is not null)
            return Problems.Validation(ReadPositionHeaders.Header, "makes no sense here: this tells of the service, not of the ledger");
        return LogPosition.TryParse(header, out _)
            ? null
            : Problems.Validation(ReadPositionHeaders.Header, "must be a position that an earlier answer gave");
    }
}
