using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>What is wrong with a place of the ledger.</summary>
public enum FindingKind
{
    /// <summary>The event is not what it was when it was recorded.</summary>
    Changed,

    /// <summary>An event is gone.</summary>
    Missing,

    /// <summary>An event was not there when its place was sealed.</summary>
    Inserted,

    /// <summary>An event is not at its place.</summary>
    Reordered,

    /// <summary>The event was changed after it was sealed, and its hash and those of the events after it were made anew.</summary>
    Rechained,

    /// <summary>A seal is gone.</summary>
    SealMissing,

    /// <summary>A seal is not what it was.</summary>
    SealChanged,

    /// <summary>A signature is not over what it stands under, or of nobody who may sign.</summary>
    SignatureWrong,

    /// <summary>The store does not give the event.</summary>
    Unreadable,

    /// <summary>The text of a reason is gone, and no erasure took it.</summary>
    TextMissing,

    /// <summary>The text of a reason is not the one that was given.</summary>
    TextChanged,
}

/// <summary>A place of the ledger that is wrong, and how.</summary>
/// <param name="Kind">How.</param>
/// <param name="Text">A sentence.</param>
public sealed record Finding(FindingKind Kind, string Text)
{
    /// <summary>The stream; null where nothing tells.</summary>
    public string? Stream { get; init; }

    /// <summary>The version in it.</summary>
    public long? Version { get; init; }

    /// <summary>The event's id, where it is there.</summary>
    public Guid? EventId { get; init; }

    /// <summary>The place in global order, counted from 0.</summary>
    public long? Ordinal { get; init; }

    /// <summary>The number of the seal that tells, or that is wrong.</summary>
    public long? Seal { get; init; }

    /// <summary>How many events after it in its stream are wrong with it.</summary>
    public long Followers { get; init; }
}

/// <summary>How far it is.</summary>
/// <param name="Events">Events that were checked, those of an earlier run that was broken off included.</param>
/// <param name="Total">As many as are sealed, or more; 0 where that is not known.</param>
/// <param name="Seals">Seals that were checked.</param>
/// <param name="Findings">What was found.</param>
public sealed record VerificationProgress(long Events, long Total, long Seals, int Findings);

/// <summary>What a verification came to.</summary>
/// <param name="Events">Events that were checked.</param>
/// <param name="Streams">Their streams.</param>
/// <param name="Seals">Seals that were checked.</param>
/// <param name="SealedEvents">Events that a seal covers.</param>
/// <param name="SealedAt">When the last seal was made; null without one.</param>
/// <param name="LastSeal">Its number.</param>
/// <param name="UnsealedEvents">Events after the last seal: their chains were checked, and nothing else could be.</param>
/// <param name="TrustGiven">Whether the signatures were checked with keys that were given, and not with the ledger's own word.</param>
/// <param name="Keys">Ids of the keys whose signatures counted at the end.</param>
/// <param name="Findings">What is wrong, by place; none for a sound ledger.</param>
/// <param name="Noted">Seals noted elsewhere that the ledger was compared with.</param>
/// <param name="Restores">Restores from a backup that were accepted, as the ledger records them.</param>
public sealed record VerificationResult(
    long Events,
    long Streams,
    long Seals,
    long SealedEvents,
    DateTimeOffset? SealedAt,
    long? LastSeal,
    long UnsealedEvents,
    bool TrustGiven,
    IReadOnlyList<string> Keys,
    IReadOnlyList<Finding> Findings,
    IReadOnlyList<NotedSeal> Noted,
    IReadOnlyList<RestoreAccepted> Restores
)
{
    /// <summary>Nothing is wrong; of a ledger without events nothing can be said.</summary>
    public bool Sound => Findings.Count == 0 && Events > 0;
}
