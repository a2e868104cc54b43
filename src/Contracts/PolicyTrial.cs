namespace PresenceLedger.Contracts;

/// <summary>How the last days would have gone; of the agents that were looked at.</summary>
public sealed record PastTrialAnswer
{
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }

    /// <summary>How many agents there are, or were named.</summary>
    public required int Agents { get; init; }

    /// <summary>How many of them there was time for: a fair sample where it is not all.</summary>
    public required int AgentsLookedAt { get; init; }

    /// <summary>Whether that is all.</summary>
    public required bool Complete { get; init; }

    /// <summary>How many would show any difference.</summary>
    public required int AgentsOther { get; init; }

    /// <summary>Seconds that would have been in another status, by the sums of each agent.</summary>
    public required double OtherSeconds { get; init; }
    public required TimesAnswer Total { get; init; }
    public required IReadOnlyList<QueueAnswer> Queues { get; init; }

    /// <summary>Changes of presence that would have been other, or not at all.</summary>
    public required long OtherTransitions { get; init; }

    /// <summary>What was done and would have been refused, by the code.</summary>
    public required IReadOnlyDictionary<string, int> Refused { get; init; }

    /// <summary>What the ledger cannot tell.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The agents with the most other seconds.</summary>
    public required IReadOnlyList<AgentTrialAnswer> Items { get; init; }
}

/// <summary>An agent whose last days would have gone otherwise.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="OtherSeconds">Seconds that would have been in another status.</param>
/// <param name="RoutableSeconds">How much longer it would have been routable; negative for shorter.</param>
/// <param name="OtherTransitions">Changes of presence that would have been other, or not at all.</param>
/// <param name="Refused">What was done and would have been refused.</param>
public sealed record AgentTrialAnswer(string AgentId, double OtherSeconds, double RoutableSeconds, int OtherTransitions, int Refused);

/// <summary>Seconds.</summary>
public sealed record Amount(double Recorded, double WhatIf, double Difference);

/// <summary>How long each status stood, and how long there was somebody to route to.</summary>
public sealed record TimesAnswer(IReadOnlyDictionary<string, Amount> StatusSeconds, Amount SignedInSeconds, Amount RoutableSeconds);

/// <summary>A queue: how long its agents were routable, each counted, and how long nobody was.</summary>
public sealed record QueueAnswer(string Queue, Amount RoutableSeconds, Amount NobodySeconds);
