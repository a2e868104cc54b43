using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using PresenceLedger.Api.Http;
using PresenceLedger.Api.Live;
using PresenceLedger.Api.Reports.RealTime;
using PresenceLedger.Contracts;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Api.Access;

/// <summary>Finds out who calls (DIA-1), before any endpoint is asked.</summary>
internal sealed class AccessMiddleware(RequestDelegate next, AccessOptions options, LocalSocket socket)
{
    private const string Header = "X-Actor";
    private static readonly Actor Default = new(Persona.Service, "local");

    public async Task InvokeAsync(HttpContext context)
    {
        // Routes match in any case, so this does too.
        if (
            !context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
            && !context.Request.Path.StartsWithSegments(PresenceHub.Path, StringComparison.OrdinalIgnoreCase)
        )
        {
            await next(context);
            return;
        }
        var problem =
            socket.Admitted(context) ? Named(context)
            : options.Mode is AccessMode.Open ? Open(context)
            : await JwtAsync(context);
        if (problem is not null)
            await problem.ExecuteAsync(context);
        else
            await next(context);
    }

    private static IResult? Open(HttpContext context)
    {
        // A page of another site that a browser on this machine shows must not act here.
        if (!Loopback.Is(context.Request.Host.Host) || IsFromElsewhere(context.Request))
            return Problems.Of(
                StatusCodes.Status403Forbidden,
                RefusalCodes.Forbidden,
                "Access:Mode=Open serves pages and programs of this machine only."
            );
        return Named(context);
    }

    /// <summary>Whom the request itself names.</summary>
    private static IResult? Named(HttpContext context)
    {
        var text = context.Request.Headers[Header].ToString();
        // Two headers are joined by a comma, and an encoded identifier has neither that nor white space.
        var isReadable = !text.AsSpan().ContainsAny(", \t") && Identifier.TryDecode(text, out text);
        // Of a query the server has taken the encoding off already.
        if (text.Length == 0 && MaySayInQuery(context.Request))
            text = context.Request.Query["actor"].ToString();
        if (text.Length == 0)
        {
            context.SetActor(Default);
            return null;
        }
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (
            !isReadable
            || colon <= 0
            || PersonaOf(text[..colon]) is not { } persona
            || !Identifier.TryRead(text[(colon + 1)..], out var id)
        )
            return Problems.Of(
                StatusCodes.Status401Unauthorized,
                "unauthorized",
                $"{Header} must be KIND:ID, KIND one of agent, supervisor, administrator, auditor, service; ID, percent-encoded, {Identifier.Rule}."
            );
        context.SetActor(new Actor(persona, id));
        return null;
    }

    private async Task<IResult?> JwtAsync(HttpContext context)
    {
        var result = await context.AuthenticateAsync();
        if (!result.Succeeded)
            return Unauthorized(
                context,
                "Send a valid bearer token: Authorization: Bearer …" + (result.Failure is { } why ? " (" + why.GetType().Name + ")" : "")
            );
        if (!Identifier.TryRead(result.Principal.FindFirstValue(options.IdClaim), out var id))
            return Unauthorized(context, $"The token has no claim '{options.IdClaim}' that is an identifier.");
        var roles = result.Principal.FindAll(options.RoleClaim).Select(c => c.Value).ToArray();
        context.SetSubject(id);
        if (ActorOf(id, roles, options) is { } actor)
            context.SetActor(actor);
        else if (!IsDiagnostics(context.Request))
            return Problems.Of(
                StatusCodes.Status403Forbidden,
                RefusalCodes.Forbidden,
                $"None of the token's roles ({string.Join(", ", roles)}) is mapped to a persona (DIA-1). An administrator maps them under Access:Roles."
            );
        return null;
    }

