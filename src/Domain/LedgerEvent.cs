using System.Text.Json.Serialization;

namespace PresenceLedger.Domain;

/// <summary>
/// A fact. What it happened to is its stream; when and by which rule stand beside the fact's own data, and are kept in the
/// envelope, not in the data.
/// </summary>
public abstract record LedgerEvent
{
    /// <summary>When it took effect, UTC, to the millisecond; never before the event ahead of it in its stream (TIM-1).</summary>
    [JsonIgnore]
    public DateTimeOffset OccurredAt { get; init; }

    /// <summary>The rule that made it, where one did.</summary>
    [JsonIgnore]
    public string? Rule { get; init; }
}
