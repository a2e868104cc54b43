using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Text.Json;

namespace PresenceLedger.Testing;

/// <summary>A server-sent event.</summary>
public sealed record StreamEvent(string Name, string? Id, JsonElement Data);

/// <summary>Follows <c>GET /api/v1/stream</c>, event by event: what nobody asks for is not read from the connection.</summary>
public sealed class EventStreamClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Socket _socket;
    private readonly HttpClient _http;
    private readonly HttpResponseMessage _response;
    private readonly IAsyncEnumerator<SseItem<JsonElement>> _events;

    private EventStreamClient(Socket socket, HttpClient http, HttpResponseMessage response, Stream body)
    {
        _socket = socket;
        _http = http;
        _response = response;
        _events = SseParser.Create(body, (_, data) => JsonElement.Parse(data)).EnumerateAsync().GetAsyncEnumerator();
    }

    /// <summary>The last id that came, to come back with.</summary>
    public string? LastId { get; private set; }

    /// <summary>Opens a stream, which has to be answered with 200.</summary>
    /// <param name="service">The node.</param>
    /// <param name="query">Whom to follow: <c>agents=…</c>, <c>queue=…</c>; everybody where it is empty.</param>
    /// <param name="lastEventId">Where to go on.</param>
    /// <param name="narrow">Little room on the way, so that who does not read is soon noticed.</param>
    /// <param name="headers">Headers, such as <c>X-Actor</c>.</param>
    public static async Task<EventStreamClient> OpenAsync(
        Uri service,
        string query = "",
        string? lastEventId = null,
        bool narrow = false,
        params (string Name, string Value)[] headers
    ) => await OpenAtAsync(new Uri(service, "/api/v1/stream?" + query), lastEventId, narrow, headers);

    /// <summary>Opens any stream of server-sent events, which has to be answered with 200.</summary>
    public static async Task<EventStreamClient> OpenAtAsync(
        Uri address,
        string? lastEventId,
        bool narrow,
        params (string Name, string Value)[] headers
    )
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
        if (narrow)
        {
            socket.ReceiveBufferSize = 4096;
            // TCP_MAXSEG of Linux: the sender's buffer grows with the size of the segments, which is large on the loopback.
            socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, 2, BitConverter.GetBytes(536));
        }
        var http = new HttpClient(
            new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectCallback = async (to, ct) =>
                {
                    await socket.ConnectAsync(to.DnsEndPoint, ct);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            }
        );
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (lastEventId is not null)
                request.Headers.Add("Last-Event-ID", lastEventId);
            foreach (var (name, value) in headers)
                request.Headers.Add(name, value);
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            if (response is not { IsSuccessStatusCode: true, Content.Headers.ContentType.MediaType: "text/event-stream" })
                throw new InvalidOperationException($"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            return new EventStreamClient(socket, http, response, await response.Content.ReadAsStreamAsync());
        }
        catch
        {
            http.Dispose();
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The next event; where a name is given, heartbeats before it are passed over, and any other event is a failure, as it is when none
    /// comes.
    /// </summary>
    public async Task<StreamEvent> NextAsync(string? name = null)
    {
        while (await ReadAsync() is { } e)
            if (name is null || e.Name == name)
                return e;
            else if (e.Name != "heartbeat")
                throw new InvalidOperationException($"{name} was to come, and there came {e}.");
        throw new EndOfStreamException($"{name ?? "An event"} was to come, and the stream ended.");
    }

    /// <summary>The snapshot that a stream begins with, part by part; every presence of it.</summary>
    public async Task<IReadOnlyList<JsonElement>> SnapshotAsync()
    {
        var items = new List<JsonElement>();
        while (true)
        {
            var part = (await NextAsync("snapshot")).Data;
            items.AddRange(part.GetProperty("items").EnumerateArray());
            if (!part.GetProperty("more").GetBoolean())
                return items;
        }
    }

    /// <summary>The next event; null where the stream ended.</summary>
    public async Task<StreamEvent?> ReadAsync()
    {
        if (!await _events.MoveNextAsync().AsTask().WaitAsync(Patience))
            return null;
        var (name, id) = (_events.Current.EventType, _events.Current.EventId);
        LastId = id ?? LastId;
        return new StreamEvent(name, id, _events.Current.Data);
    }

    /// <summary>Breaks the connection, as it breaks where a program dies.</summary>
    public void Dispose()
    {
        _socket.Dispose();
        _response.Dispose();
        _http.Dispose();
    }
}
