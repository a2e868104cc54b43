using System.Runtime.CompilerServices;
using PresenceLedger.Client.Connections;
using PresenceLedger.Client.Following;
using PresenceLedger.Client.Http;

namespace PresenceLedger.Client;

/// <summary>
/// An agent that is signed in: keeps the connection alive by heartbeats, signs in again where it was lost, and knows the presence.
/// It goes on for ever, whatever fails, until it is disposed. Its commands name it as where they came from.
/// </summary>
public sealed class AgentConnection : AgentCommands, IAsyncDisposable
{
    private readonly AgentClient _agent;
    private readonly string? _client;
    private readonly Broadcast<Known> _presences = new();
    private readonly Broadcast<ConnectionState> _states = new();
    private readonly CancellationTokenSource _closing = new();

    // Signing in, signing out and heartbeats come one after the other: a heartbeat must not sign in again whoever just signed out.
    private readonly SemaphoreSlim _turn = new(1);
    private readonly PeriodicTimer _timer;
    private readonly Watch _watch;
    private readonly Lock _lock = new();
    private readonly Task _running;
    private Known _known;
    private int _ledger;
    private long _signedInAt;
    private TimeSpan _timeout;
    private ConnectionState _state;

    private AgentConnection(
        Nodes nodes,
        AgentClient agent,
        string? client,
        Func<CancellationToken, Task>? stillWorking,
        SignInResult signedIn
    )
        : base(nodes, agent.AgentId)
    {
        _agent = agent;
        _client = client;
        _known = new Known(0, signedIn.Presence);
        _signedInAt = signedIn.Presence.Version;
        _timeout = signedIn.HeartbeatTimeout;
        _watch = new Watch(stillWorking, nodes.Clock);
        ConnectionId = signedIn.ConnectionId;
        _timer = new PeriodicTimer(signedIn.HeartbeatInterval, nodes.Clock);
        _running = Task.WhenAll(BeatAsync(), FollowAsync(signedIn.Position));
    }

    /// <summary>The connection.</summary>
    public string ConnectionId { get; }

    /// <summary>The newest presence that is known.</summary>
    public Presence Presence
    {
        get
        {
            lock (_lock)
                return _known.Presence;
        }
    }

    /// <summary>How it stands.</summary>
    public ConnectionState State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    /// <summary>Why it is <see cref="ConnectionState.Reconnecting"/>; null otherwise.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>
    /// The presence as it is, then each change in the order of the ledger; ends when the connection is disposed. For an enumerator
    /// that is slow up to 256 changes wait; beyond that the oldest are left out, so the last one is always the present one.
    /// </summary>
    public async IAsyncEnumerable<Presence> PresencesAsync([EnumeratorCancellation] CancellationToken ct = default)
    {
        Known? last = null;
        await foreach (var known in _presences.ListenAsync(() => Locked(() => _known), ct))
            if (last is null || known.IsNewerThan(last))
            {
                last = known;
                yield return known.Presence;
            }
    }

    /// <summary>How it stands, then each change of that; ends when the connection is disposed.</summary>
    public IAsyncEnumerable<ConnectionState> StatesAsync(CancellationToken ct = default) => _states.ListenAsync(() => State, ct);

