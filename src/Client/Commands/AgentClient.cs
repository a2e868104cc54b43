using System.Net;
using PresenceLedger.Client.Http;

namespace PresenceLedger.Client;

/// <summary>
/// One agent, as routing, a gateway, or an application that keeps connections itself deals with it. Agent applications rather
/// <see cref="PresenceLedgerClient.ConnectAsync">connect</see>.
/// </summary>
public sealed class AgentClient : AgentCommands
{
    internal AgentClient(Nodes nodes, string agentId)
        : base(nodes, agentId) { }

    /// <summary>The current presence.</summary>
    /// <param name="position">A <see cref="CommandResult.Position"/> that the answer is to have, at the least.</param>
    /// <param name="ct">Ends the waiting.</param>
    public async Task<Presence> GetPresenceAsync(string? position = null, CancellationToken ct = default)
    {
        var ask = new Ask(HttpMethod.Get, Address + "/presence") { Headers = [("Ledger-Position", position)] };
        return (await Nodes.SendAsync(ask, ct)).Read<Presence>();
    }

    /// <summary>Signs in, or adds a connection. It lives as long as heartbeats come.</summary>
    /// <param name="connectionId">The connection; with that of before it is the same one coming back. The service makes one up where null.</param>
    /// <param name="client">What the application calls itself, up to 200 characters.</param>
    /// <param name="options">Key, version, reason.</param>
    /// <param name="ct">Ends the waiting; the command may have been done.</param>
    public async Task<SignInResult> SignInAsync(
        string? connectionId = null,
        string? client = null,
        CommandOptions? options = null,
        CancellationToken ct = default
    )
    {
        var body = new
        {
            connectionId,
            client,
            reason = options?.Reason,
        };
        return SignedIn(await Nodes.SendAsync(Ask.Command(HttpMethod.Post, Address + "/sign-in", body, options), ct));
    }

    /// <summary>A sign of life of a connection; leaves no event.</summary>
    /// <returns>False where there is no such connection: sign in again.</returns>
    public Task<bool> HeartbeatAsync(string connectionId, CancellationToken ct = default) =>
        HeartbeatAsync(connectionId, Nodes.RetryFor, ct);

    /// <summary>Says that a connection closes; it has the refresh grace to come back.</summary>
    /// <returns>False where there is no such connection.</returns>
    public Task<bool> CloseConnectionAsync(string connectionId, CommandOptions? options = null, CancellationToken ct = default) =>
        CloseConnectionAsync(connectionId, options, Nodes.RetryFor, ct);

    internal Task<bool> HeartbeatAsync(string connectionId, TimeSpan retryFor, CancellationToken ct) =>
        IsKnownAsync(new Ask(HttpMethod.Post, $"{Address}{Nodes.Path("/connections", connectionId)}/heartbeat"), retryFor, ct);

    internal Task<bool> CloseConnectionAsync(string connectionId, CommandOptions? options, TimeSpan retryFor, CancellationToken ct) =>
        IsKnownAsync(
            Ask.Command(HttpMethod.Delete, Address + Nodes.Path("/connections", connectionId), Body(options), options),
            retryFor,
            ct
        );

    internal async Task<SignInResult> SignInAsync(string connectionId, string? client, TimeSpan retryFor, CancellationToken ct)
    {
        var ask = Ask.Command(HttpMethod.Post, Address + "/sign-in", new { connectionId, client }, null);
        return SignedIn(await Nodes.SendAsync(ask, retryFor, ct));
    }

    private static SignInResult SignedIn(Answer answer)
    {
        var signedIn = answer.Read<SignedInBody>();
        return new SignInResult(
            answer.Read<Presence>(),
            signedIn.Events,
            signedIn.ConnectionId,
            TimeSpan.FromSeconds(signedIn.HeartbeatSeconds),
            TimeSpan.FromSeconds(signedIn.HeartbeatTimeoutSeconds)
        )
        {
            Position = answer.Position,
            Replayed = answer.Replayed,
        };
    }

    private async Task<bool> IsKnownAsync(Ask ask, TimeSpan retryFor, CancellationToken ct)
    {
        try
        {
            await Nodes.SendAsync(ask, retryFor, ct);
            return true;
        }
        catch (RefusedException e) when (e is { Status: (int)HttpStatusCode.NotFound, Code: "connection-unknown" })
        {
            return false;
        }
    }

    private sealed record SignedInBody(
        IReadOnlyList<RecordedEvent> Events,
        string ConnectionId,
        double HeartbeatSeconds,
        double HeartbeatTimeoutSeconds
    );
}
