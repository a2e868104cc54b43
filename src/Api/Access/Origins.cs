using Microsoft.AspNetCore.Cors.Infrastructure;
using PresenceLedger.Api.Agents;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Api.Http;
using PresenceLedger.Contracts;

namespace PresenceLedger.Api.Access;

/// <summary>The pages of which sites a browser lets call the service (CORS).</summary>
internal static class Origins
{
    /// <summary>As long as browsers remember at most; without it every heartbeat would ask before.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromHours(2);

    public static void Configure(WebApplicationBuilder builder, AccessOptions options)
    {
        var listed = (options.Origins ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (options.Mode is AccessMode.Open && listed.Length > 0)
            throw new MisconfiguredException(
                "Access:Origins goes with Access:Mode=Jwt. Access:Mode=Open trusts whoever calls, so it serves pages of this machine only."
            );
        if (listed.FirstOrDefault(o => !IsOrigin(o)) is { } wrong)
            throw new MisconfiguredException(
                $"Access:Origins names '{wrong}', which is no origin. Write SCHEME://HOST or SCHEME://HOST:PORT, as in https://desktop.example."
            );
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => Allow(policy, options, listed)));
    }

    private static void Allow(CorsPolicyBuilder policy, AccessOptions options, string[] listed)
    {
        if (options.Mode is AccessMode.Open)
            policy.SetIsOriginAllowed(origin => IsOrigin(origin) && Loopback.IsUrl(origin));
        else
            policy.WithOrigins(listed);
        policy
            .AllowAnyMethod()
            .AllowAnyHeader()
            // There are no cookies; SignalR's client for browsers insists.
            .AllowCredentials()
            .WithExposedHeaders("ETag", ReadPositionHeaders.Header, CommandEndpoint.ReplayedHeader, "Retry-After", "Date")
            .SetPreflightMaxAge(Remembered);
    }

    /// <summary>As browsers write it: scheme, host and port, and nothing more.</summary>
    private static bool IsOrigin(string text) =>
        // It is sent back in a header, which takes nothing else.
        text.All(char.IsAscii)
        && Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && uri.GetLeftPart(UriPartial.Authority).Equals(text, StringComparison.OrdinalIgnoreCase);
}