    /// <summary>Whom the bearer token of a request names, and until when; nobody where it is not valid.</summary>
    public static async Task<(Actor? Actor, DateTimeOffset? Expires)> ReadTokenAsync(HttpContext context, AccessOptions options)
    {
        // A scope of its own: within the request's the handler answers once and for all, and has, before the token was there.
        await using var scope = context.RequestServices.CreateAsyncScope();
        var handlers = scope.ServiceProvider.GetRequiredService<IAuthenticationHandlerProvider>();
        var handler = (await handlers.GetHandlerAsync(context, JwtBearerDefaults.AuthenticationScheme))!;
        var result = await handler.AuthenticateAsync();
        if (!result.Succeeded || !Identifier.TryRead(result.Principal.FindFirstValue(options.IdClaim), out var id))
            return (null, null);
        var roles = result.Principal.FindAll(options.RoleClaim).Select(c => c.Value);
        return (ActorOf(id, roles, options), result.Properties.ExpiresUtc);
    }

    /// <summary>Of several roles, the one that may most; null where none is mapped (DIA-1).</summary>
    private static Actor? ActorOf(string id, IEnumerable<string> roles, AccessOptions options)
    {
        var personas = roles.Select(r => options.Roles.TryGetValue(r, out var mapped) ? mapped : PersonaOf(r)).OfType<Persona>().ToArray();
        return personas.Length > 0 ? new Actor(personas.MinBy(Rank), id) : null;
    }

    /// <summary>Requests for which browsers let nobody set headers: navigator.sendBeacon (no other POST ends so), EventSource, WebSocket.</summary>
    public static bool MaySayInQuery(HttpRequest request) =>
        HttpMethods.IsPost(request.Method)
            ? request.Path.Value!.EndsWith("/closing", StringComparison.OrdinalIgnoreCase)
            : request.Path.StartsWithSegments(LiveStream.FullPath, StringComparison.OrdinalIgnoreCase)
                || request.Path.StartsWithSegments(RealTimeStream.FullPath, StringComparison.OrdinalIgnoreCase)
                || request.Path.StartsWithSegments(PresenceHub.Path, StringComparison.OrdinalIgnoreCase);

    private static bool IsDiagnostics(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Path.Value!.EndsWith("/diagnostics", StringComparison.OrdinalIgnoreCase);

    private static IResult Unauthorized(HttpContext context, string detail)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Problems.Of(StatusCodes.Status401Unauthorized, "unauthorized", detail);
    }

    private static int Rank(Persona persona) =>
        persona switch
        {
            Persona.Administrator => 0,
            Persona.Supervisor => 1,
            Persona.Service => 2,
            Persona.Agent => 3,
            _ => 4,
        };

    private static Persona? PersonaOf(string text) =>
        text.ToLowerInvariant() switch
        {
            "agent" => Persona.Agent,
            "supervisor" => Persona.Supervisor,
            "administrator" => Persona.Administrator,
            "auditor" => Persona.Auditor,
            "service" => Persona.Service,
            _ => null,
        };

    private static bool IsFromElsewhere(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        return origin.Length > 0 && !Loopback.IsUrl(origin);
    }
}

/// <summary>Who calls, kept with the request.</summary>
internal static class CallerOfRequest
{
    private static readonly object ActorKey = new();
    private static readonly object SubjectKey = new();

    /// <summary>Who calls.</summary>
    public static Actor Actor(this HttpContext context) =>
        (Actor?)context.Items[ActorKey] ?? throw new InvalidOperationException("The caller has no persona.");

    /// <summary>Who calls; null where the token's roles are not mapped.</summary>
    public static Actor? ActorOrNone(this HttpContext context) => (Actor?)context.Items[ActorKey];

    /// <summary>The id in the token; null in mode Open.</summary>
    public static string? Subject(this HttpContext context) => (string?)context.Items[SubjectKey];

    public static void SetActor(this HttpContext context, Actor actor) => context.Items[ActorKey] = actor;

    public static void SetSubject(this HttpContext context, string id) => context.Items[SubjectKey] = id;
}
