using System.Collections.Immutable;

namespace PresenceLedger.Domain.Agents;

/// <summary>Where a dispute is.</summary>
public enum DisputeState
{
    /// <summary>It awaits an answer.</summary>
    Open,

    /// <summary>The agent was right.</summary>
    Accepted,

    /// <summary>The entry stands.</summary>
    Rejected,
}

/// <summary>An entry of the own stream that the agent says is not right, and what became of that: the last dispute of the entry.</summary>
/// <param name="State">Where it is.</param>
/// <param name="RaisedAt">When it was raised.</param>
/// <param name="RaisedBy">Version of the event that raised it.</param>
/// <param name="AnsweredAt">When it was answered; null while it is open.</param>
/// <param name="AnsweredBy">Version of the event that answered it; null while it is open.</param>
public sealed record Dispute(
    DisputeState State,
    DateTimeOffset RaisedAt,
    long RaisedBy,
    DateTimeOffset? AnsweredAt = null,
    long? AnsweredBy = null
)
{
    /// <summary>How many of an agent may be open at a time: each is in the agent's state, and somebody has to answer it.</summary>
    public const int MostOpen = 100;

    /// <summary>Nothing is disputed.</summary>
    internal static ImmutableSortedDictionary<long, Dispute> None { get; } = ImmutableSortedDictionary.Create<long, Dispute>();
}

/// <summary>The agent disputes an entry of the own stream; why is the reason of the event. It changes nothing of what stands.</summary>
/// <param name="Version">Version of the entry.</param>
public sealed record EntryDisputed(long Version) : AgentEvent;

/// <summary>A dispute was answered. What is to be put right is put right by a correction, which is an event of its own.</summary>
/// <param name="Version">Version of the entry.</param>
/// <param name="Accepted">Whether the agent was right.</param>
public sealed record DisputeAnswered(long Version, bool Accepted) : AgentEvent;

/// <summary>Dispute an entry of the own stream.</summary>
public sealed record DisputeEntry(long Version) : AgentCommand;

/// <summary>Answer the open dispute of an entry.</summary>
public sealed record AnswerDispute(long Version, bool Accepted) : AgentCommand;
