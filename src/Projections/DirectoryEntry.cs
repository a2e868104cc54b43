namespace PresenceLedger.Projections;

/// <summary>
/// What is known of an agent as a person. It is written by the administrator's command, not by the log, so that it can be erased
/// without touching the ledger (WHO-3).
/// </summary>
public sealed record DirectoryEntry
{
    /// <summary>The agent.</summary>
    public required string Id { get; init; }

    /// <summary>The name to show; null where none was given.</summary>
    public string? DisplayName { get; init; }
}
