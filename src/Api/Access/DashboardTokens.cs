using PresenceLedger.Dashboard.Access;

namespace PresenceLedger.Api.Access;

/// <summary>The tokens that people sign in to the dashboard with: as good as they are at the API.</summary>
internal sealed class DashboardTokens(AccessOptions options) : ITokens
{
    public async Task<TokenRead> ReadAsync(HttpContext http, string token)
    {
        http.Request.Headers.Authorization = "Bearer " + token;
        var (actor, expires) = await AccessMiddleware.ReadTokenAsync(http, options);
        return new TokenRead(actor, expires);
    }
}
