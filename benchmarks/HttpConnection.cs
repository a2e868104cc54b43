using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// A connection that is kept alive, for one request at a time: the generator shares the processors with what it measures, and an
/// <see cref="HttpClient"/> would take as much of them as the service.
/// </summary>
internal sealed class HttpConnection(Uri url) : IDisposable
{
    private byte[] _received = new byte[4096];
    private int _head;
    private int _end;
    private Socket? _socket;
    private NetworkStream? _stream;

    /// <summary>The body of the last answer, for messages; with the sizes of its chunks where it came in chunks.</summary>
    public string Body => Encoding.UTF8.GetString(_received.AsSpan(_head.._end));

    /// <summary>A request to <c>/api/v1</c>, as bytes, so that it can be made long before it is sent.</summary>
    public static byte[] Request(string method, string path, string actor, string body = "") =>
        Encoding.UTF8.GetBytes(
            $"{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nX-Actor: {actor}\r\n"
                + (body.Length > 0 ? "Content-Type: application/json\r\n" : "")
                + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"
        );

    /// <summary>Sends a request and reads its answer; the status of it.</summary>
    /// <exception cref="IOException">The connection broke; the next request gets a new one.</exception>
    public async ValueTask<int> SendAsync(ReadOnlyMemory<byte> request)
    {
        try
        {
            if (_stream is null)
            {
                _socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await _socket.ConnectAsync(url.Host, url.Port);
                _stream = new NetworkStream(_socket, ownsSocket: true);
            }
            await _stream.WriteAsync(request);
            _end = 0;
            do
            {
                if (_end == _received.Length)
                    Array.Resize(ref _received, 2 * _end);
                var count = await _stream.ReadAsync(_received.AsMemory(_end));
                if (count == 0)
                    throw new IOException("The service closed the connection before it answered.");
                _end += count;
            } while (!IsWhole(_received.AsSpan(.._end)));
            // HTTP/1.1 204
            return Utf8Parser.TryParse(_received.AsSpan(9, 3), out int status, out _) ? status : throw new IOException("No HTTP: " + Body);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            Dispose();
            throw e as IOException ?? new IOException(e.Message, e);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _stream?.Dispose();
        _socket?.Dispose();
        _stream = null;
    }

    private bool IsWhole(ReadOnlySpan<byte> received)
    {
        var end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return false;
        _head = end + 4;
        var head = received[..(end + 2)];
        var body = received[_head..];
        if (head.IndexOf("\r\nTransfer-Encoding: chunked\r\n"u8) >= 0)
            return body.EndsWith("0\r\n\r\n"u8);
        var length = "\r\nContent-Length: "u8;
        return head.IndexOf(length) is not (>= 0 and var at)
            || (Utf8Parser.TryParse(head[(at + length.Length)..], out int bytes, out _) && body.Length >= bytes);
    }
}
