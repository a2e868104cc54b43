using System.Collections.Immutable;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Agents;

/// <summary>Why the current status stands.</summary>
public enum Origin
{
    Manual,
    Default,
    Capacity,
    Notification,
    Connection,
}

/// <summary>A status as it stands or stood: id, base at that time, and why.</summary>
public sealed record StandingStatus(string StatusId, BaseStatus Base, Origin Origin)
{
    /// <summary>Until when a manual status stands, where that was said; then capacity decides (MAN-6).</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Offline for want of a connection: what stands from registration on until the first sign-in.</summary>
    public static StandingStatus NotConnected { get; } = new(BuiltInStatuses.Offline.Id, BaseStatus.Offline, Origin.Connection);

    /// <summary>Capacity does not change a sticky status.</summary>
    public bool Sticky => Origin is Origin.Notification || IsOwnStickyWord;

    /// <summary>The agent's own word that missed and rejected notifications do not replace (NOT-3).</summary>
    public bool IsOwnStickyWord =>
        Origin is (Origin.Manual or Origin.Default) && Base is (BaseStatus.DoNotDisturb or BaseStatus.Away or BaseStatus.Offline);
}

/// <summary>What routing needs to know of a skill.</summary>
public sealed record Skill(string Name, string? Proficiency);

/// <summary>The settings of an agent. Names of people are not among them (WHO-3).</summary>
/// <param name="DefaultStatusId">Default presence; null for <c>available</c>.</param>
/// <param name="Units">Total capacity units; null where units are not configured.</param>
/// <param name="Profiles">Capacity profiles of the agent, each with a custom limit or null for the profile's own.</param>
/// <param name="Queues">Queues the agent works in.</param>
/// <param name="Skills">The agent's skills.</param>
public sealed record AgentSettings(
    string? DefaultStatusId,
    int? Units,
    ImmutableSortedDictionary<string, int?> Profiles,
    ImmutableArray<string> Queues,
    ImmutableArray<Skill> Skills
)
{
    /// <summary>Nothing configured.</summary>
    public static AgentSettings None { get; } =
        new(null, null, ImmutableSortedDictionary.Create<string, int?>(StringComparer.Ordinal), [], []);

    /// <summary>Whether units and profiles, which capacity looks at, are the same.</summary>
    public bool SameCapacity(AgentSettings other) => Units == other.Units && Profiles.SequenceEqual(other.Profiles);

    /// <inheritdoc />
    public bool Equals(AgentSettings? other) =>
        other is not null
        && DefaultStatusId == other.DefaultStatusId
        && SameCapacity(other)
        && Queues.SequenceEqual(other.Queues)
        && Skills.SequenceEqual(other.Skills);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(DefaultStatusId, Units, Profiles.Count, Queues.Length, Skills.Length);
}

/// <summary>One browser or client of a signed-in agent.</summary>
/// <param name="Client">What the client called itself at sign-in.</param>
/// <param name="OpenedAt">When it opened or last came back.</param>
/// <param name="ClosingAt">When it said that it closes (CON-1); null while it does not.</param>
public sealed record Connection(string? Client, DateTimeOffset OpenedAt, DateTimeOffset? ClosingAt);

/// <summary>The status to restore, captured at a loss or sign-out (CON-4).</summary>
/// <param name="Status">What stood.</param>
/// <param name="At">When it was captured: the restore window counts from here.</param>
/// <param name="CapacityMoved">A conversation, what it takes, or the capacity settings changed since.</param>
public sealed record CapturedStatus(StandingStatus Status, DateTimeOffset At, bool CapacityMoved);

/// <summary>What a conversation takes of capacity in wrap-up (WRP-1).</summary>
public enum WrapUpPolicy
{
    AlwaysBlock,
    DontBlock,
    Custom,
}

/// <summary>A wrap-up policy; <see cref="Seconds"/> (30 to 3600) goes with <see cref="WrapUpPolicy.Custom"/> alone.</summary>
public sealed record WrapUp(WrapUpPolicy Policy, double? Seconds = null)
{
    /// <summary>What a conversation has where nothing is said.</summary>
    public static WrapUp Default { get; } = new(WrapUpPolicy.AlwaysBlock);
}

