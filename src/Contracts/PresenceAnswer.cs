using System.Text.Json.Serialization;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>The presence of an agent, as the API shows it.</summary>
public sealed record PresenceAnswer
{
    public required string AgentId { get; init; }

    /// <summary>Version of the agent's last event.</summary>
    public required long Version { get; init; }
    public required string StatusId { get; init; }
    public required string StatusText { get; init; }
    public required BaseStatus Base { get; init; }
    public required Origin Origin { get; init; }

    /// <summary>The rule of the last change; null before the first.</summary>
    public required string? Rule { get; init; }

    /// <summary>Capacity does not change it.</summary>
    public required bool Sticky { get; init; }

    /// <summary>Since when the status stands.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Until when it stands, where it was set by hand with an end (MAN-6).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Until { get; init; }
    public required bool SignedIn { get; init; }

    /// <summary>How many connections live.</summary>
    public required int Connections { get; init; }
    public required CapacityAnswer Capacity { get; init; }

    /// <summary>Open conversations, the first assigned first.</summary>
    public required IReadOnlyList<ConversationAnswer> Conversations { get; init; }
    public required IReadOnlyList<ConsultAnswer> Consults { get; init; }

    /// <summary>What a command recorded, nothing for a no-op; left out of queries.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<RecordedEvent>? Events { get; init; }

    /// <summary>The connection that signed in; in the answer to a sign-in.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ConnectionId { get; init; }

    /// <summary>How often to send heartbeats; in the answer to a sign-in.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? HeartbeatSeconds { get; init; }

    /// <summary>How long a connection lives without; in the answer to a sign-in.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? HeartbeatTimeoutSeconds { get; init; }

    /// <summary>The name to show; in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DisplayName { get; init; }

    /// <summary>The agent's queues; in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Queues { get; init; }

    /// <summary>The agent's skills; in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<SkillBody>? Skills { get; init; }

    /// <summary>Up to which instant a query's answer is complete; left out of commands' answers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AsOf { get; init; }

    /// <summary>Place in the ledger of the event that made it so; in changes that are pushed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Position { get; init; }

    /// <summary>Type of that event.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Type { get; init; }

    /// <summary>When that event took effect.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? OccurredAt { get; init; }

    /// <summary>The presence that a state shows.</summary>
    public static PresenceAnswer Of(Agent agent, Configuration configuration) =>
        new()
        {
            AgentId = agent.AgentId,
            Version = agent.Version,
            StatusId = agent.Status.StatusId,
            StatusText = configuration.StatusText(agent.Status.StatusId),
            Base = agent.Status.Base,
            Origin = agent.Status.Origin,
            Rule = agent.Rule,
            Sticky = agent.Status.Sticky,
            Since = agent.Since,
            Until = agent.Status.Until,
            SignedIn = agent.SignedIn,
            Connections = agent.Connections.Count,
            Capacity = new CapacityAnswer(
                agent.Settings.Units is { } total ? new UnitsAnswer(total, agent.UnitsUsed, total - agent.UnitsUsed) : null,
                [
                    .. CapacityRules
                        .ProfilesInUse(agent, configuration)
                        .Select(p => new ProfileAnswer(p.Profile.Id, p.Limit, p.Used, p.Limit - p.Used, p.Profile.Blocking, p.CustomLimit)),
                ]
            ),
            Conversations =
            [
                .. agent
                    .Conversations.OrderBy(c => c.Value.AssignedAt)
                    .Select(c => new ConversationAnswer(
                        c.Key,
                        c.Value.State,
                        c.Value.Work.Channel,
                        c.Value.Work.Queue,
                        c.Value.Work.Workstream,
                        c.Value.Work.Units,
                        c.Value.Work.Profiles,
                        c.Value.HoldsCapacity,
                        c.Value.Since,
                        c.Value.AssignedAt,
                        c.Value.BlockEndsAt,
                        c.Value.Work.IsOutbound ? Direction.Outbound : Direction.Inbound
                    )),
            ],
            Consults = [.. agent.Consults.Select(c => new ConsultAnswer(c.Key, c.Value.Mode, c.Value.JoinedAt))],
        };
}

/// <summary>Capacity in use; units are null where none are configured.</summary>
public sealed record CapacityAnswer(UnitsAnswer? Units, IReadOnlyList<ProfileAnswer> Profiles);

/// <summary>Capacity units; available is negative where more is assigned than there is.</summary>
public sealed record UnitsAnswer(int Total, int Used, int Available);

/// <summary>One capacity profile of the agent.</summary>
public sealed record ProfileAnswer(string ProfileId, int Limit, int Used, int Available, bool Blocking, bool CustomLimit);

/// <summary>An open conversation; <c>assigned</c> is awaiting acceptance.</summary>
public sealed record ConversationAnswer(
    string ConversationId,
    ConversationState State,
    string? Channel,
    string? Queue,
    string? Workstream,
    int Units,
    IReadOnlyList<string> Profiles,
    bool HoldsCapacity,
    DateTimeOffset Since,
    DateTimeOffset AssignedAt,
    DateTimeOffset? WrapUpBlockEndsAt,
    Direction Direction
);

/// <summary>A consult or monitor that is on.</summary>
public sealed record ConsultAnswer(string ConversationId, ConsultMode Mode, DateTimeOffset Since);

/// <summary>An event that a command recorded.</summary>
/// <param name="AgentId">In whose stream: of a transfer, some are in the receiver's.</param>
/// <param name="EventId">Its id.</param>
/// <param name="Type">Its type.</param>
/// <param name="Version">Its version in that stream.</param>
/// <param name="Rule">The rule that made it.</param>
public sealed record RecordedEvent(
    string AgentId,
    Guid EventId,
    string Type,
    long Version,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Rule
);
