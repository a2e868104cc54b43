using PresenceLedger.Domain.Agents;
using static PresenceLedger.Domain.Instants;

namespace PresenceLedger.Domain.WhatIf;

/// <summary>
/// What the ledger tells of something that came from outside, whatever the policy: a command, at its instant. Without a command,
/// somebody looked at what had become due.
/// </summary>
internal sealed record Happening
{
    /// <summary>The server's clock then.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>When it was stored.</summary>
    public required DateTimeOffset RecordedAt { get; init; }

    /// <summary>Version of the configuration that decided.</summary>
    public required long ConfigurationVersion { get; init; }

    /// <summary>Index of the first event that was recorded of it.</summary>
    public required int First { get; init; }

    /// <summary>Index after the last one.</summary>
    public required int End { get; init; }

    /// <summary>What was asked; null where nothing was, and for what <see cref="Settings"/> and <see cref="Told"/> say.</summary>
    public AgentCommand? Command { get; init; }

    /// <summary>The settings that the agent was given.</summary>
    public AgentSettings? Settings { get; init; }

    /// <summary>A fact that no policy has a say in, taken as it is.</summary>
    public AgentEvent? Told { get; init; }

    /// <summary>Everything that happened to an agent, in order.</summary>
    public static IReadOnlyList<Happening> Of(IReadOnlyList<RecordedEvent> recorded)
    {
        var happenings = new List<Happening>();
        for (var n = 0; n < recorded.Count; )
        {
            var first = n;
            var e = recorded[n++];
            var automatic = !e.ByItself && n < recorded.Count && IsAutomatic(e.Event, recorded[n].Event);
            if (automatic)
                n++;
            while (n < recorded.Count && IsOf(e, recorded[n]))
                n++;
            var settings = e.ByItself ? null : SettingsOf(e.Event);
            var command = e.ByItself ? null : CommandOf(e.Event, automatic);
            happenings.Add(
                new Happening
                {
                    // An event is dated by the clock of its decision, unless that went back behind the event before it (TIM-1); then the
                    // time of storing is the clock's.
                    At = e.ByItself ? NoticedAt(recorded, first, n) ?? e.RecordedAt : Earlier(e.Event.OccurredAt, e.RecordedAt),
                    RecordedAt = e.RecordedAt,
                    ConfigurationVersion = e.ConfigurationVersion,
                    First = first,
                    End = n,
                    Command = command,
                    Settings = settings,
                    Told = e.ByItself || settings is not null || command is not null ? null : e.Event,
                }
            );
        }
        // Where no event says when it was noticed, it was not after what came next.
        for (var n = happenings.Count - 2; n >= 0; n--)
        {
            var (look, next) = (happenings[n], happenings[n + 1]);
            if (
                recorded[look.First].ByItself
                && NoticedAt(recorded, look.First, look.End) is null
                && next.RecordedAt >= look.RecordedAt
                && next.At < look.At
            )
                happenings[n] = look with { At = next.At };
        }
        return happenings;
    }

    /// <summary>
    /// What led to an event that is the first of a command; null where the event is what follows by itself, or nothing that is
    /// decided. A manual choice and a reset are the changes of presence that follow from no other event.
    /// </summary>
    private static AgentCommand? CommandOf(AgentEvent e, bool automatic) =>
        e switch
        {
            AgentSignedIn x => new SignIn(x.ConnectionId, x.Client),
            ConnectionOpened x => new SignIn(x.ConnectionId, x.Client),
            ConnectionClosing x => new CloseConnection(x.ConnectionId),
            AgentSignedOut => new SignOut(),
            PresenceChanged { Follows: null, To: { Origin: Origin.Manual } to } => new SetPresence(to.StatusId, to.Until),
            PresenceChanged { Follows: null } => new ResetPresence(),
            ConversationAssigned x => new AssignConversation(x.ConversationId, x.Work, automatic, x.FromAgentId),
            ConversationAccepted x => new MoveConversation(x.ConversationId, ConversationVerb.Accept),
            ConversationWaiting x => new MoveConversation(x.ConversationId, ConversationVerb.Wait),
            ConversationResumed x => new MoveConversation(x.ConversationId, ConversationVerb.Resume),
            WrapUpStarted x => new MoveConversation(x.ConversationId, ConversationVerb.WrapUp),
            ConversationActivity x => new MoveConversation(x.ConversationId, ConversationVerb.Activity),
            ConversationClosed x => new MoveConversation(x.ConversationId, ConversationVerb.Close),
            ConversationAbandoned x => new MoveConversation(x.ConversationId, ConversationVerb.Close),
            ConversationMissed x => new MoveConversation(x.ConversationId, ConversationVerb.Miss),
            ConversationUndelivered x => new MoveConversation(x.ConversationId, ConversationVerb.Undelivered),
            ConversationRejected x => new MoveConversation(x.ConversationId, ConversationVerb.Reject),
            ConversationReleased x => new MoveConversation(x.ConversationId, ConversationVerb.Release),
            ConversationTransferred x => new TransferConversation(x.ConversationId, x.ToAgentId, x.ToQueue, x.External),
            ConversationForceReleased x => new ForceReleaseConversation(x.ConversationId),
            ConsultJoined x => new JoinConsult(x.ConversationId, x.Mode),
            ConsultLeft x => new LeaveConsult(x.ConversationId),
            CapacityReset x => new ResetCapacity(x.ProfileId),
            _ => null,
        };

    /// <summary>Whether an event is of the same decision: all that one look found due, or a change of presence that follows.</summary>
    private static bool IsOf(RecordedEvent first, RecordedEvent e) =>
        first.ByItself
            ? e.ByItself && e.CausationId == first.CausationId
            : e is { ByItself: false, Event: PresenceChanged { Follows: not null } };

    private static AgentSettings? SettingsOf(AgentEvent e) =>
        e switch
        {
            AgentRegistered x => x.Settings,
            AgentConfigured x => x.Settings,
            _ => null,
        };

    /// <summary>CAP-10: one command, two events.</summary>
    private static bool IsAutomatic(AgentEvent e, AgentEvent next) =>
        e is ConversationAssigned assigned
        && next is ConversationAccepted { Automatic: true } accepted
        && accepted.ConversationId == assigned.ConversationId;

    private static DateTimeOffset? NoticedAt(IReadOnlyList<RecordedEvent> recorded, int first, int end)
    {
        for (var n = first; n < end; n++)
            switch (recorded[n].Event)
            {
                case ConnectionLost lost:
                    return lost.DetectedAt;
                case WrapUpBlockEnded ended:
                    return ended.DetectedAt;
            }
        return null;
    }
}
