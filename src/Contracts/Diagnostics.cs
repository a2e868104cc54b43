namespace PresenceLedger.Contracts;

/// <summary>The prerequisites of an agent's presence.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="AsOf">When they were looked at.</param>
/// <param name="Healthy">All pass.</param>
/// <param name="Checks">Each of them.</param>
public sealed record DiagnosticsAnswer(string AgentId, DateTimeOffset AsOf, bool Healthy, IReadOnlyList<CheckAnswer> Checks);

/// <summary>One of them: <c>pass</c> or <c>fail</c>, what was found, and what to do where it fails.</summary>
public sealed record CheckAnswer(string Check, string Result, string Finding, string? WhatToDo);
