using System.Globalization;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Domain.Agents;

/// <summary>A readable sentence for an event: what happened, and for a change of presence why. English.</summary>
public static class Explanation
{
    /// <summary>The sentence for an event.</summary>
    /// <param name="e">The event.</param>
    /// <param name="followed">The event it follows from, where it is a change of presence that follows from one.</param>
    /// <param name="configuration">For the texts of statuses.</param>
    public static string Of(AgentEvent e, AgentEvent? followed, Configuration configuration) =>
        e is PresenceChanged changed ? Of(changed, followed, configuration) : Fact(e, configuration) + ".";

    private static string Of(PresenceChanged e, AgentEvent? followed, Configuration configuration)
    {
        var to = configuration.StatusText(e.To.StatusId);
        var because = followed is null ? "" : Fact(followed, configuration) + "; ";
        return e.Rule switch
        {
            Rules.Man1 when e.From.StatusId == e.To.StatusId =>
                $"The status {to}, which stood by {e.From.Origin.ToString().ToLowerInvariant()}, was set by hand; it is the agent's own word now.",
            Rules.Man1 => $"The status was set by hand from {configuration.StatusText(e.From.StatusId)} to {to}.",
            Rules.Sgn1 => $"{because}no conversation is open, so the default presence {to} stands.",
            Rules.Sgn2 when e.Capacity is null => $"{because}conversations are open, and the default presence {to} stands over capacity.",
            Rules.Sgn2 => $"{because}conversations are open; {Capacity(e.Capacity!)}, so the status is {to}.",
            Rules.Sgn4 => $"{because}the status is {to}; {configuration.StatusText(e.From.StatusId)} is kept for a return in time.",
            Rules.Con3 =>
                $"{because}it was the last one, so the status is {to}; {configuration.StatusText(e.From.StatusId)} is kept for a return in time.",
            Rules.Con4 => $"{because}it was back within the restore window, so {to} is restored with the origin it had.",
            Rules.Not1 => $"{because}the status is {to} until it is changed or reset.",
            Rules.Not2 => $"{because}the status is {to} until it is changed or reset.",
            Rules.Not4 => $"Presence was reset; {Capacity(e.Capacity!)}, so the status is {to}.",
            Rules.Cap5 => $"{because}{Sessions(e.Capacity!)}, so the status is {to}.",
            Rules.Cap6 => $"{because}{Capacity(e.Capacity!)}, which is more than there is, so the status is {to}.",
            Rules.Cap3 => $"{because}{Capacity(e.Capacity!)}, so capacity is exhausted and the status is {to}.",
            Rules.Cap8 => $"{because}the agent's total units are zero and work was assigned, so the status is {to}.",
            Rules.Cap1 => $"{because}no conversation takes capacity any more, so the status is {to}.",
            _ when e.Capacity is { } inputs => $"{because}{Capacity(inputs)}, so the status is {to}.",
            _ => $"{because}the status is {to}.",
        };
    }

