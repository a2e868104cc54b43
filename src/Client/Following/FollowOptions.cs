namespace PresenceLedger.Client;

/// <summary>Whose presence to follow; all agents where nothing is said, and both conditions where both are.</summary>
public sealed record FollowOptions
{
    /// <summary>These agents, 1 to 1,000.</summary>
    public IReadOnlyList<string>? Agents { get; init; }

    /// <summary>Agents who work in this queue.</summary>
    public string? Queue { get; init; }

    /// <summary>A <see cref="StreamEvent.Position"/>, or that of a command: what came after it comes, and no snapshot before it.</summary>
    public string? After { get; init; }

    /// <summary>
    /// A stream on which nothing came for so long, not even a heartbeat, is taken for dead and opened again. Three heartbeat
    /// intervals of the service's policy where null.
    /// </summary>
    public TimeSpan? Silence { get; init; }
}
