namespace PresenceLedger.Contracts;

/// <summary>The settings of an agent.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="Version">Version of the agent's last event.</param>
/// <param name="DisplayName">The name in the directory.</param>
/// <param name="DefaultStatusId">Default presence; <c>available</c> where null.</param>
/// <param name="Units">Total capacity units; null for none.</param>
/// <param name="Profiles">Capacity profiles.</param>
/// <param name="Queues">Queues.</param>
/// <param name="Skills">Skills.</param>
/// <param name="SignedIn">Whether a connection lives.</param>
/// <param name="ErasedAt">When the person was erased last; null where never.</param>
public sealed record AgentSettingsAnswer(
    string AgentId,
    long Version,
    string? DisplayName,
    string? DefaultStatusId,
    int? Units,
    IReadOnlyList<AgentProfileBody> Profiles,
    IReadOnlyList<string> Queues,
    IReadOnlyList<SkillBody> Skills,
    bool SignedIn,
    DateTimeOffset? ErasedAt
);
