namespace PresenceLedger.Domain.Agents;

/// <summary>What an event comes from, within its stream: from a status back to what a command asked for, or time brought about.</summary>
public static class Cause
{
    /// <summary>
    /// Tells the event that another comes from: the newest before it for which this holds. Null where there is none, because a
    /// command asked for it, or it happened by itself.
    /// </summary>
    public static Func<long, AgentEvent, bool>? Of(AgentEvent e) =>
        e switch
        {
            PresenceChanged { Follows: { } follows } => (version, _) => version == follows,
            // Assigned and accepted at one instant (CAP-10).
            ConversationAccepted { Automatic: true } x => (_, before) =>
                before is ConversationAssigned assigned && assigned.ConversationId == x.ConversationId,
            WrapUpBlockEnded x => (_, before) => before is WrapUpStarted started && started.ConversationId == x.ConversationId,
            ConnectionLost { Cause: LossCause.Closed } x => (_, before) =>
                before is ConnectionClosing closing && closing.ConnectionId == x.ConnectionId,
            ConsultEnded => (_, before) => IsDeparture(before),
            _ => null,
        };

    /// <summary>Whether the agent is signed out by it: the status is captured then (SGN-4, CON-3).</summary>
    public static bool IsDeparture(AgentEvent e) => e is AgentSignedOut or ConnectionLost { Last: true };
}
