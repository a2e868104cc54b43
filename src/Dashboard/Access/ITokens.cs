using Microsoft.AspNetCore.Http;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Access;

/// <summary>Checks the bearer tokens that people sign in with; the service does as it does for its API.</summary>
public interface ITokens
{
    /// <summary>Reads a token.</summary>
    Task<TokenRead> ReadAsync(HttpContext http, string token);
}

/// <summary>What a token says.</summary>
/// <param name="Actor">Who it is; null where it is not valid, or names no persona.</param>
/// <param name="Expires">Until when it holds.</param>
public sealed record TokenRead(Actor? Actor, DateTimeOffset? Expires);
