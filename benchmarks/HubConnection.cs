using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// A connection of an agent to the hub: a WebSocket with as little as the JSON protocol of SignalR needs, because the generator
/// holds thousands of them beside what it measures.
/// </summary>
internal sealed class HubConnection : IDisposable
{
    private const byte RecordSeparator = 0x1e;
    private static readonly byte[] Handshake = Frame("""{"protocol":"json","version":1}""");
    private static readonly byte[] Ping = Frame("""{"type":6}""");
    private static readonly byte[] Beat = Frame("""{"type":1,"invocationId":"beat","target":"Heartbeat","arguments":[]}""");

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly Func<Tally> _tally;
    private readonly TaskCompletionSource _handshake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _signIn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _due;
    private bool _broken;

    private HubConnection(Func<Tally> tally) => _tally = tally;

    /// <summary>Connects an agent and signs it in.</summary>
    /// <param name="url">Where the service is.</param>
    /// <param name="agentId">The agent.</param>
    /// <param name="connectionId">The connection of it.</param>
    /// <param name="tally">Where answers to heartbeats are noted at the time.</param>
    public static async Task<HubConnection> SignInAsync(Uri url, string agentId, string connectionId, Func<Tally> tally)
    {
        var connection = new HubConnection(tally);
        await connection._socket.ConnectAsync(url.Host, url.Port);
        await connection.UpgradeAsync(agentId);
        _ = connection.ListenAsync();
        await connection.SendAsync(Handshake);
        await connection._handshake.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await connection.SendAsync(
            Frame($$"""{"type":1,"invocationId":"sign-in","target":"SignIn","arguments":[{"connectionId":"{{connectionId}}"}]}""")
        );
        await connection._signIn.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return connection;
    }

    /// <summary>Sends a sign of life; its answer is noted when it comes.</summary>
    public async ValueTask BeatAsync(long due)
    {
        _tally().Sent.TakeSince(due);
        if (Interlocked.Exchange(ref _due, due) != 0)
            _tally().TakeWrong("no answer", "nothing came until the next heartbeat was due");
        await SendAsync(Beat);
    }

    /// <summary>Keeps the connection open, but says nothing of the agent: so does a page whose own timers stand still.</summary>
    public ValueTask PingAsync() => SendAsync(Ping);

    /// <summary>Breaks the connection, without a word.</summary>
    public void Break()
    {
        // With no time to linger, the other end gets a reset.
        _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        Dispose();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _broken = true;
        _socket.Dispose();
    }

    /// <summary>A message as the frame of a WebSocket. A client's frames have a mask; one of zeros leaves the text as it is.</summary>
    private static byte[] Frame(string message)
    {
        const byte FinalText = 0x81;
        const byte Masked = 0x80;
        var text = Encoding.UTF8.GetBytes(message);
        var length = text.Length + 1;
        return
        [
            FinalText,
            .. length < 126 ? (byte[])[(byte)(Masked | length)] : [Masked | 126, (byte)(length >> 8), (byte)length],
            .. new byte[4],
            .. text,
            RecordSeparator,
        ];
    }

    private async Task UpgradeAsync(string agentId)
    {
        await _socket.SendAsync(
            Encoding.UTF8.GetBytes(
                "GET /hubs/presence HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Actor: agent:{agentId}\r\n\r\n"
            )
        );
        // Nothing but the answer comes before the handshake is sent.
        var buffer = new byte[4096];
        var count = 0;
        do
        {
            var more = await _socket.ReceiveAsync(buffer.AsMemory(count));
            if (more == 0)
                break;
            count += more;
        } while (buffer.AsSpan(..count).IndexOf("\r\n\r\n"u8) < 0);
        if (!buffer.AsSpan(..count).StartsWith("HTTP/1.1 101 "u8))
            throw new InvalidOperationException("The hub did not take a connection: " + Encoding.UTF8.GetString(buffer.AsSpan(..count)));
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> frame)
    {
        try
        {
            await _socket.SendAsync(frame);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            End(e.Message);
        }
    }

    private async Task ListenAsync()
    {
        var received = new byte[2048];
        var text = new ArrayBufferWriter<byte>();
        var end = 0;
        try
        {
            while (true)
            {
                if (end == received.Length)
                    Array.Resize(ref received, 2 * end);
                var count = await _socket.ReceiveAsync(received.AsMemory(end));
                if (count == 0)
                    break;
                end += count;
                var taken = TakeFrames(received.AsSpan(..end), text);
                received.AsSpan(taken..end).CopyTo(received);
                end -= taken;
                TakeMessages(text);
            }
            End("the service closed it");
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or JsonException)
        {
            End(e.Message);
        }
    }

    /// <summary>Takes the text of whole frames; how many bytes they were. Frames that carry no text say nothing of interest.</summary>
    private static int TakeFrames(ReadOnlySpan<byte> received, ArrayBufferWriter<byte> text)
    {
        const int Continuation = 0;
        const int Text = 1;
        for (var taken = 0; ; )
        {
            var rest = received[taken..];
            if (rest.Length < 2)
                return taken;
            var (head, length) = (2, (ulong)rest[1]);
            if (length is 126 or 127)
            {
                head = length == 126 ? 4 : 10;
                if (rest.Length < head)
                    return taken;
                length = head == 4 ? BinaryPrimitives.ReadUInt16BigEndian(rest[2..]) : BinaryPrimitives.ReadUInt64BigEndian(rest[2..]);
            }
            if ((ulong)(rest.Length - head) < length)
                return taken;
            if ((rest[0] & 0xf) is Continuation or Text)
                text.Write(rest.Slice(head, (int)length));
            taken += head + (int)length;
        }
    }

    private void TakeMessages(ArrayBufferWriter<byte> text)
    {
        var rest = text.WrittenMemory;
        for (int end; (end = rest.Span.IndexOf(RecordSeparator)) >= 0; rest = rest[(end + 1)..])
            Take(rest[..end]);
        var begun = rest.ToArray();
        text.ResetWrittenCount();
        text.Write(begun);
    }

    private void Take(ReadOnlyMemory<byte> message)
    {
        // Pushes and pings are for a real client.
        if (message.Span.StartsWith("{\"type\":1,"u8) || message.Span.StartsWith("{\"type\":6"u8))
            return;
        using var json = JsonDocument.Parse(message);
        var root = json.RootElement;
        var problem =
            root.TryGetProperty("error", out var error) ? error.ToString()
            : root.TryGetProperty("result", out var result)
            && result.ValueKind is JsonValueKind.Object
            && result.TryGetProperty("problem", out var answered)
            && answered.ValueKind is JsonValueKind.Object
                ? answered.ToString()
            : null;
        switch (root.TryGetProperty("invocationId", out var id) ? id.GetString() : null)
        {
            case "beat" when problem is null:
                _tally().Answered.TakeSince(Interlocked.Exchange(ref _due, 0));
                break;
            case "beat":
                Interlocked.Exchange(ref _due, 0);
                _tally().TakeWrong("problem", problem);
                break;
            case "sign-in" when problem is null:
                _signIn.TrySetResult();
                break;
            case "sign-in":
                _signIn.TrySetException(new InvalidOperationException("An agent was not signed in: " + problem));
                break;
            default:
                if (problem is not null)
                    End(problem);
                _handshake.TrySetResult();
                break;
        }
    }

    private void End(string why)
    {
        if (_broken)
            return;
        _broken = true;
        _tally().TakeWrong("connection", why);
        var broke = new IOException("A connection to the hub broke: " + why);
        _handshake.TrySetException(broke);
        _signIn.TrySetException(broke);
        _socket.Dispose();
    }
}
