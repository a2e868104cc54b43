using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using PresenceLedger.Dashboard.Access;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Hosting;

/// <summary>What holds for every page: what a browser may load for it, and that somebody is signed in.</summary>
internal static class Pages
{
    // Components give elements a style attribute (heights of lists, widths of bars); nothing else of the kind is let through.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src-elem 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
        + "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; form-action 'self'; base-uri 'self'; frame-ancestors 'none'";

    private static readonly string[] NotOfPages =
    [
        "/api",
        "/hubs",
        "/health",
        "/metrics",
        "/docs",
        "/openapi",
        "/scalar",
        "/presence-ledger.js",
    ];
    private static readonly string[] ForEverybody =
    [
        SignInEndpoints.Page,
        SignInEndpoints.Session,
        "/language",
        "/dashboard",
        "/_content",
        "/_framework",
    ];
    private static readonly Viewer Local = new(new Actor(Persona.Supervisor, "local"), null);

    /// <summary>Whether a path is one of the dashboard's.</summary>
    public static bool Has(PathString path) => !NotOfPages.Any(other => path.StartsWithSegments(other, StringComparison.OrdinalIgnoreCase));

    /// <summary>Says what browsers may do; and keeps pages of other sites out where whoever calls is believed.</summary>
    public static Task ProtectAsync(HttpContext http, RequestDelegate next)
    {
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        var origin = http.Request.Headers.Origin.ToString();
        var isForeign =
            origin.Length > 0 && !(Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority == http.Request.Host.Value);
        var options = http.RequestServices.GetRequiredService<DashboardOptions>();
        if (isForeign || !options.IsServedAs(http.Request.Host.Host))
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return http.Response.WriteAsync(
                "The pages are for browsers that show them themselves; with Access:Mode=Open, for those of this machine only."
            );
        }
        return next(http);
    }

    /// <summary>Finds out who looks; in mode Open it is a supervisor until somebody says otherwise.</summary>
    public static async Task IdentifyAsync(HttpContext http, RequestDelegate next)
    {
        var path = http.Request.Path;
        if (ForEverybody.Any(open => path.StartsWithSegments(open, StringComparison.OrdinalIgnoreCase)))
        {
            await next(http);
            return;
        }
        var found = await http.AuthenticateAsync(Viewer.Scheme);
        if (found is { Succeeded: true, Principal: { } known } && Viewer.Of(known) is not null)
            http.User = known;
        else if (http.RequestServices.GetRequiredService<DashboardOptions>().IsOpen)
            http.User = Local.ToPrincipal();
        else if (HttpMethods.IsGet(http.Request.Method) && !path.StartsWithSegments("/_blazor", StringComparison.Ordinal))
        {
            http.Response.Redirect($"{SignInEndpoints.Page}?returnTo={Uri.EscapeDataString(path.Value + http.Request.QueryString.Value)}");
            return;
        }
        else
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        await next(http);
    }

    /// <summary>
    /// An address of these pages that a request names, to lead to after something else, as it may stand in a header; null where it leads
    /// elsewhere, or nowhere. Browsers pass over control characters: <c>/&lt;tab&gt;/evil</c> would lead to another site.
    /// </summary>
    public static string? LocalAddress(string? path)
    {
        if (
            path is not ['/', ..]
            || path is [_, '/' or '\\', ..]
            || path.Any(c => char.IsControl(c) || c == '\\')
            || !Uri.TryCreate(new Uri("http://localhost"), path, out var address)
        )
            return null;
        return address.PathAndQuery + address.Fragment;
    }
}
