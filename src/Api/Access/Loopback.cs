using System.Net;

namespace PresenceLedger.Api.Access;

/// <summary>What is this machine and nobody else's: the only place from which mode Open may be reached.</summary>
internal static class Loopback
{
    /// <summary>Whether a host, as addresses and headers write it, is this machine.</summary>
    public static bool Is(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>Whether a URL, or an origin as browsers write it, is of this machine.</summary>
    public static bool IsUrl(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) && Is(uri.Host);
}
