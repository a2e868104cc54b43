using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using PresenceLedger.Dashboard.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Dashboard.Access;

/// <summary>Signing in to the pages and out of them. In mode Open one says who one is; in mode Jwt a bearer token says it.
/// Nobody else's page gets here (<see cref="Pages"/>).</summary>
internal static class SignInEndpoints
{
    public const string Page = "/sign-in";
    public const string Session = "/session";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Session, SignInAsync).DisableAntiforgery().ExcludeFromDescription();
        routes.MapPost(Session + "/end", (Delegate)SignOutAsync).DisableAntiforgery().ExcludeFromDescription();
    }

    private static async Task<IResult> SignInAsync(HttpContext http, DashboardOptions options)
    {
        if (!http.Request.HasFormContentType)
            return Results.StatusCode(StatusCodes.Status415UnsupportedMediaType);
        IFormCollection form;
        try
        {
            form = await http.Request.ReadFormAsync(http.RequestAborted);
        }
        catch (InvalidDataException)
        {
            // More fields, or longer ones, than any form has.
            return Results.BadRequest();
        }
        var returnTo = Pages.LocalAddress(form["returnTo"].ToString()) ?? "/";
        Viewer viewer;
        DateTimeOffset? expires = null;
        if (options.IsOpen)
        {
            if (
                !Enum.TryParse<Persona>(form["kind"].ToString(), ignoreCase: true, out var kind)
                || !Enum.IsDefined(kind)
                || kind is Persona.System
                || !Identifier.TryRead(form["id"].ToString().Trim(), out var id)
            )
                return Again("actor", returnTo);
            viewer = new Viewer(new Actor(kind, id), null);
        }
        else
        {
            var token = form["token"].ToString().Trim();
            var read = await http.RequestServices.GetRequiredService<ITokens>().ReadAsync(http, token);
            if (read.Actor is null)
                return Again("token", returnTo);
            viewer = new Viewer(read.Actor, token);
            expires = read.Expires;
        }
        await http.SignInAsync(
            Viewer.Scheme,
            viewer.ToPrincipal(),
            new AuthenticationProperties { IsPersistent = options.IsOpen, ExpiresUtc = expires }
        );
        return Results.LocalRedirect(returnTo);
    }

    private static async Task<IResult> SignOutAsync(HttpContext http)
    {
        await http.SignOutAsync(Viewer.Scheme);
        return Results.LocalRedirect(Page);
    }

    private static IResult Again(string problem, string returnTo) =>
        Results.LocalRedirect($"{Page}?problem={problem}&returnTo={Uri.EscapeDataString(returnTo)}");
}
