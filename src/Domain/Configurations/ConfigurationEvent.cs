using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Configurations;

/// <summary>A fact of the stream <c>configuration</c>.</summary>
public abstract record ConfigurationEvent : LedgerEvent;

/// <summary>A custom status was added (CAT-2).</summary>
public sealed record StatusDefined(string StatusId, string Name, string Text, BaseStatus Base, string? Description) : ConfigurationEvent;

/// <summary>A custom status was edited (CAT-2).</summary>
public sealed record StatusChanged(string StatusId, string Name, string Text, BaseStatus Base, string? Description) : ConfigurationEvent;

/// <summary>A custom status was retired (CAT-5).</summary>
public sealed record StatusRetired(string StatusId) : ConfigurationEvent;

/// <summary>A custom status stands for an agent for the first time; from now on its base is fixed (CAT-2).</summary>
public sealed record StatusUsed(string StatusId) : ConfigurationEvent;

/// <summary>A capacity profile was added or changed.</summary>
public sealed record CapacityProfileSet(CapacityProfile Profile) : ConfigurationEvent;

/// <summary>The policy was changed; the event holds the whole of it.</summary>
public sealed record PolicyChanged(Policy Policy) : ConfigurationEvent;
