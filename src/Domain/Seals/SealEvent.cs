using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace PresenceLedger.Domain.Seals;

/// <summary>A fact of the stream <c>seals</c>.</summary>
public abstract record SealEvent : LedgerEvent;

/// <summary>A signature: ECDSA over P-256 with SHA-256, DER, in base64.</summary>
/// <param name="KeyId">Whose.</param>
/// <param name="Signature">The signature.</param>
public sealed record SealSignature(string KeyId, string Signature);

/// <summary>A seal over the next events of the global order, those of seals before it among them.</summary>
/// <param name="Number">From 0 without gaps.</param>
/// <param name="First">Place of its first event in global order, counted from 0.</param>
/// <param name="Count">How many events.</param>
/// <param name="Root">Root of the <see cref="MerkleTree"/> over their hashes, in hex.</param>
/// <param name="Fingerprints">The first 8 bytes of every hash, in order, in base64: by them the event that is wrong is found.</param>
/// <param name="Position">The position of the last event, in the store where it was sealed.</param>
/// <param name="LastEventId">Its id.</param>
/// <param name="SealedAt">When.</param>
/// <param name="Previous">Hash of the seal before, in hex; zeros before the first.</param>
/// <param name="Signatures">Of every key that was in use and at hand.</param>
public sealed record LedgerSealed(
    long Number,
    long First,
    int Count,
    string Root,
    string Fingerprints,
    string Position,
    Guid LastEventId,
    DateTimeOffset SealedAt,
    string Previous,
    IReadOnlyList<SealSignature> Signatures
) : SealEvent
{
    /// <summary>The place after its last event.</summary>
    public long EndOrdinal() => First + Count;

    /// <summary>The statement that is signed.</summary>
    /// <exception cref="FormatException">The fingerprints are no base64.</exception>
    public SealStatement Statement() =>
        new(
            Number,
            First,
            Count,
            Root,
            Convert.ToHexStringLower(SHA256.HashData(Convert.FromBase64String(Fingerprints))),
            Position,
            LastEventId,
            SealedAt,
            Previous
        );
}

/// <summary>A key that seals are signed with from now on. The first one speaks for itself, every other one is signed by one before it too.</summary>
/// <param name="KeyId">First 16 hex digits of the SHA-256 of the public key.</param>
/// <param name="PublicKey">SubjectPublicKeyInfo, DER, in base64.</param>
/// <param name="IntroducedAt">When.</param>
/// <param name="Signatures">Of the new key, and of those that were in use.</param>
public sealed record SealingKeyIntroduced(
    string KeyId,
    string PublicKey,
    DateTimeOffset IntroducedAt,
    IReadOnlyList<SealSignature> Signatures
) : SealEvent
{
    /// <summary>The text that is signed.</summary>
    public string SignedText() =>
        $"presence-ledger key v1\nintroduces: {KeyId}\npublicKey: {PublicKey}\nintroducedAt: {SealStatement.Instant(IntroducedAt)}\n";
}

/// <summary>A key whose signatures are no longer trusted for what is sealed from now on.</summary>
/// <param name="KeyId">Which.</param>
/// <param name="RetiredAt">When.</param>
/// <param name="Signatures">Of keys that go on.</param>
public sealed record SealingKeyRetired(string KeyId, DateTimeOffset RetiredAt, IReadOnlyList<SealSignature> Signatures) : SealEvent
{
    /// <summary>The text that is signed.</summary>
    public string SignedText() => $"presence-ledger key v1\nretires: {KeyId}\nretiredAt: {SealStatement.Instant(RetiredAt)}\n";
}

/// <summary>
/// Somebody who may write to the key folder said that the ledger was rightly restored from a backup, although it does not contain the
/// seal that was noted beside the key.
/// </summary>
/// <param name="NotedSeal">Number of the seal that was noted; null where the note could not be read.</param>
/// <param name="NotedHash">Its hash.</param>
/// <param name="LastSeal">Number of the newest seal that the ledger has; null for none.</param>
/// <param name="LastHash">Its hash.</param>
/// <param name="Reason">Why, in the words of who said so.</param>
/// <param name="AcceptedAt">When.</param>
public sealed record RestoreAccepted(
    long? NotedSeal,
    string? NotedHash,
    long? LastSeal,
    string? LastHash,
    string Reason,
    DateTimeOffset AcceptedAt
) : SealEvent;

/// <summary>What a seal says, as it is signed: with the SHA-256 of the fingerprints in their place.</summary>
public sealed record SealStatement(
    long Number,
    long First,
    int Count,
    string Root,
    string FingerprintsDigest,
    string Position,
    Guid LastEventId,
    DateTimeOffset SealedAt,
    string Previous
)
{
    /// <summary>What stands for the seal before the first.</summary>
    public static string NonePrevious { get; } = new('0', 64);

    /// <summary>The text that is signed, each line with a line feed at its end.</summary>
    public string SignedText() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"""
            presence-ledger seal v1
            number: {Number}
            first: {First}
            count: {Count}
            root: {Root}
            fingerprints: {FingerprintsDigest}
            position: {Position}
            lastEventId: {LastEventId:D}
            sealedAt: {Instant(SealedAt)}
            previous: {Previous}

            """
        );

    /// <summary>The hash by which the next seal names this one: SHA-256 of what is signed, in hex.</summary>
    public string Hash() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(SignedText())));

    internal static string Instant(DateTimeOffset instant) =>
        instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