/// <summary>Who began a conversation.</summary>
public enum Direction
{
    /// <summary>The customer: it is offered to the agent.</summary>
    Inbound,

    /// <summary>The agent: an attempt to reach the customer, active at once (CAP-10).</summary>
    Outbound,
}

/// <summary>A unit of work as routing describes it; a transfer hands it on (TRF-1).</summary>
/// <param name="Channel">Chat, voice, messaging, case, record …</param>
/// <param name="Queue">Where it came through.</param>
/// <param name="Workstream">Its workstream.</param>
/// <param name="Units">Capacity units it takes.</param>
/// <param name="Profiles">Capacity profiles it takes an item of, where the agent has them (CAP-11).</param>
/// <param name="WrapUp">What it takes in wrap-up.</param>
/// <param name="CreatedAt">When the customer began to wait, where routing tells.</param>
public sealed record Work(
    string? Channel,
    string? Queue,
    string? Workstream,
    int Units,
    ImmutableArray<string> Profiles,
    WrapUp WrapUp,
    DateTimeOffset? CreatedAt
)
{
    /// <summary>Who began it; null for the customer, so that what was stored before there was a direction stays as it is.</summary>
    public Direction? Direction { get; init; }

    /// <summary>An outbound attempt of the agent's own (CAP-10).</summary>
    public bool IsOutbound => Direction is Agents.Direction.Outbound;

    /// <summary>The same for the agent it is transferred to: to that one it is offered, whoever began it (TRF-1).</summary>
    public Work HandedOn() => this with { Direction = null };

    /// <summary>Whether its numbers are such as the rules know: no negative units, a custom block of 30 s to 60 min (WRP-1).</summary>
    public bool IsPossible() => Units >= 0 && (WrapUp.Policy is not WrapUpPolicy.Custom || WrapUp.Seconds is >= 30 and <= 3600);

    /// <inheritdoc />
    public bool Equals(Work? other) =>
        other is not null
        && Channel == other.Channel
        && Queue == other.Queue
        && Workstream == other.Workstream
        && Units == other.Units
        && Profiles.SequenceEqual(other.Profiles)
        && WrapUp == other.WrapUp
        && CreatedAt == other.CreatedAt
        && IsOutbound == other.IsOutbound;

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Channel, Queue, Workstream, Units, Profiles.Length, WrapUp, CreatedAt);
}

/// <summary>Where an open conversation is.</summary>
public enum ConversationState
{
    /// <summary>Awaiting acceptance.</summary>
    Assigned,
    Active,
    Waiting,
    WrapUp,
}

/// <summary>An open conversation of the agent.</summary>
/// <param name="Work">What it is and takes.</param>
/// <param name="State">Where it is.</param>
/// <param name="AssignedAt">When it was assigned.</param>
/// <param name="Since">When it came into its state.</param>
/// <param name="LastActivityAt">Its last sign of life (STK-1).</param>
/// <param name="HoldsCapacity">It takes capacity: awaiting, active, or in a wrap-up that still blocks.</param>
/// <param name="BlockEndsAt">When a custom wrap-up block ends (WRP-1).</param>
public sealed record Conversation(
    Work Work,
    ConversationState State,
    DateTimeOffset AssignedAt,
    DateTimeOffset Since,
    DateTimeOffset LastActivityAt,
    bool HoldsCapacity,
    DateTimeOffset? BlockEndsAt
)
{
    /// <summary>Who transferred it here, where one did (TRF-1).</summary>
    public string? FromAgentId { get; init; }

    /// <summary>Accepted and not waiting; wrap-up included.</summary>
    public bool IsOpenSession => State is ConversationState.Active or ConversationState.WrapUp;
}

/// <summary>How an agent takes part in somebody else's conversation (CNS-1).</summary>
public enum ConsultMode
{
    Consult,
    Monitor,
}

/// <summary>A consult or monitor that is on.</summary>
public sealed record Consult(ConsultMode Mode, DateTimeOffset JoinedAt);

