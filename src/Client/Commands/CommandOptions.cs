namespace PresenceLedger.Client;

/// <summary>What any command may be given.</summary>
public sealed record CommandOptions
{
    /// <summary>
    /// 1 to 255 visible ASCII characters that name this one command: sent again with them, it is done once and answered as before.
    /// The client makes a key where none is given, so that its own retries do nothing twice.
    /// </summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The <see cref="Presence.Version"/> it was decided on; refused with <c>version-conflict</c> where that is not the last.</summary>
    public long? IfMatch { get; init; }

    /// <summary>Why, for the audit.</summary>
    public Reason? Reason { get; init; }

    /// <summary>The agent's connection that it came from, for the audit.</summary>
    public string? ConnectionId { get; init; }
}

/// <summary>Why something is done: a code of the caller's own (up to 100 characters), words (up to 2,000), or both.</summary>
public sealed record Reason(string? Code = null, string? Text = null);

/// <summary>The ledger has the command.</summary>
/// <param name="Presence">The presence after it.</param>
/// <param name="Events">What it recorded; empty where there was nothing to change.</param>
public record CommandResult(Presence Presence, IReadOnlyList<RecordedEvent> Events)
{
    /// <summary>Where in the ledger, for queries that are to see it; null where nothing was recorded.</summary>
    public string? Position { get; init; }

    /// <summary>It was done before under the same key, and this is the answer of then.</summary>
    public bool Replayed { get; init; }
}

/// <summary>The connection is open.</summary>
/// <param name="Presence">The presence after it.</param>
/// <param name="Events">What it recorded; empty where the connection was open.</param>
/// <param name="ConnectionId">The connection.</param>
/// <param name="HeartbeatInterval">How often to send heartbeats.</param>
/// <param name="HeartbeatTimeout">How long the connection lives without.</param>
public sealed record SignInResult(
    Presence Presence,
    IReadOnlyList<RecordedEvent> Events,
    string ConnectionId,
    TimeSpan HeartbeatInterval,
    TimeSpan HeartbeatTimeout
) : CommandResult(Presence, Events);

/// <summary>An event in the ledger.</summary>
/// <param name="EventId">Its id.</param>
/// <param name="Type">Such as <c>presence-changed</c>.</param>
/// <param name="Version">Its place among the agent's events, from 0.</param>
/// <param name="Rule">The rule that made it so; null where none did.</param>
public sealed record RecordedEvent(Guid EventId, string Type, long Version, string? Rule);

/// <summary>A conversation to assign, as routing knows it.</summary>
public sealed record Work
{
    /// <summary>Such as <c>chat</c> or <c>voice</c>.</summary>
    public string? Channel { get; init; }

    public string? Queue { get; init; }

    public string? Workstream { get; init; }

    /// <summary>Capacity units it takes, 0 to 1,000,000.</summary>
    public int Units { get; init; }

    /// <summary>Capacity profiles it takes an item of.</summary>
    public IReadOnlyList<string> Profiles { get; init; } = [];

    /// <summary>What it takes in wrap-up; <see cref="WrapUp.AlwaysBlock"/> where null.</summary>
    public WrapUp? WrapUp { get; init; }

    /// <summary>The channel accepts for the agent.</summary>
    public bool AutoAccept { get; init; }

    /// <summary>An outbound attempt of the agent's own: active at once, and not presented.</summary>
    public bool Outbound { get; init; }

    /// <summary>When the customer began to wait; at most 5 seconds ahead, and at most a year ago.</summary>
    public DateTimeOffset? CreatedAt { get; init; }
}

/// <summary>What a conversation takes of capacity in wrap-up.</summary>
public sealed record WrapUp
{
    private WrapUp(string policy, double? seconds = null) => (Policy, Seconds) = (policy, seconds);

    /// <summary>As much as before, until it is closed.</summary>
    public static WrapUp AlwaysBlock { get; } = new("always-block");

    /// <summary>Nothing.</summary>
    public static WrapUp DontBlock { get; } = new("dont-block");

    /// <summary>As much as before, for a while: 30 s to 60 min.</summary>
    public static WrapUp BlockFor(TimeSpan time) => new("custom", time.TotalSeconds);

    /// <summary><c>always-block</c>, <c>dont-block</c> or <c>custom</c>.</summary>
    public string Policy { get; }

    /// <summary>With <c>custom</c>: for how long.</summary>
    public double? Seconds { get; }
}
