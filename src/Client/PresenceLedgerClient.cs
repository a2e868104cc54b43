using PresenceLedger.Client.Following;
using PresenceLedger.Client.Http;

namespace PresenceLedger.Client;

/// <summary>A client of the service. It is meant to be shared and kept: it holds the connections to the nodes.</summary>
public sealed class PresenceLedgerClient : IDisposable
{
    private const int HeartbeatsAtOnce = 500;

    private readonly Nodes _nodes;

    /// <summary>A client for the service that the options name; it connects when it is used.</summary>
    /// <exception cref="ArgumentException">The options name no service.</exception>
    public PresenceLedgerClient(PresenceLedgerOptions options) => _nodes = new Nodes(options);

    /// <summary>The commands and queries of one agent.</summary>
    public AgentClient Agent(string agentId) => new(_nodes, agentId);

    /// <summary>
    /// Signs an agent in and keeps the connection alive until it is disposed: heartbeats, signing in again after a loss, and the
    /// presence as it changes.
    /// </summary>
    /// <param name="agentId">The agent.</param>
    /// <param name="connectionId">The connection; with that of before it is the same one coming back. Made up where null.</param>
    /// <param name="client">What the application calls itself, up to 200 characters.</param>
    /// <param name="stillWorking">
    /// Ends as soon as the application works, such as <c>ct => dispatcher.InvokeAsync(() => { }).Task</c>. It is called before a
    /// heartbeat; while it has not ended for a heartbeat timeout, no heartbeats are sent, so that the agent of an application that
    /// hangs is lost. Without it heartbeats are sent as long as the process lives.
    /// </param>
    /// <param name="ct">Ends the waiting for the first sign-in.</param>
    /// <exception cref="RefusedException">The agent may not sign in.</exception>
    /// <exception cref="LedgerUnavailableException">The service did not answer within <see cref="PresenceLedgerOptions.RetryFor"/>.</exception>
    public Task<AgentConnection> ConnectAsync(
        string agentId,
        string? connectionId = null,
        string? client = null,
        Func<CancellationToken, Task>? stillWorking = null,
        CancellationToken ct = default
    ) => AgentConnection.OpenAsync(_nodes, agentId, connectionId ?? Guid.CreateVersion7().ToString("N"), client, stillWorking, ct);

    /// <summary>Signs of life of many connections, from a gateway.</summary>
    /// <returns>Those of them that are none: their clients sign in again.</returns>
    /// <exception cref="RefusedException">The caller is no service, or an id is none.</exception>
    /// <exception cref="LedgerUnavailableException">The service did not answer within <see cref="PresenceLedgerOptions.RetryFor"/>.</exception>
    public async Task<IReadOnlyList<Heartbeat>> HeartbeatsAsync(IEnumerable<Heartbeat> heartbeats, CancellationToken ct = default)
    {
        var unknown = new List<Heartbeat>();
        foreach (var some in heartbeats.Chunk(HeartbeatsAtOnce))
        {
            var ask = new Ask(HttpMethod.Post, "heartbeats") { Body = Ask.Json(new { heartbeats = some }) };
            unknown.AddRange((await _nodes.SendAsync(ask, ct)).Read<UnknownBody>().Unknown);
        }
        return unknown;
    }

    /// <summary>
    /// Presence live: a <see cref="Snapshot"/>, then each <see cref="Change"/> once and in order, over lost streams and dead nodes
    /// for ever. Where more happened than can be told, a <see cref="Gap"/> and a snapshot come.
    /// </summary>
    /// <param name="options">Of whom; of all agents where null.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="RefusedException">The service does not show this to the caller, or does not take what is asked.</exception>
    /// <remarks>What <see cref="PresenceLedgerOptions.Token"/> throws ends it, too.</remarks>
    public IAsyncEnumerable<StreamEvent> FollowAsync(FollowOptions? options = null, CancellationToken ct = default) =>
        LiveStream.FollowAsync(_nodes, options ?? new FollowOptions(), ct);

    /// <summary>Closes the connections to the nodes. Agent connections are to be disposed before.</summary>
    public void Dispose() => _nodes.Dispose();

    private sealed record UnknownBody(IReadOnlyList<Heartbeat> Unknown);
}

/// <summary>A sign of life of one connection.</summary>
public sealed record Heartbeat(string AgentId, string ConnectionId);
