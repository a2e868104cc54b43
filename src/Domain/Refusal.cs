namespace PresenceLedger.Domain;

/// <summary>Why a command was refused: a stable code (part of the public contract) and a sentence that says what to do.</summary>
/// <param name="Code">One of <see cref="RefusalCodes"/>.</param>
/// <param name="Detail">What is wrong and what the caller can do about it.</param>
public sealed record Refusal(string Code, string Detail)
{
    /// <summary>Which member of the command is wrong, where it is one.</summary>
    public string? Field { get; init; }

    /// <summary>Nobody registered this agent.</summary>
    public static Refusal AgentUnknown(string agentId) =>
        new(RefusalCodes.AgentUnknown, $"There is no agent '{agentId}'. An administrator registers it with PUT /api/v1/agents/{agentId}.");

    /// <summary>The agent has no such connection (CON-9).</summary>
    public static Refusal ConnectionUnknown(string agentId, string connectionId) =>
        new(
            RefusalCodes.ConnectionUnknown,
            $"Agent '{agentId}' has no connection '{connectionId}'; it was lost or never opened. Sign in again."
        );

    /// <summary>The catalogue has no such status.</summary>
    public static Refusal StatusUnknown(string statusId) =>
        new(RefusalCodes.StatusUnknown, $"There is no status '{statusId}'. GET /api/v1/statuses lists them.");

    /// <summary>The catalogue has no such capacity profile.</summary>
    public static Refusal ProfileUnknown(string profileId) =>
        new(
            RefusalCodes.ProfileUnknown,
            $"There is no capacity profile '{profileId}'. GET /api/v1/capacity-profiles lists them; an administrator adds one."
        );
}

/// <summary>The codes a refusal can carry; they appear in problem details and in scenario files.</summary>
public static class RefusalCodes
{
    public const string AgentUnknown = "agent-unknown";
    public const string AgentNotSignedIn = "agent-not-signed-in";
    public const string StatusUnknown = "status-unknown";
    public const string StatusRetired = "status-retired";
    public const string StatusNotSelectable = "status-not-selectable";
    public const string StatusBuiltIn = "status-built-in";
    public const string StatusInUse = "status-in-use";
    public const string NothingToReset = "nothing-to-reset";
    public const string ConversationUnknown = "conversation-unknown";
    public const string ConversationNotAssigned = "conversation-not-assigned";
    public const string ConversationNotActive = "conversation-not-active";
    public const string ConversationNotWaiting = "conversation-not-waiting";
    public const string ConsultUnknown = "consult-unknown";
    public const string ProfileUnknown = "profile-unknown";
    public const string ConnectionUnknown = "connection-unknown";
    public const string EntryUnknown = "entry-unknown";
    public const string DisputeOpen = "dispute-open";
    public const string DisputeUnknown = "dispute-unknown";
    public const string TooManyDisputes = "too-many-disputes";
    public const string AgentSignedIn = "agent-signed-in";
    public const string Forbidden = "forbidden";
    public const string Validation = "validation";
}