/// <summary>What an end-of-day profile has counted since its last reset (CAP-7).</summary>
/// <param name="Items">Assignments counted.</param>
/// <param name="Since">The first of them; the end of day after it resets.</param>
public sealed record DayCount(int Items, DateTimeOffset Since);

/// <summary>
/// The state of one agent's stream <c>agent-{agentId}</c>: presence, connections, conversations, consults, capacity in use.
/// It is what <see cref="Evolve"/> makes of the events, and nothing else.
/// </summary>
public sealed record Agent
{
    private static readonly StringComparer Ids = StringComparer.Ordinal;

    /// <summary>How many returns are remembered.</summary>
    public const int MostRegained = 32;

    /// <summary>An agent of whom nothing is recorded.</summary>
    public static Agent Unknown(string agentId) => new() { AgentId = agentId };

    /// <summary>Opaque id.</summary>
    public required string AgentId { get; init; }

    /// <summary>Version of the last event, from 0 without gaps; -1 before registration.</summary>
    public long Version { get; init; } = -1;

    /// <summary>When the last event took effect: no later event takes effect before (TIM-1).</summary>
    public DateTimeOffset LastOccurredAt { get; init; } = DateTimeOffset.MinValue;

    /// <summary>When the agent was registered; statuses partition time from here on (TIM-2).</summary>
    public DateTimeOffset RegisteredAt { get; init; }

    /// <summary>The settings.</summary>
    public AgentSettings Settings { get; init; } = AgentSettings.None;

    /// <summary>The status that stands.</summary>
    public StandingStatus Status { get; init; } = StandingStatus.NotConnected;

    /// <summary>When the status that stands became the status; a change of origin alone does not move it.</summary>
    public DateTimeOffset Since { get; init; }

    /// <summary>The rule of the last presence change; null before the first.</summary>
    public string? Rule { get; init; }

    /// <summary>The version of the last presence change; null before the first.</summary>
    public long? ChangedBy { get; init; }

    /// <summary>Live connections by id.</summary>
    public ImmutableSortedDictionary<string, Connection> Connections { get; init; } =
        ImmutableSortedDictionary.Create<string, Connection>(Ids);

    /// <summary>The status to restore; null while signed in, and before the first sign-in.</summary>
    public CapturedStatus? Captured { get; init; }

    /// <summary>A connection was lost, and none has opened since.</summary>
    public bool LostOne { get; init; }

    /// <summary>When a connection opened after one was lost, the last <see cref="MostRegained"/> times.</summary>
    public ImmutableArray<DateTimeOffset> Regained { get; init; } = [];

    /// <summary>Open conversations by id.</summary>
    public ImmutableSortedDictionary<string, Conversation> Conversations { get; init; } =
        ImmutableSortedDictionary.Create<string, Conversation>(Ids);

    /// <summary>Consults and monitors that are on, by conversation.</summary>
    public ImmutableSortedDictionary<string, Consult> Consults { get; init; } = ImmutableSortedDictionary.Create<string, Consult>(Ids);

    /// <summary>Counts of end-of-day profiles.</summary>
    public ImmutableSortedDictionary<string, DayCount> DayCounts { get; init; } = ImmutableSortedDictionary.Create<string, DayCount>(Ids);

    /// <summary>Something was assigned since sign-in (CAP-8).</summary>
    public bool AssignedSinceSignIn { get; init; }

    /// <summary>Offers missed in a row (NOT-7): since the last accept, reject, manual change or reset.</summary>
    public int MissedInARow { get; init; }

    /// <summary>Offers in a row that could not be delivered (NOT-6): since the last accept, reject, manual change or reset.</summary>
    public int UndeliveredInARow { get; init; }

    /// <summary>Entries of the stream that were disputed, by version; null where none ever was.</summary>
    public ImmutableSortedDictionary<long, Dispute>? Disputes { get; init; }

    /// <summary>When the person was erased last; null where never.</summary>
    public DateTimeOffset? ErasedAt { get; init; }

    /// <summary>Registration was recorded.</summary>
    public bool IsRegistered => Version >= 0;

