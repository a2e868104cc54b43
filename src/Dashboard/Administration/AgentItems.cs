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
    IReadOnlyList<SkillItem>? Skills
);

/// <summary>Capacity in use.</summary>
internal sealed record CapacityItem(UnitsItem? Units, IReadOnlyList<ProfileUseItem> Profiles);

/// <summary>Capacity units.</summary>
internal sealed record UnitsItem(int Total);

/// <summary>A capacity profile in use.</summary>
internal sealed record ProfileUseItem(string ProfileId, int Limit, bool CustomLimit);

/// <summary>A skill.</summary>
internal sealed record SkillItem(string Skill, string? Proficiency)
{
    /// <summary>As it is typed in: <c>german=native</c>, or <c>billing</c>.</summary>
    public string Typed => string.IsNullOrEmpty(Proficiency) ? Skill : $"{Skill}={Proficiency}";
}

/// <summary>The settings of an agent.</summary>
internal sealed record AgentSettingsItem(
    string AgentId,
    string? DisplayName,
    string? DefaultStatusId,
    int? Units,
    IReadOnlyList<AgentProfileItem> Profiles,
    IReadOnlyList<string> Queues,
    IReadOnlyList<SkillItem> Skills,
    bool SignedIn,
    DateTimeOffset? ErasedAt
);

/// <summary>A capacity profile of an agent.</summary>
internal sealed record AgentProfileItem(string ProfileId, int? CustomLimit);
