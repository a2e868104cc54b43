using System.Text.Json.Serialization;

namespace PresenceLedger.Contracts;

/// <summary>A page of a list.</summary>
/// <param name="Items">At most as many as asked for.</param>
public sealed record Page<T>(IReadOnlyList<T> Items)
{
    /// <summary>The cursor of the page after; left out of the last one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Next { get; init; }

    /// <summary>Up to which instant it is complete, where a projection serves it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AsOf { get; init; }
}