    /// <summary>At least one connection lives.</summary>
    public bool SignedIn => !Connections.IsEmpty;

    /// <summary>Units that counting conversations take.</summary>
    public int UnitsUsed => (int)Math.Min(int.MaxValue, Conversations.Values.Where(c => c.HoldsCapacity).Sum(c => (long)c.Work.Units));

    /// <summary>Its connections are lost and regained too often for a network that is well.</summary>
    public bool IsFlapping(Policy policy, DateTimeOffset now) => RegainedWithin(policy.FlappingWindow, now) > policy.FlappingTimes;

    /// <summary>How often a lost connection was regained of late.</summary>
    public int RegainedWithin(TimeSpan window, DateTimeOffset now) => Regained.Count(at => at > now - window);

    /// <summary>The state after one more event. Total: every event that was ever stored has its effect here.</summary>
    public Agent Evolve(AgentEvent @event)
    {
        var next = @event switch
        {
            AgentRegistered e => this with { Settings = e.Settings, RegisteredAt = e.OccurredAt, Since = e.OccurredAt },
            AgentConfigured e => (e.Settings.SameCapacity(Settings) ? this : CapacityMoved()) with { Settings = e.Settings },
            AgentSignedIn e => Connect(e.ConnectionId, e.Client, e.OccurredAt) with
            {
                Captured = null,
                AssignedSinceSignIn = e.Returned && AssignedSinceSignIn,
            },
            ConnectionOpened e => Connect(e.ConnectionId, e.Client, e.OccurredAt),
            ConnectionClosing e => Connections.TryGetValue(e.ConnectionId, out var closing)
                ? this with
                {
                    Connections = Connections.SetItem(e.ConnectionId, closing with { ClosingAt = e.OccurredAt }),
                }
                : this,
            ConnectionLost e => Disconnect(Connections.Remove(e.ConnectionId), e.OccurredAt) with { LostOne = true },
            // A sign-out forgets until when a manual status was to stand (MAN-6).
            AgentSignedOut e => (this with { Status = Status with { Until = null } }).Disconnect(Connections.Clear(), e.OccurredAt),
            PresenceChanged e => (e.Rule is Rules.Man1 or Rules.Not4 ? CountOffersAnew() : this) with
            {
                Status = e.To,
                Since = e.To.StatusId == Status.StatusId ? Since : e.OccurredAt,
                Rule = e.Rule,
                ChangedBy = Version + 1,
            },
            ConversationAssigned e => Assign(e),
            ConversationAccepted e => Move(e, ConversationState.Active).CountOffersAnew().WorkDecides(),
            ConversationWaiting e => Move(e, ConversationState.Waiting),
            ConversationResumed e => Move(e, ConversationState.Active),
            WrapUpStarted e => Update(
                    e,
                    c =>
                        c with
                        {
                            State = ConversationState.WrapUp,
                            Since = e.OccurredAt,
                            HoldsCapacity = e.HoldsCapacity,
                            BlockEndsAt = e.BlockEndsAt,
                        }
                )
                .CapacityMoved(),
            WrapUpBlockEnded e => (
                Conversations.TryGetValue(e.ConversationId, out var c)
                    ? this with
                    {
                        Conversations = Conversations.SetItem(e.ConversationId, c with { HoldsCapacity = false, BlockEndsAt = null }),
                    }
                    : this
            ).CapacityMoved(),
            ConversationEnded e => End(e),
            ConversationActivity e => Update(e, c => c),
            ConsultJoined e => this with { Consults = Consults.SetItem(e.ConversationId, new Consult(e.Mode, e.OccurredAt)) },
            ConsultLeft e => this with { Consults = Consults.Remove(e.ConversationId) },
            ConsultEnded e => this with { Consults = Consults.Remove(e.ConversationId) },
            PresenceCorrected => this,
            EntryDisputed e => this with
            {
                Disputes = (Disputes ?? Dispute.None).SetItem(e.Version, new Dispute(DisputeState.Open, e.OccurredAt, Version + 1)),
            },
            DisputeAnswered e => Answer(e),
            PersonErased e => this with { ErasedAt = e.OccurredAt },
            CapacityReset e => (Settings.Profiles.ContainsKey(e.ProfileId) ? CapacityMoved() : this) with
            {
                DayCounts = DayCounts.Remove(e.ProfileId),
            },
            _ => throw new InvalidOperationException($"Unknown agent event {@event.GetType().Name}."),
        };
        return next with { Version = Version + 1, LastOccurredAt = @event.OccurredAt };
    }

