using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Heartbeats;

namespace PresenceLedger.Api.Http;

/// <summary>When a request arrived: the first thing that is done with one that may be a sign of life (CON-1).</summary>
internal static class Arrival
{
    private static readonly PathString[] SignsOfLife = ["/api/v1/agents", "/api/v1/heartbeats"];

    /// <summary>Notes the arrival of commands and heartbeats; to stand before everything that takes time.</summary>
    public static void Use(WebApplication app)
    {
        var arrivals = app.Services.GetRequiredService<Arrivals>();
        app.Use(
            async (context, next) =>
            {
                if (
                    HttpMethods.IsGet(context.Request.Method)
                    || !Array.Exists(SignsOfLife, p => context.Request.Path.StartsWithSegments(p, StringComparison.OrdinalIgnoreCase))
                )
                {
                    await next(context);
                    return;
                }
                using var arrival = arrivals.Begin();
                context.Features.Set(arrival);
                await next(context);
            }
        );
    }

    /// <summary>When the request arrived, by the ledger's clock.</summary>
    public static DateTimeOffset ArrivedAt(this HttpContext context) =>
        context.Features.Get<Arrivals.Arrival>()?.At ?? context.RequestServices.GetRequiredService<TimeProvider>().Now();
}
