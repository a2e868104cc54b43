using System.Text.Json.Serialization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Contracts;

/// <summary>What an agent says against an entry of the own stream.</summary>
public sealed record DisputeBody : BodyWithReason
{
    /// <summary>Version of the entry, as the timeline shows it.</summary>
    public long? Version { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (Version is null)
            yield return ("version", "is needed: the version of the entry");
        if (string.IsNullOrWhiteSpace(Reason?.Text))
            yield return ("reason.text", "is needed: what is not right");
    }
}

/// <summary>The answer to a dispute.</summary>
public sealed record DisputeAnswerBody : BodyWithReason
{
    /// <summary>Whether the agent is right.</summary>
    public bool? Accepted { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (Accepted is null)
            yield return ("accepted", "is needed: true or false");
        if (string.IsNullOrWhiteSpace(Reason?.Code) && string.IsNullOrWhiteSpace(Reason?.Text))
            yield return ("reason", "is needed: a code, a text, or both");
    }
}

/// <summary>A dispute.</summary>
/// <param name="AgentId">Whose.</param>
/// <param name="Version">Version of the disputed entry.</param>
/// <param name="Type">Its type.</param>
/// <param name="OccurredAt">When it took effect.</param>
/// <param name="State">Where the dispute is.</param>
/// <param name="By">Who raised it.</param>
/// <param name="At">When.</param>
/// <param name="Reason">What is not right.</param>
/// <param name="Answer">The answer; left out while it is open.</param>
public sealed record DisputeItem(
    string AgentId,
    long Version,
    string Type,
    DateTimeOffset OccurredAt,
    DisputeState State,
    Actor By,
    DateTimeOffset At,
    ReasonAnswer? Reason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DisputeSettled? Answer
);

/// <summary>How a dispute was answered.</summary>
/// <param name="Accepted">Whether the agent was right.</param>
/// <param name="By">Who answered.</param>
/// <param name="At">When.</param>
/// <param name="Reason">Why.</param>
public sealed record DisputeSettled(bool Accepted, Actor By, DateTimeOffset At, ReasonAnswer? Reason);

/// <summary>Why a person is erased. The code stays; a text goes with the others.</summary>
public sealed record ErasureBody : BodyWithReason
{
    public override IEnumerable<(string, string)> Errors()
    {
        if (string.IsNullOrWhiteSpace(Reason?.Code) && string.IsNullOrWhiteSpace(Reason?.Text))
            yield return ("reason", "is needed: a code, a text, or both; a text is erased with the others");
    }
}

/// <summary>Somebody read the audit of an agent.</summary>
/// <param name="By">Who.</param>
/// <param name="At">When; the first of reads that repeated each other.</param>
/// <param name="What">What.</param>
/// <param name="From">Of which time on; null for the beginning, or where it is not of a time.</param>
/// <param name="To">Until when.</param>
/// <param name="Purpose">What for, where it was said.</param>
public sealed record ReaderAnswer(Actor By, DateTimeOffset At, string What, DateTimeOffset? From, DateTimeOffset? To, string? Purpose);
