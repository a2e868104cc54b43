using System.Text.Json.Serialization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Routing;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>An agent to whom the work may be given.</summary>
public sealed record EligibleAgent
{
    public required string AgentId { get; init; }
    public required string StatusId { get; init; }
    public required BaseStatus Base { get; init; }

    /// <summary>Null where no units are configured.</summary>
    public required int? AvailableUnits { get; init; }
    public required IReadOnlyList<ProfileAnswer> Profiles { get; init; }

    /// <summary>How many are open.</summary>
    public required int Conversations { get; init; }

    /// <summary>When the last of them was assigned; without any, since when the status stands.</summary>
    public required DateTimeOffset Since { get; init; }
    public required IReadOnlyList<string> Queues { get; init; }
    public required IReadOnlyList<SkillBody> Skills { get; init; }

    public static EligibleAgent Of(Agent agent, Availability availability, Configuration configuration)
    {
        var presence = PresenceAnswer.Of(agent, configuration);
        return new EligibleAgent
        {
            AgentId = agent.AgentId,
            StatusId = presence.StatusId,
            Base = presence.Base,
            AvailableUnits = presence.Capacity.Units?.Available,
            Profiles = presence.Capacity.Profiles,
            Conversations = availability.Conversations,
            Since = availability.Since,
            Queues = agent.Settings.Queues,
            Skills = SkillBody.Of(agent),
        };
    }
}

/// <summary>Whether an agent is eligible, and all that stands against it.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Eligible">Nothing stands against it.</param>
/// <param name="Reasons">What stands against it.</param>
/// <param name="Conflicts">Its conversations that are open with others at the same time; they decide nothing (STK-3).</param>
/// <param name="AsOf">Up to when the answer is complete.</param>
public sealed record EligibilityAnswer(
    string AgentId,
    bool Eligible,
    IReadOnlyList<WhyNot> Reasons,
    IReadOnlyList<ConflictAnswer> Conflicts,
    DateTimeOffset AsOf
);

/// <summary>What stands against an agent; of a status also who made it stand, and why.</summary>
public sealed record WhyNot(string Code, string Detail)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? StatusId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BaseStatus? Base { get; init; }

    /// <summary>Who set it; left out before the first change.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Actor? Actor { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Rule { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ReasonAnswer? Reason { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? At { get; init; }
}
