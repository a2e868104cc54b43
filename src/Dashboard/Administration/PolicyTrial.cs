namespace PresenceLedger.Dashboard.Administration;

/// <summary>What a policy would change, as the API tells it.</summary>
public sealed record PolicyTrial(ScenarioTrials Scenarios, PastTrial Past);

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

/// <summary>How the last days would have gone.</summary>
public sealed record PastTrial(
    DateTimeOffset From,
    DateTimeOffset To,
    int Agents,
    int AgentsLookedAt,
    bool Complete,
    int AgentsOther,
    double OtherSeconds,
    TimesItem Total,
    IReadOnlyList<QueueItem> Queues,
    long OtherTransitions,
    IReadOnlyDictionary<string, int> Refused,
    IReadOnlyList<string> Notes,
    IReadOnlyList<AgentTrial> Items
);

/// <summary>How long each status stood, and how long there was somebody to route to.</summary>
public sealed record TimesItem(IReadOnlyDictionary<string, AmountItem> StatusSeconds, AmountItem RoutableSeconds);

/// <summary>Seconds as recorded and as they would have been.</summary>
public sealed record AmountItem(double Recorded, double WhatIf, double Difference);

/// <summary>How a queue was covered.</summary>
public sealed record QueueItem(string Queue, AmountItem RoutableSeconds, AmountItem NobodySeconds);

/// <summary>An agent whose days would have gone otherwise.</summary>
public sealed record AgentTrial(string AgentId, double OtherSeconds, double RoutableSeconds, int OtherTransitions, int Refused);
