using PresenceLedger.Contracts;

namespace PresenceLedger.Dashboard.Administration;

/// <summary>What a policy would change, as the API tells it.</summary>
public sealed record PolicyTrial(ScenarioTrials Scenarios, PastTrialAnswer Past);

/// <summary>Which of the shipped scenarios would go otherwise.</summary>
public sealed record ScenarioTrials(int Run, int Changed, IReadOnlyList<ScenarioTrial> Items);

/// <summary>One of them.</summary>
public sealed record ScenarioTrial(
    string Name,
    string File,
    IReadOnlyList<string> Rules,
    bool HoldsNow,
    bool HoldsThen,
    IReadOnlyList<string> NoLonger,
    int Changes,
    IReadOnlyList<ScenarioChangeItem> First
);

/// <summary>A change of presence in it.</summary>
public sealed record ScenarioChangeItem(string AgentId, double AtSeconds, ScenarioStatusItem? Now, ScenarioStatusItem? Then);

/// <summary>What it leads to, and by which rule.</summary>
public sealed record ScenarioStatusItem(string StatusId, string? Rule);
