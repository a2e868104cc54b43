namespace PresenceLedger.Client;

/// <summary>How an <see cref="AgentConnection"/> stands.</summary>
public enum ConnectionState
{
    /// <summary>Signed in, and the last heartbeat was answered.</summary>
    Connected,

    /// <summary>The service is not reached, or does not let the agent in; it is tried again for ever.</summary>
    Reconnecting,

    /// <summary>The agent signed out, or was signed out; it stays so until <see cref="AgentConnection.SignInAsync(CancellationToken)"/>.</summary>
    SignedOut,

    /// <summary>Disposed.</summary>
    Closed,
}
