namespace PresenceLedger.Dashboard.Wall;

/// <summary>What a viewer does to agents from the wall.</summary>
public enum AgentAction
{
    SetPresence,
    Reset,
    ForceRelease,
}

/// <summary>An agent's presence after a command, or as it is, as much of it as the wall needs.</summary>
public sealed record PresenceNow(string AgentId, string StatusText, string Base, IReadOnlyList<OpenConversation> Conversations)
{
    /// <summary>What the command recorded; nothing where nothing was to change.</summary>
    public IReadOnlyList<object> Events { get; init; } = [];
}

/// <summary>An open conversation of an agent.</summary>
public sealed record OpenConversation(string ConversationId, string State, string? Channel, string? Queue, DateTimeOffset AssignedAt);