    /// <summary>Signs in again after a sign-out.</summary>
    public async Task<SignInResult> SignInAsync(CancellationToken ct = default)
    {
        await _turn.WaitAsync(ct);
        try
        {
            return await SignInAsync(Nodes.RetryFor, ct);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Signs out: all connections of the agent close. This one stays signed out until <see cref="SignInAsync(CancellationToken)"/>.</summary>
    public override async Task<CommandResult> SignOutAsync(CommandOptions? options = null, CancellationToken ct = default)
    {
        await _turn.WaitAsync(ct);
        try
        {
            var result = await base.SignOutAsync(options, ct);
            Stand(ConnectionState.SignedOut);
            return result;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Says that the connection closes, which leaves it the refresh grace to come back; does not insist where nobody answers.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closing.IsCancellationRequested)
            return;
        // First, since a heartbeat would bring the connection back.
        await _closing.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Where it cannot be said, the connection is lost for want of heartbeats all the same.
        if (State is not ConnectionState.SignedOut)
            await ((Task)_agent.CloseConnectionAsync(ConnectionId, null, TimeSpan.Zero, CancellationToken.None)).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing
            );
        Stand(ConnectionState.Closed);
        _presences.End();
        _states.End();
        _timer.Dispose();
        _turn.Dispose();
        _closing.Dispose();
    }

    internal static async Task<AgentConnection> OpenAsync(
        Nodes nodes,
        string agentId,
        string connectionId,
        string? client,
        Func<CancellationToken, Task>? stillWorking,
        CancellationToken ct
    )
    {
        // Heartbeats name it in their address: better now than never.
        _ = Nodes.Path("connections", connectionId);
        var agent = new AgentClient(nodes, agentId);
        var signedIn = await agent.SignInAsync(connectionId, client, nodes.RetryFor, ct);
        return new AgentConnection(nodes, agent, client, stillWorking, signedIn);
    }

    private protected override async Task<CommandResult> SendAsync(
        HttpMethod method,
        string path,
        object? body,
        CommandOptions? options,
        CancellationToken ct
    )
    {
        options ??= new CommandOptions();
        var result = await base.SendAsync(method, path, body, options with { ConnectionId = options.ConnectionId ?? ConnectionId }, ct);
        Learn(result.Presence);
        return result;
    }

    /// <summary>Heartbeats, and what becomes necessary where one fails.</summary>
    private async Task BeatAsync()
    {
        var backoff = new Backoff();
        while (await _timer.WaitForNextTickAsync(_closing.Token))
        {
            while (!await IsAliveAsync())
                await Task.Delay(backoff.Next(), Nodes.Clock, _closing.Token);
            backoff.Reset();
        }

        async Task<bool> IsAliveAsync()
        {
            await _turn.WaitAsync(_closing.Token);
            try
            {
                if (State is ConnectionState.SignedOut)
                    return true;
                if (!_watch.IsWorking(_timeout, _closing.Token))
                {
                    // With the next tick after the application works again, a heartbeat shows whether the connection was lost.
                    Stand(ConnectionState.Reconnecting, new TimeoutException("The application does not answer."), unlessSignedOut: true);
                    return true;
                }
                if (await _agent.HeartbeatAsync(ConnectionId, TimeSpan.Zero, _closing.Token))
                    Stand(ConnectionState.Connected, unlessSignedOut: true);
                else if (State is not ConnectionState.SignedOut)
                    await SignInAsync(TimeSpan.Zero, _closing.Token);
                return true;
            }
            catch (Exception e) when (!_closing.IsCancellationRequested)
            {
                // Whatever it is, giving up would lose the agent; a token may be had again, too.
                Stand(ConnectionState.Reconnecting, e, unlessSignedOut: true);
                return false;
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    /// <summary>The presence as it changes, whoever changes it.</summary>
    private async Task FollowAsync(string? position)
    {
        var backoff = new Backoff();
        while (true)
            try
            {
                var options = new FollowOptions { Agents = [AgentId], After = position };
                await foreach (var e in LiveStream.FollowAsync(Nodes, options, _closing.Token))
                {
                    await TakeAsync(e);
                    position = e.Position;
                    backoff.Reset();
                }
            }
            catch (Exception) when (!_closing.IsCancellationRequested)
            {
                // A refusal may be taken back, as when a new token is given.
                await Task.Delay(backoff.Next(), Nodes.Clock, _closing.Token);
            }
    }

    private async Task TakeAsync(StreamEvent e)
    {
        switch (e)
        {
            case Gap when State is not ConnectionState.SignedOut:
                // The snapshot that follows may be behind. Signing in where the connection is open records nothing and says how it is.
                Tell((await SignInAsync(_closing.Token)).Presence);
                break;
            case Snapshot { Items: [var presence] }:
                Tell(presence);
                break;
            case Change change:
                Tell(change.Presence);
                if (IsSignedOut(change))
                    Stand(ConnectionState.SignedOut);
                break;
        }
    }

    /// <summary>Whether somebody signed the agent out since it last signed in; a lost connection is none of that.</summary>
    private bool IsSignedOut(Change change) =>
        change
            is { Presence.SignedIn: false, Type: "agent-signed-out" }
                or { Presence: { SignedIn: false, Rule: "SGN-4" }, Type: "presence-changed" }
        && change.Presence.Version > Locked(() => _signedInAt);

    private async Task<SignInResult> SignInAsync(TimeSpan retryFor, CancellationToken ct)
    {
        var before = Presence.Version;
        var result = await _agent.SignInAsync(ConnectionId, _client, retryFor, ct);
        lock (_lock)
        {
            _signedInAt = result.Presence.Version;
            // Versions go back only where the ledger came to be another, an older state of it.
            if (_signedInAt < before)
                _ledger++;
        }
        Learn(result.Presence);
        _timer.Period = result.HeartbeatInterval;
        _timeout = result.HeartbeatTimeout;
        Stand(ConnectionState.Connected);
        return result;
    }

    /// <summary>An answer may be newer than the stream, and older, too.</summary>
    private Known Learn(Presence presence) =>
        Locked(() =>
        {
            var known = new Known(_ledger, presence);
            if (known.IsNewerThan(_known))
                _known = known;
            return known;
        });

    private void Tell(Presence presence) => _presences.Tell(Learn(presence));

    /// <summary>Says how it stands from here on.</summary>
    /// <param name="state">How it stands.</param>
    /// <param name="fault">Why.</param>
    /// <param name="unlessSignedOut">The stream may tell of a sign-out while a heartbeat is on its way.</param>
    private void Stand(ConnectionState state, Exception? fault = null, bool unlessSignedOut = false)
    {
        lock (_lock)
        {
            if (unlessSignedOut && _state is ConnectionState.SignedOut)
                return;
            Fault = fault;
            if (_state == state)
                return;
            _state = state;
            _states.Tell(state);
        }
    }

    private T Locked<T>(Func<T> what)
    {
        lock (_lock)
            return what();
    }

    /// <summary>A presence, and of which ledger: with a later one it counts anew.</summary>
    private sealed record Known(int Ledger, Presence Presence)
    {
        public bool IsNewerThan(Known other) => (Ledger, Presence.Version).CompareTo((other.Ledger, other.Presence.Version)) > 0;
    }
}
