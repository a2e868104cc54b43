using PresenceLedger.Domain;

namespace PresenceLedger.Ledger;

/// <summary>What became of a command: accepted (by the kind of stream), or one of these, with nothing recorded.</summary>
public abstract record CommandOutcome
{
    /// <summary>Refused by a rule.</summary>
    public sealed record Refused(Refusal Refusal) : CommandOutcome;

    /// <summary>The agent moved on from the version the caller decided on.</summary>
    public sealed record VersionConflict(long Expected, long Actual) : CommandOutcome;

    /// <summary>The idempotency key came before, with the same command: the answer of then.</summary>
    public sealed record Repeated(RecordedAnswer Answer) : CommandOutcome;

    /// <summary>The idempotency key came before, with another command.</summary>
    public sealed record KeyReused : CommandOutcome;
}
