using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>One event of the audit timeline.</summary>
public sealed record TimelineEntry(
    long Version,
    string Position,
    Guid EventId,
    string Type,
    DateTimeOffset OccurredAt,
    DateTimeOffset RecordedAt,
    Actor Actor,
    Guid CausationId,
    string CorrelationId,
    string? Client,
    string? ConnectionId,
    long PolicyVersion,
    ReasonAnswer? Reason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StandingStatusAnswer? From,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StandingStatusAnswer? To,
    string? Rule,
    string Explanation,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] InputsAnswer? Inputs,
    CausesAnswer Causes,
    JsonElement Data,
    string Hash
)
{
    /// <summary>Whether the agent disputes it; left out where not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DisputeMark? Dispute { get; init; }
}

/// <summary>A status as it stood.</summary>
public sealed record StandingStatusAnswer(string StatusId, BaseStatus Base, Origin Origin)
{
    /// <summary>Until when it was to stand (MAN-6); left out where nothing was said.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Until { get; init; }

    public static StandingStatusAnswer? Of(StandingStatus? status) =>
        status is null ? null : new(status.StatusId, status.Base, status.Origin) { Until = status.Until };
}

/// <summary>What a change of presence was decided with. What did not matter is left out.</summary>
/// <param name="PolicyVersion">Version of the configuration that decided.</param>
/// <param name="Capacity">What capacity looked at.</param>
/// <param name="DefaultStatusId">The agent's default presence, where a sign-in asked for it.</param>
/// <param name="Captured">What is kept for a return, or was kept for this one.</param>
public sealed record InputsAnswer(
    long PolicyVersion,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CapacityInputs? Capacity,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DefaultStatusId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CapturedAnswer? Captured
)
{
    public static InputsAnswer? Of(DecisionInputs? inputs, long policyVersion) =>
        inputs is null ? null : new(policyVersion, inputs.Capacity, inputs.DefaultStatusId, CapturedAnswer.Of(inputs.Captured));
}

/// <summary>A status that is kept for a return in time.</summary>
/// <param name="Status">What stood.</param>
/// <param name="At">Since when it is kept.</param>
/// <param name="Until">The last instant at which a return restores it.</param>
/// <param name="CapacityMoved">A conversation, what it takes, or the capacity settings changed meanwhile.</param>
public sealed record CapturedAnswer(StandingStatusAnswer Status, DateTimeOffset At, DateTimeOffset Until, bool CapacityMoved)
{
    public static CapturedAnswer? Of(KeptStatus? kept) =>
        kept is null ? null : new(StandingStatusAnswer.Of(kept.Status)!, kept.At, kept.Until, kept.CapacityMoved);
}

/// <summary>What an event comes from.</summary>
/// <param name="Versions">The events between it and what began it, nearest first; empty where it is itself the beginning.</param>
/// <param name="Command">The command that began it; null where nobody asked for it and its time had come.</param>
public sealed record CausesAnswer(IReadOnlyList<long> Versions, CommandAnswer? Command);

/// <summary>A command: who gave it, how it came in, and why.</summary>
public sealed record CommandAnswer(
    Actor Actor,
    Guid CausationId,
    string CorrelationId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Client,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ConnectionId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ReasonAnswer? Reason
);

/// <summary>The dispute of an entry of the timeline.</summary>
/// <param name="State">Where it is.</param>
/// <param name="By">Who raised it.</param>
/// <param name="At">When.</param>
public sealed record DisputeMark(DisputeState State, Actor By, DateTimeOffset At)
{
    /// <summary>Who answered it; left out while it is open.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Actor? AnsweredBy { get; init; }

    /// <summary>When; left out while it is open.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AnsweredAt { get; init; }
}

/// <summary>A reason as it is shown.</summary>
public sealed record ReasonAnswer(string? Code, string? Text)
{
    /// <summary>There was a text, and it was erased with the person (person-erased); left out where not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Erased { get; init; }

    /// <summary>There was a text, nobody erased it, and it is gone; left out where not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Missing { get; init; }

    /// <summary>There is a text, and it is not the one that was given: it is not shown; left out where not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Changed { get; init; }

    /// <summary>Why there is no text; null where there is one, or there never was.</summary>
    [JsonIgnore]
    public Phrase? WhyNoText =>
        Erased ? new Phrase("reason.erased")
        : Missing ? new Phrase("reason.missing")
        : Changed ? new Phrase("reason.changed")
        : null;
}
