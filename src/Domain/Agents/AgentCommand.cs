namespace PresenceLedger.Domain.Agents;

/// <summary>What may be asked of an agent's presence.</summary>
public abstract record AgentCommand;

/// <summary>Register the agent, or change the settings.</summary>
/// <param name="Change">The new settings from the present ones.</param>
public sealed record ConfigureAgent(Func<AgentSettings, AgentSettings> Change) : AgentCommand;

/// <summary>Sign in, or add a connection (SGN-1 to SGN-3, CON-4, CON-6).</summary>
public sealed record SignIn(string ConnectionId, string? Client) : AgentCommand;

/// <summary>SGN-4.</summary>
public sealed record SignOut : AgentCommand;

/// <summary>The client says that this connection closes (CON-1).</summary>
public sealed record CloseConnection(string ConnectionId) : AgentCommand;

/// <summary>A manual change (MAN).</summary>
/// <param name="StatusId">The status.</param>
/// <param name="Until">Until when it stands (MAN-6); null where nothing ends it but the other rules.</param>
public sealed record SetPresence(string StatusId, DateTimeOffset? Until = null) : AgentCommand;

/// <summary>NOT-4.</summary>
public sealed record ResetPresence : AgentCommand;

/// <summary>Assign a conversation (CAP-7, CAP-10).</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="Work">What it is and takes.</param>
/// <param name="AutoAccept">The channel accepts for the agent.</param>
/// <param name="FromAgentId">Who transferred it here (TRF-1).</param>
public sealed record AssignConversation(string ConversationId, Work Work, bool AutoAccept = false, string? FromAgentId = null)
    : AgentCommand;

/// <summary>The verbs of a conversation's life.</summary>
public enum ConversationVerb
{
    Accept,
    Reject,
    Miss,
    Undelivered,
    Wait,
    Resume,
    WrapUp,
    Close,
    Release,
    Activity,
}

/// <summary>A verb on an open conversation (CAP-13).</summary>
public sealed record MoveConversation(string ConversationId, ConversationVerb Verb) : AgentCommand;

/// <summary>Transfer away, to exactly one of the three (TRF-1, TRF-2).</summary>
public sealed record TransferConversation(string ConversationId, string? ToAgentId, string? ToQueue, string? External) : AgentCommand;

/// <summary>
/// The second half of a transfer to an agent (TRF-1), where the two are not recorded at once: lets go of a conversation that the
/// other agent has got, unless it came to this one anew since.
/// </summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="ToAgentId">Who has got it.</param>
/// <param name="At">When.</param>
public sealed record HandOver(string ConversationId, string ToAgentId, DateTimeOffset At) : AgentCommand;

/// <summary>STK-2.</summary>
public sealed record ForceReleaseConversation(string ConversationId) : AgentCommand;

/// <summary>Say what the status should have been in a stretch of the past, from registration on until now at most.</summary>
public sealed record CorrectPresence(DateTimeOffset From, DateTimeOffset To, string StatusId) : AgentCommand;

/// <summary>CNS-1.</summary>
public sealed record JoinConsult(string ConversationId, ConsultMode Mode) : AgentCommand;

/// <summary>CNS-1.</summary>
public sealed record LeaveConsult(string ConversationId) : AgentCommand;

/// <summary>Give back what an end-of-day profile has counted (CAP-7).</summary>
public sealed record ResetCapacity(string ProfileId) : AgentCommand;

/// <summary>Record what has become due: losses, ends of wrap-up blocks, consults and manual statuses, end-of-day resets.</summary>
public sealed record SettleDue : AgentCommand;
