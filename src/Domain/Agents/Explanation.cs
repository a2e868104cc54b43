using PresenceLedger.Domain.Access;

namespace PresenceLedger.Domain.Agents;

/// <summary>What is to be said of an event: what happened, and for a change of presence why. Without a full stop.</summary>
public static class Explanation
{
    /// <summary>What is to be said of an event.</summary>
    /// <param name="e">The event.</param>
    /// <param name="followed">The event it follows from, where it is a change of presence that follows from one.</param>
    public static Phrase Of(AgentEvent e, AgentEvent? followed) => e is PresenceChanged changed ? Of(changed, followed) : Fact(e);

    private static Phrase Of(PresenceChanged e, AgentEvent? followed)
    {
        var because = ("because", (object)(followed is null ? Phrase.Nothing : new Phrase("change.because", ("fact", Fact(followed)))));
        var from = ("from", (object)new StatusName(e.From.StatusId));
        var to = ("to", (object)new StatusName(e.To.StatusId));
        var until = ("until", (object)(e.To.Until is { } ends ? new Phrase("change.until", ("until", ends)) : Phrase.Nothing));
        var capacity = ("capacity", (object)(e.Capacity is { } inputs ? InUse(inputs) : Phrase.Nothing));
        return e.Rule switch
        {
            Rules.Man1 when e.From with { Until = e.To.Until } == e.To => e.To.Until is null
                ? new Phrase("change.man-1.without-end", to)
                : new Phrase("change.man-1.other-end", to, until),
            Rules.Man1 when e.From.StatusId == e.To.StatusId => new Phrase("change.man-1.same", to, ("origin", OriginOf(e.From)), until),
            Rules.Man1 => new Phrase("change.man-1", from, to, until),
            Rules.Man6 when e.From.Until is { } ended => new Phrase("change.man-6", from, ("until", ended), capacity, to),
            Rules.Man6 => new Phrase("change.man-6.return", because, capacity, to),
            Rules.Sgn1 => new Phrase("change.sgn-1", because, to),
            Rules.Sgn2 when e.Capacity is null => new Phrase("change.sgn-2.default", because, to),
            Rules.Sgn2 => new Phrase("change.sgn-2", because, capacity, to),
            Rules.Sgn4 => new Phrase("change.sgn-4", because, from, to),
            Rules.Con3 => new Phrase("change.con-3", because, from, to),
            Rules.Con4 => new Phrase("change.con-4", because, to),
            Rules.Not1 => new Phrase("change.not-1", because, to),
            Rules.Not2 => new Phrase("change.not-2", because, to),
            Rules.Not6 => new Phrase("change.not-6", because, to),
            Rules.Not4 => new Phrase("change.not-4", capacity, to),
            Rules.Cap5 => new Phrase("change.cap-5", because, ("sessions", Sessions(e.Capacity!)), to),
            Rules.Cap6 => new Phrase("change.cap-6", because, capacity, to),
            Rules.Cap3 => new Phrase("change.cap-3", because, capacity, to),
            Rules.Cap8 => new Phrase("change.cap-8", because, to),
            Rules.Cap1 => new Phrase("change.cap-1", because, to),
            _ when e.Capacity is not null => new Phrase("change.by-capacity", because, capacity, to),
            _ => new Phrase("change.other", because, to),
        };
    }

