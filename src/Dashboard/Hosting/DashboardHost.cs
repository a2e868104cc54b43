using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Localization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.FluentUI.AspNetCore.Components;
using PresenceLedger.Dashboard.Access;
using PresenceLedger.Dashboard.Agents;
using PresenceLedger.Dashboard.Console;
using PresenceLedger.Dashboard.Layout;
using PresenceLedger.Dashboard.Reports;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Dashboard.Shared;
using PresenceLedger.Dashboard.Wall;
using Radzen;

namespace PresenceLedger.Dashboard.Hosting;

/// <summary>The dashboard within the service that hosts it.</summary>
public static class DashboardHost
{
    private const string NotFoundPath = "/not-found";

    /// <summary>The languages of the pages; the first is spoken where none of a viewer's is among them.</summary>
    public static IReadOnlyList<string> Languages { get; } = ["en", "ru"];

    /// <summary>Adds what the pages need.</summary>
    public static void Add(IServiceCollection services, DashboardOptions options)
    {
        services.AddSingleton(options);
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddFluentUIComponents();
        services.AddRadzenComponents();
        services.AddLocalization();
        services.AddCascadingAuthenticationState();
        services.AddAuthorization();
        services
            .AddAuthentication()
            .AddCookie(
                Viewer.Scheme,
                cookie =>
                {
                    cookie.Cookie.Name = "presence-ledger";
                    cookie.Cookie.HttpOnly = true;
                    cookie.Cookie.SameSite = SameSiteMode.Strict;
                    cookie.ExpireTimeSpan = TimeSpan.FromDays(30);
                }
            );
        services
            .AddDataProtection()
            .SetApplicationName("presence-ledger")
            .PersistKeysToFileSystem(Directory.CreateDirectory(options.KeyFolder));
        services.AddSingleton<Door>();
        services.AddSingleton<Boards>();
        services.AddSingleton<PracticeRouting>();
        services.AddScoped<CurrentViewer>();
        services.AddScoped<LedgerApi>();
        services.AddScoped<ViewerClock>();
    }

    /// <summary>Goes before the endpoints: security headers, language, and who looks. The API and its hub are left as they are.</summary>
    public static void Use(WebApplication app) =>
        app.UseWhen(
            http => Pages.Has(http.Request.Path),
            pages =>
            {
                pages.Use(Pages.ProtectAsync);
                pages.UseRequestLocalization(o =>
                {
                    o.SetDefaultCulture(Languages[0]).AddSupportedCultures([.. Languages]).AddSupportedUICultures([.. Languages]);
                    o.RequestCultureProviders = [new CookieRequestCultureProvider(), new CustomRequestCultureProvider(Spoken)];
                });
                pages.Use(Pages.IdentifyAsync);
            }
        );

    /// <summary>The pages themselves.</summary>
    public static void Map(WebApplication app)
    {
        app.UseAntiforgery();
        // By its own name: in tests the program that runs is another.
        app.MapStaticAssets(Path.Combine(AppContext.BaseDirectory, "presence-ledger.staticwebassets.endpoints.json"));
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode(o => o.ContentSecurityFrameAncestorsPolicy = "'none'");
        SignInEndpoints.Map(app);
        LanguageEndpoint.Map(app);
        EvidenceDownload.Map(app);
        ReportDownload.Map(app);
    }

    /// <summary>Shows people who mistyped an address a page instead of problem details.</summary>
    /// <returns>False where the address is not one of pages.</returns>
    public static async Task<bool> ShowNotFoundAsync(StatusCodeContext context)
    {
        var http = context.HttpContext;
        if (
            http.Response.StatusCode is not StatusCodes.Status404NotFound
            || !Pages.Has(http.Request.Path)
            || !http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)
        )
            return false;
        // By this the framework knows that the page is the answer to a 404, and not one that is to be held back.
        http.Features.Set<IStatusCodeReExecuteFeature>(
            new StatusCodeReExecuteFeature
            {
                OriginalPathBase = http.Request.PathBase.Value ?? "",
                OriginalPath = http.Request.Path.Value ?? "",
                OriginalQueryString = http.Request.QueryString.Value,
            }
        );
        http.SetEndpoint(null);
        http.Request.RouteValues.Clear();
        http.Request.Path = NotFoundPath;
        await context.Next(http);
        return true;
    }

    // The first language of the browser's that is one of ours; de-AT is de.
    private static Task<ProviderCultureResult?> Spoken(HttpContext http)
    {
        var spoken = http
            .Request.GetTypedHeaders()
            .AcceptLanguage.OrderByDescending(language => language.Quality ?? 1)
            .Select(language => language.Value.ToString().Split('-')[0].ToLowerInvariant())
            .FirstOrDefault(Languages.Contains);
        return Task.FromResult(spoken is null ? null : new ProviderCultureResult(spoken));
    }
}
