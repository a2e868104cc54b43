namespace PresenceLedger.Api.Http;

/// <summary>
/// HEAD wherever there is GET: the same is done and answered, and the server leaves the body out. What lasts (streams) answers at once
/// (<see cref="IsHead"/>).
/// </summary>
internal static class HeadRequests
{
    private static readonly object Key = new();

    public static void Use(WebApplication app) =>
        app.Use(
            (http, next) =>
            {
                if (HttpMethods.IsHead(http.Request.Method))
                {
                    http.Items[Key] = true;
                    http.Request.Method = HttpMethods.Get;
                }
                return next(http);
            }
        );

    /// <summary>Whether nothing but the headers is wanted.</summary>
    public static bool IsHead(this HttpContext http) => http.Items.ContainsKey(Key);
}
