using System.Text.Json.Serialization;

namespace PresenceLedger.Dashboard.Wall;

/// <summary>An agent as the real-time report tells it (docs/real-time.md), as much of it as the wall shows.</summary>
public sealed record AgentRow
{
    public required string AgentId { get; init; }
    public string? DisplayName { get; init; }
    public required string StatusId { get; init; }
    public required string StatusText { get; init; }
    public required string Base { get; init; }
    public required string Origin { get; init; }

    /// <summary>Null before the first change.</summary>
    public SetBy? SetBy { get; init; }
    public DateTimeOffset Since { get; init; }

    /// <summary>Until when it stands, where it was set by hand with an end.</summary>
    public DateTimeOffset? Until { get; init; }
    public bool SignedIn { get; init; }

    /// <summary>Null where none are configured.</summary>
    public UnitUse? Units { get; init; }
    public IReadOnlyList<ProfileUse> Profiles { get; init; } = [];
    public bool AtCapacity { get; init; }
    public bool Routable { get; init; }
    public required OpenConversations Conversations { get; init; }
    public long PresentedSessions { get; init; }
    public long EngagedSessions { get; init; }
    public long RejectedSessions { get; init; }
    public long MissedSessions { get; init; }
    public long UndeliveredSessions { get; init; }
    public long OutboundSessions { get; init; }
    public double? AverageHandleSeconds { get; init; }
    public double LoginSeconds { get; init; }
    public DateTimeOffset? LastSeenAt { get; init; }
    public bool Stuck { get; init; }
    public IReadOnlyList<string> StuckConversations { get; init; } = [];

    /// <summary>Those of them that await acceptance for too long.</summary>
    public IReadOnlyList<string> OverdueOffers { get; init; } = [];

    /// <summary>Conversations that are open with others at the same time.</summary>
    public IReadOnlyList<ConversationConflict> Conflicts { get; init; } = [];
    public IReadOnlyList<string> Queues { get; init; } = [];
    public IReadOnlyList<AgentSkill> Skills { get; init; } = [];

    /// <summary>When it was told: its durations go up to there.</summary>
    [JsonIgnore]
    public DateTimeOffset AsOf { get; init; }

    /// <summary>What people call the agent.</summary>
    [JsonIgnore]
    public string Name => DisplayName ?? AgentId;

    [JsonIgnore]
    public bool IsOnline => Base != "offline";

    [JsonIgnore]
    public bool HasSessions => Conversations.Total > 0;

    /// <summary>From when on the time signed in can be counted, as if it had been one stretch.</summary>
    [JsonIgnore]
    public DateTimeOffset LoginFrom => AsOf.AddSeconds(-LoginSeconds);
}

/// <summary>Who made the status stand, and why.</summary>
public sealed record SetBy(Doer Actor, string? Rule, GivenReason? Reason, DateTimeOffset At);

/// <summary>A persona and its id.</summary>
public sealed record Doer(string Kind, string Id)
{
    /// <inheritdoc />
    public override string ToString() => $"{Kind}:{Id}";
}

/// <summary>Why somebody did it, in their own words.</summary>
public sealed record GivenReason(string? Code, string? Text);

/// <summary>Units of an agent.</summary>
public sealed record UnitUse(int Total, int Used);

/// <summary>A capacity profile of an agent.</summary>
public sealed record ProfileUse(string ProfileId, int Used, int Limit);

/// <summary>Open conversations by state.</summary>
public sealed record OpenConversations(int Ringing, int Active, int Waiting, int WrapUp)
{
    /// <summary>All of them.</summary>
    [JsonIgnore]
    public int Total => Ringing + Active + Waiting + WrapUp;
}

/// <summary>A conversation that is open with several agents at the same time, and all of them.</summary>
public sealed record ConversationConflict(string ConversationId, IReadOnlyList<AgentInConflict> Agents)
{
    /// <summary>What the others are called.</summary>
    public string With(string agentId) =>
        string.Join(", ", Agents.Where(a => a.AgentId != agentId).Select(a => a.DisplayName ?? a.AgentId));
}

/// <summary>An agent in a conflict.</summary>
public sealed record AgentInConflict(string AgentId, string? DisplayName);

/// <summary>A skill of an agent.</summary>
public sealed record AgentSkill(string Skill, string? Proficiency);
