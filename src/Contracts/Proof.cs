using PresenceLedger.Domain.Seals;

namespace PresenceLedger.Contracts;

/// <summary>What sealing came to.</summary>
/// <param name="Made">How many seals were made.</param>
/// <param name="Last">The last seal of the ledger.</param>
public sealed record SealedAnswer(int Made, SealAnswer? Last);

/// <summary>A seal, as <c>docs/proof.md</c> has it; <c>fingerprints</c> is the SHA-256 of them.</summary>
public sealed record SealAnswer(
    long Number,
    long First,
    int Count,
    string Root,
    string Fingerprints,
    string Position,
    Guid LastEventId,
    DateTimeOffset SealedAt,
    string Previous,
    string Hash,
    IReadOnlyList<SealSignature> Signatures
)
{
    public static SealAnswer Of(LedgerSealed seal)
    {
        var said = seal.Statement();
        return new SealAnswer(
            said.Number,
            said.First,
            said.Count,
            said.Root,
            said.FingerprintsDigest,
            said.Position,
            said.LastEventId,
            said.SealedAt,
            said.Previous,
            said.Hash(),
            seal.Signatures
        );
    }
}

/// <summary>A key.</summary>
/// <param name="KeyId">First 16 hex digits of the SHA-256 of the public key.</param>
/// <param name="PublicKey">PEM.</param>
/// <param name="IntroducedAt">When.</param>
/// <param name="IntroducedBy">Keys that signed its introduction, itself left out.</param>
/// <param name="RetiredAt">When its signatures ceased to count; null while they do.</param>
public sealed record KeyAnswer(
    string KeyId,
    string PublicKey,
    DateTimeOffset IntroducedAt,
    IReadOnlyList<string> IntroducedBy,
    DateTimeOffset? RetiredAt
)
{
    public static IReadOnlyList<KeyAnswer> Of(IReadOnlyList<SealEvent> events) =>
        [
            .. events
                .OfType<SealingKeyIntroduced>()
                .Select(e => new KeyAnswer(
                    e.KeyId,
                    Domain.Seals.PublicKey.Parse(e.PublicKey).Pem,
                    e.IntroducedAt,
                    [.. e.Signatures.Select(s => s.KeyId).Where(id => id != e.KeyId)],
                    events.OfType<SealingKeyRetired>().FirstOrDefault(r => r.KeyId == e.KeyId)?.RetiredAt
                )),
        ];
}