    /// <summary>What happened, without the full stop.</summary>
    private static string Fact(AgentEvent e, Configuration configuration) =>
        e switch
        {
            AgentRegistered => "The agent was registered",
            AgentConfigured => "The agent's settings were changed",
            AgentSignedIn { Returned: true } x => $"The agent came back on connection {x.ConnectionId}{Client(x.Client)}",
            AgentSignedIn x => $"The agent signed in on connection {x.ConnectionId}{Client(x.Client)}",
            AgentSignedOut => "The agent signed out",
            ConnectionOpened { Rule: Rules.Con6 } x => $"Connection {x.ConnectionId} came back before its grace was over",
            ConnectionOpened x => $"A further connection {x.ConnectionId} opened{Client(x.Client)}",
            ConnectionClosing x => $"Connection {x.ConnectionId} said that it closes",
            ConnectionLost { Cause: LossCause.Closed } x =>
                $"Connection {x.ConnectionId} closed and did not come back by {Time(x.Deadline)}",
            ConnectionLost x => $"Connection {x.ConnectionId} was last seen at {Time(x.LastSeenAt)} and was lost at {Time(x.Deadline)}",
            ConversationAssigned { FromAgentId: { } from } x => $"Conversation {x.ConversationId} was transferred here by agent {from}",
            ConversationAssigned x => $"Conversation {x.ConversationId} was assigned",
            ConversationAccepted { Automatic: true } x => $"Conversation {x.ConversationId} was accepted by its channel",
            ConversationAccepted x => $"Conversation {x.ConversationId} was accepted",
            ConversationWaiting x => $"Conversation {x.ConversationId} was put to waiting",
            ConversationResumed x => $"Conversation {x.ConversationId} was resumed",
            WrapUpStarted { HoldsCapacity: false } x => $"Wrap-up of conversation {x.ConversationId} began and gave its capacity back",
            WrapUpStarted { BlockEndsAt: { } ends } x =>
                $"Wrap-up of conversation {x.ConversationId} began and takes capacity until {Time(ends)}",
            WrapUpStarted x => $"Wrap-up of conversation {x.ConversationId} began and takes capacity until it is closed",
            WrapUpBlockEnded x => $"The wrap-up block of conversation {x.ConversationId} ended",
            ConversationActivity x => $"Conversation {x.ConversationId} showed activity",
            ConversationClosed x => $"Conversation {x.ConversationId} was closed",
            ConversationAbandoned x => $"Conversation {x.ConversationId} was abandoned by the customer before it was accepted",
            ConversationMissed x => $"The notification of conversation {x.ConversationId} was missed",
            ConversationRejected x => $"The notification of conversation {x.ConversationId} was rejected",
            ConversationReleased x => $"Conversation {x.ConversationId} was released",
            ConversationTransferred { ToAgentId: { } to } x => $"Conversation {x.ConversationId} was transferred to agent {to}",
            ConversationTransferred { ToQueue: { } queue } x => $"Conversation {x.ConversationId} was transferred to queue {queue}",
            ConversationTransferred x => $"Conversation {x.ConversationId} was transferred to an external number",
            ConversationForceReleased x => $"Conversation {x.ConversationId} was released by force",
            ConsultJoined { Mode: ConsultMode.Monitor } x =>
                $"The agent began to monitor conversation {x.ConversationId}; presence and capacity stay as they are",
            ConsultJoined x => $"The agent joined a consult on conversation {x.ConversationId}; presence and capacity stay as they are",
            ConsultLeft x => $"The agent left conversation {x.ConversationId}; presence and capacity stay as they are",
            ConsultEnded x =>
                $"The agent did not come back, so taking part in conversation {x.ConversationId} ended as of {Time(x.EndedAt)}",
            CapacityReset x => string.Create(
                CultureInfo.InvariantCulture,
                $"Capacity profile {x.ProfileId} was reset and gave back {x.GivenBack}"
            ),
            PresenceCorrected x =>
                $"The record was corrected: from {Instant(x.From)} until {Instant(x.To)} the status should have been {configuration.StatusText(x.StatusId)}",
            EntryDisputed x => string.Create(CultureInfo.InvariantCulture, $"The agent disputed entry {x.Version}"),
            DisputeAnswered { Accepted: true } x => string.Create(
                CultureInfo.InvariantCulture,
                $"The dispute of entry {x.Version} was answered: the agent is right"
            ),
            DisputeAnswered x => string.Create(
                CultureInfo.InvariantCulture,
                $"The dispute of entry {x.Version} was answered: the entry stands"
            ),
            PersonErased => "The person was erased: the name and the texts of reasons are gone, what happened stays",
            PresenceChanged x => $"The status became {configuration.StatusText(x.To.StatusId)}",
            _ => e.GetType().Name,
        };

    private static string Capacity(CapacityInputs inputs)
    {
        var parts = new List<string>();
        if (inputs.UnitsTotal is { } total)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{inputs.UnitsUsed} of {total} units"));
        parts.AddRange(
            inputs.Profiles.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Used} of {p.Limit} of profile {p.ProfileId}"))
        );
        return parts.Count == 0 ? Sessions(inputs) : string.Join(" and ", parts) + " are in use";
    }

    private static string Sessions(CapacityInputs inputs) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{inputs.OpenSessions} conversations are open or awaiting acceptance (at most {inputs.MaxOpenSessions})"
        );

    private static string Client(string? client) => client is null ? "" : $" ({client})";

    private static string Instant(DateTimeOffset instant) => instant.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Time(DateTimeOffset instant) => instant.ToString("HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
