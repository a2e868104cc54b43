using PresenceLedger.Domain.Seals;
using PresenceLedger.Ledger.Seals;

namespace PresenceLedger.Ledger.Verification;

/// <summary>What the verification of the seals came to.</summary>
/// <param name="Seals">Seals that were checked.</param>
/// <param name="SealedEvents">Events that they cover.</param>
/// <param name="LastSeal">Number of the last one; null without one.</param>
/// <param name="SealedAt">When it was made.</param>
/// <param name="TrustGiven">Whether the signatures were checked with keys that were given, and not with the ledger's own word.</param>
/// <param name="Keys">Ids of the keys whose signatures counted at the end.</param>
/// <param name="Findings">What is wrong; none where all is right.</param>
/// <param name="Noted">Seals noted elsewhere that the ledger was compared with.</param>
/// <param name="Restores">Restores from a backup that were accepted, as the ledger records them.</param>
public sealed record SealVerification(
    long Seals,
    long SealedEvents,
    long? LastSeal,
    DateTimeOffset? SealedAt,
    bool TrustGiven,
    IReadOnlyList<string> Keys,
    IReadOnlyList<Finding> Findings,
    IReadOnlyList<NotedSeal> Noted,
    IReadOnlyList<RestoreAccepted> Restores
)
{
    /// <summary>Nothing is wrong.</summary>
    public bool Sound => Findings.Count == 0;
}

/// <summary>
/// Verifies what is quickly looked at: the seals by themselves (numbers, places, hashes of those before, signatures). The events themselves are
/// the <see cref="Verifier"/>'s.
/// </summary>
public sealed class SealVerifier(ILog log, IReadOnlyList<PublicKey> keys, IReadOnlyList<NotedSeal> noted)
{
    /// <summary>Verifies them.</summary>
    public async Task<SealVerification> VerifyAsync(CancellationToken ct)
    {
        var keyring = new Keyring(keys);
        var last = await log.ReadStreamBackwardsAsync(StreamNames.Seals, long.MaxValue, 1, ct);
        var sequence = new SealSequence(log, keyring, last is [var end] ? end.Record.Version : -1, noted);
        await foreach (var _ in sequence.ReadAsync(ct)) { }
        return new SealVerification(
            sequence.Seals,
            sequence.Last?.EndOrdinal() ?? 0,
            sequence.Last?.Number,
            sequence.Last?.SealedAt,
            keyring.IsGiven,
            [.. keyring.Trusted.Order(StringComparer.Ordinal)],
            [.. sequence.Findings],
            noted,
            sequence.Restores
        );
    }
}
