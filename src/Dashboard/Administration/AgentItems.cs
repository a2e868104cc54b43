using PresenceLedger.Contracts;

namespace PresenceLedger.Dashboard.Administration;

/// <summary>An agent in the list.</summary>
internal sealed record AgentItem(
    string AgentId,
    string? DisplayName,
    string StatusId,
    string StatusText,
    string Base,
    bool SignedIn,
    CapacityItem Capacity,
    IReadOnlyList<string>? Queues,
    IReadOnlyList<SkillBody>? Skills
);

/// <summary>Capacity in use.</summary>
internal sealed record CapacityItem(UnitsItem? Units, IReadOnlyList<ProfileUseItem> Profiles);

/// <summary>Capacity units.</summary>
internal sealed record UnitsItem(int Total);

/// <summary>A capacity profile in use.</summary>
internal sealed record ProfileUseItem(string ProfileId, int Limit, bool CustomLimit);
