using PresenceLedger.Ledger.Clock;

namespace PresenceLedger.Api.Hosting;

/// <summary>
/// What changes something is taken once the time is known, before anything is dated; questions are answered all the same.
/// </summary>
internal static class KnownTime
{
    public static void Use(WebApplication app) =>
        app.Use(
            async (http, next) =>
            {
                if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method))
                    await http.RequestServices.GetRequiredService<TimeProvider>().KnownAsync(http.RequestAborted);
                await next(http);
            }
        );
}
