using System.Text.Json;
using System.Text.Json.Serialization;
using PresenceLedger.Api.Privacy;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Api.Audit;

/// <summary>One event of the audit timeline.</summary>
public sealed record TimelineEntry(
    long Version,
    string Position,
    Guid EventId,
    string Type,
    DateTimeOffset OccurredAt,
    DateTimeOffset RecordedAt,
    ActorAnswer Actor,
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

    /// <summary>The entry of an event.</summary>
    /// <param name="e">The event.</param>
    /// <param name="explanation">The sentence.</param>
    /// <param name="inputs">What it was decided with, where it is a change of presence.</param>
    /// <param name="causes">What it comes from, nearest first.</param>
    internal static TimelineEntry Of(AuditedEvent e, string explanation, DecisionInputs? inputs, IReadOnlyList<AuditedEvent> causes)
    {
        var (record, metadata) = (e.Stored.Record, e.Metadata);
        var changed = e.Event as PresenceChanged;
        return new TimelineEntry(
            record.Version,
            e.Stored.Position.ToString(),
            record.EventId,
            WireNames.Short(record.Type),
            record.OccurredAt,
            record.RecordedAt,
            ActorAnswer.Of(metadata.Actor),
            metadata.CausationId,
            metadata.CorrelationId,
            metadata.Client,
            metadata.ConnectionId,
            metadata.PolicyVersion,
            e.Reason,
            StandingStatusAnswer.Of(changed?.From),
            StandingStatusAnswer.Of(changed?.To),
            metadata.Rule,
            explanation,
            InputsAnswer.Of(inputs, metadata.PolicyVersion),
            CausesAnswer.Of(e, causes),
            JsonElement.Parse(record.Data),
            Convert.ToHexStringLower(record.Hash)
        );
    }
}

/// <summary>Who did it.</summary>
public sealed record ActorAnswer(Persona Kind, string Id)
{
    internal static ActorAnswer Of(Actor actor) => new(actor.Kind, actor.Id);
}

/// <summary>A status as it stood.</summary>
public sealed record StandingStatusAnswer(string StatusId, BaseStatus Base, Origin Origin)
{
    /// <summary>Until when it was to stand (MAN-6); left out where nothing was said.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Until { get; init; }

    internal static StandingStatusAnswer? Of(StandingStatus? status) =>
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
    internal static InputsAnswer? Of(DecisionInputs? inputs, long policyVersion) =>
        inputs is null ? null : new(policyVersion, inputs.Capacity, inputs.DefaultStatusId, CapturedAnswer.Of(inputs.Captured));
}

/// <summary>A status that is kept for a return in time.</summary>
/// <param name="Status">What stood.</param>
/// <param name="At">Since when it is kept.</param>
/// <param name="Until">The last instant at which a return restores it.</param>
/// <param name="CapacityMoved">A conversation, what it takes, or the capacity settings changed meanwhile.</param>
public sealed record CapturedAnswer(StandingStatusAnswer Status, DateTimeOffset At, DateTimeOffset Until, bool CapacityMoved)
{
    internal static CapturedAnswer? Of(KeptStatus? kept) =>
        kept is null ? null : new(StandingStatusAnswer.Of(kept.Status)!, kept.At, kept.Until, kept.CapacityMoved);
}

/// <summary>What an event comes from.</summary>
/// <param name="Versions">The events between it and what began it, nearest first; empty where it is itself the beginning.</param>
/// <param name="Command">The command that began it; null where nobody asked for it and its time had come.</param>
public sealed record CausesAnswer(IReadOnlyList<long> Versions, CommandAnswer? Command)
{
    internal static CausesAnswer Of(AuditedEvent e, IReadOnlyList<AuditedEvent> causes) =>
        new([.. causes.Select(c => c.Version)], CommandAnswer.Of(causes.Count == 0 ? e : causes[^1]));
}

/// <summary>A command: who gave it, how it came in, and why.</summary>
public sealed record CommandAnswer(
    ActorAnswer Actor,
    Guid CausationId,
    string CorrelationId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Client,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ConnectionId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ReasonAnswer? Reason
)
{
    internal static CommandAnswer? Of(AuditedEvent e) =>
        e.Metadata is { Actor.Kind: not Persona.System } metadata
            ? new(
                ActorAnswer.Of(metadata.Actor),
                metadata.CausationId,
                metadata.CorrelationId,
                metadata.Client,
                metadata.ConnectionId,
                e.Reason
            )
            : null;
}
