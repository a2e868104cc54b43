using System.Net.Sockets;
using PresenceLedger.Dashboard.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Dashboard.Service;

/// <summary>
/// The way to the service's API, for all circuits: a Unix socket that only this process's user may open, at which the API believes who the
/// dashboard says is calling. So the pages go the way of every other client: the same checks, the same records of who did and read what.
/// </summary>
public sealed class Door : IDisposable
{
    private readonly HttpMessageInvoker _http;

    /// <summary>Leads to the service that hosts the dashboard.</summary>
    public Door(DashboardOptions options)
    {
        var address = new UnixDomainSocketEndPoint(options.Door);
        _http = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                UseProxy = false,
                UseCookies = false,
                ConnectCallback = async (_, ct) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    try
                    {
                        await socket.ConnectAsync(address, ct);
                        return new NetworkStream(socket, ownsSocket: true);
                    }
                    catch
                    {
                        socket.Dispose();
                        throw;
                    }
                },
            }
        );
    }

    /// <summary>Sends a request for an actor; the answer's content may be read as it comes.</summary>
    /// <param name="method">The method.</param>
    /// <param name="path">From <c>/api/v1/</c> on, already encoded.</param>
    /// <param name="actor">Who calls.</param>
    /// <param name="content">The body.</param>
    /// <param name="headers">Further headers.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="HttpRequestException">The service is stopping.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        Actor actor,
        HttpContent? content,
        IEnumerable<(string Name, string Value)> headers,
        CancellationToken ct
    )
    {
        using var request = new HttpRequestMessage(method, new Uri("http://presence-ledger/api/v1/" + path)) { Content = content };
        request.Headers.Add("X-Actor", (actor with { Id = Identifier.Encode(actor.Id) }).ToString());
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await _http.SendAsync(request, ct);
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();
}
