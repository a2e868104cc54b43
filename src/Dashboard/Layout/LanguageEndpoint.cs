using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Localization;
using Microsoft.AspNetCore.Routing;
using PresenceLedger.Dashboard.Hosting;

namespace PresenceLedger.Dashboard.Layout;

/// <summary>Chooses the language; it is kept in a cookie.</summary>
internal static class LanguageEndpoint
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes
            .MapGet(
                "/language/{language}",
                (HttpContext http, string language, string? returnTo) =>
                {
                    if (DashboardHost.Languages.Contains(language))
                        http.Response.Cookies.Append(
                            CookieRequestCultureProvider.DefaultCookieName,
                            CookieRequestCultureProvider.MakeCookieValue(new RequestCulture(language)),
                            new CookieOptions
                            {
                                MaxAge = TimeSpan.FromDays(365),
                                SameSite = SameSiteMode.Strict,
                                IsEssential = true,
                            }
                        );
                    return Results.LocalRedirect(Pages.LocalAddress(returnTo) ?? "/");
                }
            )
            .ExcludeFromDescription();
}