    /// <summary>What happened.</summary>
    public static Phrase Fact(AgentEvent e) =>
        e switch
        {
            AgentRegistered => new Phrase("fact.agent-registered"),
            AgentConfigured => new Phrase("fact.agent-configured"),
            AgentSignedIn { Returned: true } x => new Phrase(
                "fact.agent-returned",
                ("connection", x.ConnectionId),
                ("client", Client(x.Client))
            ),
            AgentSignedIn x => new Phrase("fact.agent-signed-in", ("connection", x.ConnectionId), ("client", Client(x.Client))),
            AgentSignedOut => new Phrase("fact.agent-signed-out"),
            ConnectionOpened { Rule: Rules.Con6 } x => new Phrase("fact.connection-back", ("connection", x.ConnectionId)),
            ConnectionOpened x => new Phrase("fact.connection-opened", ("connection", x.ConnectionId), ("client", Client(x.Client))),
            ConnectionClosing x => new Phrase("fact.connection-closing", ("connection", x.ConnectionId)),
            ConnectionLost { Cause: LossCause.Closed } x => new Phrase(
                "fact.connection-closed",
                ("connection", x.ConnectionId),
                ("deadline", x.Deadline)
            ),
            ConnectionLost x => new Phrase(
                "fact.connection-lost",
                ("connection", x.ConnectionId),
                ("seen", x.LastSeenAt),
                ("deadline", x.Deadline)
            ),
            ConversationAssigned { FromAgentId: { } from } x => new Phrase(
                "fact.conversation-transferred-here",
                ("conversation", x.ConversationId),
                ("agent", from)
            ),
            ConversationAssigned { Work.IsOutbound: true } x => Conversation("fact.conversation-outbound", x),
            ConversationAssigned x => Conversation("fact.conversation-assigned", x),
            ConversationAccepted { Direction: Direction.Outbound } x => Conversation("fact.conversation-outbound.active", x),
            ConversationAccepted { Automatic: true } x => Conversation("fact.conversation-accepted-by-channel", x),
            ConversationAccepted x => Conversation("fact.conversation-accepted", x),
            ConversationWaiting x => Conversation("fact.conversation-waiting", x),
            ConversationResumed x => Conversation("fact.conversation-resumed", x),
            WrapUpStarted { HoldsCapacity: false } x => Conversation("fact.wrap-up-started.free", x),
            WrapUpStarted { BlockEndsAt: { } ends } x => new Phrase(
                "fact.wrap-up-started.until",
                ("conversation", x.ConversationId),
                ("until", ends)
            ),
            WrapUpStarted x => Conversation("fact.wrap-up-started", x),
            WrapUpBlockEnded x => new Phrase("fact.wrap-up-block-ended", ("conversation", x.ConversationId)),
            ConversationActivity x => Conversation("fact.conversation-activity", x),
            ConversationClosed x => Conversation("fact.conversation-closed", x),
            ConversationAbandoned x => Conversation("fact.conversation-abandoned", x),
            ConversationMissed x => Conversation("fact.conversation-missed", x),
            ConversationUndelivered { InARow: > 1 } x => new Phrase(
                "fact.conversation-undelivered.again",
                ("conversation", x.ConversationId),
                ("times", x.InARow)
            ),
            ConversationUndelivered x => Conversation("fact.conversation-undelivered", x),
            ConversationRejected x => Conversation("fact.conversation-rejected", x),
            ConversationReleased x => Conversation("fact.conversation-released", x),
            ConversationTransferred { ToAgentId: { } to } x => new Phrase(
                "fact.conversation-transferred.agent",
                ("conversation", x.ConversationId),
                ("agent", to)
            ),
            ConversationTransferred { ToQueue: { } queue } x => new Phrase(
                "fact.conversation-transferred.queue",
                ("conversation", x.ConversationId),
                ("queue", queue)
            ),
            ConversationTransferred x => Conversation("fact.conversation-transferred.external", x),
            ConversationForceReleased x => Conversation("fact.conversation-force-released", x),
            ConsultJoined { Mode: ConsultMode.Monitor } x => new Phrase("fact.monitor-joined", ("conversation", x.ConversationId)),
            ConsultJoined x => new Phrase("fact.consult-joined", ("conversation", x.ConversationId)),
            ConsultLeft x => new Phrase("fact.consult-left", ("conversation", x.ConversationId)),
            ConsultEnded x => new Phrase("fact.consult-ended", ("conversation", x.ConversationId), ("ended", x.EndedAt)),
            CapacityReset x => new Phrase("fact.capacity-reset", ("profile", x.ProfileId), ("count", x.GivenBack)),
            PresenceCorrected x => new Phrase(
                "fact.presence-corrected",
                ("from", x.From),
                ("to", x.To),
                ("status", new StatusName(x.StatusId))
            ),
            EntryDisputed x => new Phrase("fact.entry-disputed", ("version", x.Version)),
            DisputeAnswered { Accepted: true } x => new Phrase("fact.dispute-accepted", ("version", x.Version)),
            DisputeAnswered x => new Phrase("fact.dispute-refused", ("version", x.Version)),
            PersonErased => new Phrase("fact.person-erased"),
            PresenceChanged x => new Phrase("fact.presence-changed", ("status", new StatusName(x.To.StatusId))),
            _ => new Phrase("fact.other", ("event", e.GetType().Name)),
        };

    /// <summary>Somebody, as seen by an agent.</summary>
    /// <param name="actor">Who.</param>
    /// <param name="agentId">The agent whom it is about.</param>
    public static Phrase Who(Actor actor, string agentId) =>
        actor.Kind switch
        {
            Persona.Agent when actor.Id == agentId => new Phrase("actor.self"),
            Persona.Agent => new Phrase("actor.agent", ("id", actor.Id)),
            Persona.Supervisor => new Phrase("actor.supervisor", ("id", actor.Id)),
            Persona.Administrator => new Phrase("actor.administrator", ("id", actor.Id)),
            Persona.Auditor => new Phrase("actor.auditor", ("id", actor.Id)),
            Persona.Service => new Phrase("actor.service", ("id", actor.Id)),
            _ => new Phrase("actor.system"),
        };

    /// <summary>What is in use of units and profiles.</summary>
    private static Phrase InUse(CapacityInputs inputs)
    {
        var parts = new List<Phrase>();
        if (inputs.UnitsTotal is { } total)
            parts.Add(new Phrase("capacity.units", ("used", inputs.UnitsUsed), ("total", total)));
        parts.AddRange(
            inputs.Profiles.Select(p => new Phrase("capacity.profile", ("used", p.Used), ("limit", p.Limit), ("profile", p.ProfileId)))
        );
        return parts.Count == 0 ? Sessions(inputs) : new Phrase("capacity.in-use", ("what", Phrase.List(parts)));
    }

    private static Phrase Sessions(CapacityInputs inputs) =>
        inputs.OpenSessions == 1
            ? new Phrase("capacity.session", ("most", inputs.MaxOpenSessions))
            : new Phrase("capacity.sessions", ("open", inputs.OpenSessions), ("most", inputs.MaxOpenSessions));

    private static Phrase OriginOf(StandingStatus status) =>
        status.Origin switch
        {
            Origin.Manual => new Phrase("origin.manual"),
            Origin.Default => new Phrase("origin.default"),
            Origin.Capacity => new Phrase("origin.capacity"),
            Origin.Notification => new Phrase("origin.notification"),
            _ => new Phrase("origin.connection"),
        };

    private static Phrase Conversation(string key, ConversationEvent e) => new(key, ("conversation", e.ConversationId));

    private static Phrase Client(string? client) => client is null ? Phrase.Nothing : new Phrase("fact.client", ("client", client));
}