    private Agent Connect(string connectionId, string? client, DateTimeOffset at) =>
        this with
        {
            Connections = Connections.SetItem(connectionId, new Connection(client, at, null)),
            LostOne = false,
            Regained =
                !LostOne ? Regained
                : Regained.Length < MostRegained ? Regained.Add(at)
                : Regained.RemoveAt(0).Add(at),
        };

    private Agent Disconnect(ImmutableSortedDictionary<string, Connection> left, DateTimeOffset at) =>
        this with
        {
            Connections = left,
            Captured = left.IsEmpty ? new CapturedStatus(Status, at, CapacityMoved: false) : null,
        };

    private Agent Assign(ConversationAssigned e)
    {
        var counts = DayCounts;
        foreach (var profile in e.DayProfiles)
            counts = counts.SetItem(
                profile,
                counts.TryGetValue(profile, out var count) ? count with { Items = count.Items + 1 } : new DayCount(1, e.OccurredAt)
            );
        var conversation = new Conversation(e.Work, ConversationState.Assigned, e.OccurredAt, e.OccurredAt, e.OccurredAt, true, null)
        {
            FromAgentId = e.FromAgentId,
        };
        return (
            this with
            {
                Conversations = Conversations.SetItem(e.ConversationId, conversation),
                DayCounts = counts,
                AssignedSinceSignIn = true,
            }
        ).CapacityMoved();
    }

    private Agent Move(ConversationEvent e, ConversationState state) =>
        Update(e, c => c with { State = state, Since = e.OccurredAt, HoldsCapacity = state is not ConversationState.Waiting })
            .CapacityMoved();

    private Agent CountOffer(ConversationEnded e) =>
        e switch
        {
            ConversationMissed => this with { MissedInARow = MissedInARow + 1 },
            ConversationUndelivered => this with { UndeliveredInARow = UndeliveredInARow + 1 },
            ConversationRejected => CountOffersAnew(),
            _ => this,
        };

    private Agent CountOffersAnew() => this with { MissedInARow = 0, UndeliveredInARow = 0 };

    private Agent Update(ConversationEvent e, Func<Conversation, Conversation> change) =>
        Conversations.TryGetValue(e.ConversationId, out var conversation)
            ? this with
            {
                Conversations = Conversations.SetItem(e.ConversationId, change(conversation) with { LastActivityAt = e.OccurredAt }),
            }
            : this;

    private Agent Answer(DisputeAnswered e) =>
        Disputes is not null && Disputes.TryGetValue(e.Version, out var dispute)
            ? this with
            {
                Disputes = Disputes.SetItem(
                    e.Version,
                    dispute with
                    {
                        State = e.Accepted ? DisputeState.Accepted : DisputeState.Rejected,
                        AnsweredAt = e.OccurredAt,
                        AnsweredBy = Version + 1,
                    }
                ),
            }
            : this;

    private Agent End(ConversationEnded e)
    {
        var next = (CountOffer(e) with { Conversations = Conversations.Remove(e.ConversationId) }).CapacityMoved();
        return e is ConversationMissed or ConversationRejected or ConversationUndelivered ? next : next.WorkDecides();
    }

    /// <summary>
    /// A manual status that an accept or an end of a conversation ends (MAN-2) has no end of its own any more (MAN-6), also where
    /// capacity gives the same status, which is no event.
    /// </summary>
    private Agent WorkDecides() =>
        Status is { Until: not null, Sticky: false } ? this with { Status = Status with { Until = null } } : this;

    private Agent CapacityMoved() => Captured is null ? this : this with { Captured = Captured with { CapacityMoved = true } };
}
