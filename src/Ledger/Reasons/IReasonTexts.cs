using System.Security.Cryptography;
using System.Text;
using PresenceLedger.Domain.Access;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Reasons;

/// <summary>The text of a reason, kept beside the ledger so that it can be erased; the event has its digest.</summary>
/// <param name="Digest">SHA-256 of salt and UTF-8 text, in hexadecimal.</param>
/// <param name="Stream">The stream whose event names it; no other does.</param>
/// <param name="Salt">Random, so that nobody finds a text again by trying.</param>
/// <param name="Text">The text.</param>
/// <param name="RecordedAt">When it was given.</param>
public sealed record ReasonText(string Digest, string Stream, byte[] Salt, string Text, DateTimeOffset RecordedAt)
{
    private const int SaltBytes = 16;

    /// <summary>Whether it is the text of its digest, and was not changed since.</summary>
    public bool Holds => Digest == DigestOf(Salt, Text);

    /// <summary>A text with a salt of its own.</summary>
    public static ReasonText Of(string stream, string text, DateTimeOffset recordedAt)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return new ReasonText(DigestOf(salt, text), stream, salt, text, recordedAt);
    }

    private static string DigestOf(byte[] salt, string text) =>
        Convert.ToHexStringLower(SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(text)]));
}

/// <summary>Keeps the texts of reasons. They are written before the events that name them: without its event a text harms nobody.</summary>
public interface IReasonTexts
{
    /// <summary>Keeps texts, durably.</summary>
    /// <exception cref="LedgerUnavailableException">It cannot; then nothing is to be recorded either.</exception>
    Task KeepAsync(IReadOnlyCollection<ReasonText> texts);

    /// <summary>What is kept under some digests; one that was changed since is among them, and does not hold (<see cref="ReasonText.Holds"/>).</summary>
    Task<IReadOnlyDictionary<string, ReasonText>> FindAsync(IReadOnlyCollection<string> digests, CancellationToken ct);

    /// <summary>Takes back texts that no event came to name; where that fails, they stay until their stream's are erased.</summary>
    Task TakeBackAsync(IReadOnlyCollection<ReasonText> texts);

    /// <summary>Erases the texts of some streams that were given up to an instant; returns how many.</summary>
    Task<int> EraseAsync(IReadOnlyCollection<string> streams, DateTimeOffset upTo, CancellationToken ct);
}

/// <summary>What is the same wherever they are kept.</summary>
public static class ReasonTextsExtensions
{
    /// <summary>A recorded reason as it was given, as far as its text is still there.</summary>
    public static async Task<Reason?> AsGivenAsync(this IReasonTexts texts, RecordedReason? reason, CancellationToken ct) =>
        reason is null ? null
        // Nobody's words are put into somebody's mouth: a text that was changed counts as gone.
        : reason.Digest is { } digest
            ? new Reason(
                reason.Code,
                (await texts.FindAsync([digest], ct)).GetValueOrDefault(digest) is { Holds: true } found ? found.Text : null
            )
        : new Reason(reason.Code, reason.Text);
}
