using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;

namespace PresenceLedger.Api.Access;

/// <summary>
/// A Unix socket beside the addresses of the service, in a folder that only its user may enter. The dashboard calls the API through it and
/// says for whom; it has found out who that is, by its cookie.
/// </summary>
internal sealed class LocalSocket : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("presence-ledger-");

    /// <summary>Where it is.</summary>
    public string Address => Path.Combine(_folder.FullName, "socket");

    /// <summary>Has the service listen at it, too.</summary>
    public void Open(WebApplicationBuilder builder, string[] urls)
    {
        // Endpoints in the configuration replace the addresses of the command line, and are joined by those in code.
        if (builder.Configuration.GetSection("Kestrel:Endpoints").GetChildren().Any())
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(Address));
        else
            builder.WebHost.UseUrls([.. urls, "http://unix:" + Address]);
    }

    /// <summary>Whether a request came through it.</summary>
    public bool Admitted(HttpContext http)
    {
        try
        {
            return http.Features.Get<IConnectionSocketFeature>()?.Socket.LocalEndPoint is UnixDomainSocketEndPoint at
                && at.ToString() == Address;
        }
        catch (ObjectDisposedException)
        {
            // The client has left.
            return false;
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        try
        {
            _folder.Delete(recursive: true);
        }
        catch (IOException)
        {
            // Left behind in the folder of temporary files.
        }
    }
}
