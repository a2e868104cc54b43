using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;

namespace PresenceLedger.Api.Tests.Live;

/// <summary>What a call of the hub is answered with.</summary>
internal sealed record HubReply(JsonElement Answer)
{
    /// <summary>The presence; fails where there is a problem.</summary>
    public JsonElement Presence =>
        Code is null
            ? Answer.GetProperty("presence")
            : throw new InvalidOperationException($"A presence was to come, and there came {Answer}.");

    /// <summary>The problem's code; null where there is none.</summary>
    public string? Code => Problem is { } problem ? problem.GetProperty("code").GetString() : null;

    /// <summary>The problem; null where there is none.</summary>
    public JsonElement? Problem =>
        Answer.TryGetProperty("problem", out var problem) && problem.ValueKind is not JsonValueKind.Null ? problem : null;
}

/// <summary>A connection to the hub, with what is pushed to it.</summary>
internal sealed class HubClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Channel<JsonElement> _changes = Channel.CreateUnbounded<JsonElement>();

    // Of heartbeats that nobody waited for, the last.
    private readonly Channel<bool> _beats = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest }
    );
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClientWebSocket _socket = new();
    private readonly HubConnection _connection;

    private HubClient(Uri hub, string? actor, bool beats)
    {
        if (actor is not null)
            _socket.Options.SetRequestHeader("X-Actor", actor);
        _connection = new HubConnectionBuilder()
            .WithUrl(
                hub,
                o =>
                {
                    // So that the socket is at hand, to be broken.
                    o.Transports = HttpTransportType.WebSockets;
                    o.SkipNegotiation = true;
                    o.WebSocketFactory = async (context, ct) =>
                    {
                        await _socket.ConnectAsync(context.Uri, ct);
                        return _socket;
                    };
                }
            )
            .Build();
        _connection.On<JsonElement>("PresenceChanged", change => _changes.Writer.TryWrite(change));
        _connection.On(
            "Heartbeat",
            async () =>
            {
                if (beats)
                    await _connection.SendAsync("Heartbeat");
                _beats.Writer.TryWrite(true);
            }
        );
        _connection.Closed += _ =>
        {
            _closed.SetResult();
            return Task.CompletedTask;
        };
    }

    /// <summary>Done when the connection has ended.</summary>
    public Task Closed => _closed.Task.WaitAsync(Patience);

    /// <summary>Connects to the hub of a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="query">A query, as browsers have to say who they are.</param>
    /// <param name="actor">Who calls: header <c>X-Actor</c>.</param>
    /// <param name="beats">Sends heartbeats as it is asked to.</param>
    public static async Task<HubClient> ConnectAsync(Uri node, string query = "", string? actor = null, bool beats = true)
    {
        var client = new HubClient(new Uri(node, "/hubs/presence" + query), actor, beats);
        try
        {
            await client._connection.StartAsync();
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    public Task<HubReply> SignInAsync(object? message = null) => CallAsync("SignIn", message ?? new { });

    public Task<HubReply> HeartbeatAsync() => CallAsync("Heartbeat");

    public Task<HubReply> SetPresenceAsync(object message) => CallAsync("SetPresence", message);

    public Task<HubReply> CloseAsync() => CallAsync("Close");

    /// <summary>Calls the hub.</summary>
    public async Task<HubReply> CallAsync(string method, params object?[] arguments) =>
        new(await _connection.InvokeCoreAsync<JsonElement>(method, arguments).WaitAsync(Patience));

    /// <summary>The next change that is pushed.</summary>
    public Task<JsonElement> ChangeAsync() => _changes.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    /// <summary>Done when the next heartbeat is asked for, and sent where it beats.</summary>
    public Task AskedAsync() => _beats.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    /// <summary>Breaks the connection, as it breaks where a program dies.</summary>
    public void Break() => _socket.Abort();

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        _socket.Dispose();
    }
}
