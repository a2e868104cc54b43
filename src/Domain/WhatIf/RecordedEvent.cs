using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Domain.WhatIf;

/// <summary>An event of an agent as it was recorded, with what a replay needs of its envelope.</summary>
/// <param name="Event">The event.</param>
/// <param name="RecordedAt">When it was stored.</param>
/// <param name="ConfigurationVersion">Version of the configuration that decided it.</param>
/// <param name="CausationId">What caused it.</param>
/// <param name="ByItself">It became due by itself; nobody asked for it.</param>
public sealed record RecordedEvent(AgentEvent Event, DateTimeOffset RecordedAt, long ConfigurationVersion, Guid CausationId, bool ByItself);

/// <summary>An event that a replay led to.</summary>
/// <param name="Event">The event.</param>
/// <param name="RecordedAt">When it would have been stored.</param>
/// <param name="ConfigurationVersion">Version of the configuration that decided it.</param>
public sealed record ReplayedEvent(AgentEvent Event, DateTimeOffset RecordedAt, long ConfigurationVersion);

/// <summary>Something that was done and could not have been done.</summary>
/// <param name="At">When it was done.</param>
/// <param name="Version">The event of the agent's stream that it led to as recorded.</param>
/// <param name="Event">That event.</param>
/// <param name="Refusal">Why it would have been refused.</param>
public sealed record RefusedFact(DateTimeOffset At, long Version, AgentEvent Event, Refusal Refusal);
