using System.Text.Json.Serialization;
using PresenceLedger.Contracts;
using PresenceLedger.Dashboard.Service;
using PresenceLedger.Domain.Access;

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
    public IReadOnlyList<ProfileUseAnswer> Profiles { get; init; } = [];
    public bool AtCapacity { get; init; }
    public bool Routable { get; init; }
    public required ConversationCounts Conversations { get; init; }
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
    public IReadOnlyList<ConflictAnswer> Conflicts { get; init; } = [];
    public IReadOnlyList<string> Queues { get; init; } = [];
    public IReadOnlyList<SkillBody> Skills { get; init; } = [];

    /// <summary>When it was told: its durations go up to there.</summary>
    [JsonIgnore]
    public DateTimeOffset AsOf { get; init; }

    /// <summary>What people call the agent.</summary>
    [JsonIgnore]
    public string Name => DisplayName ?? AgentId;

    [JsonIgnore]
    public bool IsOnline => Base != "offline";

    [JsonIgnore]
    public bool HasSessions => Conversations.Total() > 0;

    /// <summary>From when on the time signed in can be counted, as if it had been one stretch.</summary>
    [JsonIgnore]
    public DateTimeOffset LoginFrom => AsOf.AddSeconds(-LoginSeconds);
}

/// <summary>Who made the status stand, and why.</summary>
public sealed record SetBy(Actor Actor, string? Rule, ReasonAnswer? Reason, DateTimeOffset At);

/// <summary>Units of an agent.</summary>
public sealed record UnitUse(int Total, int Used);
