using System.Globalization;
using System.Text;

namespace PresenceLedger.Domain.Naming;

/// <summary>
/// What an identifier is: the name that a caller gives an agent, a conversation, a queue, and so on. Everything that takes one, stores
/// one or writes one asks here.
/// </summary>
public static class Identifier
{
    /// <summary>The most characters of one, counted as Unicode counts them, not as UTF-16 does.</summary>
    public const int MostCharacters = 200;

    /// <summary>What one has to be, to be told to a caller who sent something else.</summary>
    public const string Rule =
        "must be 1 to 200 printable characters, without control, format or bidirectional-override characters and without white space at the "
        + "ends, and neither '.' nor '..'";

    private const string Unreserved = "._~:@-";

    /// <summary>Reads one in the form in which identifiers are compared (NFC); false where the text is none.</summary>
    public static bool TryRead(string? text, out string identifier)
    {
        identifier = Normalize(text ?? "");
        return IsNormalizedAndValid(identifier);
    }

    /// <summary>Whether a text is an identifier.</summary>
    public static bool IsValid(string? text) => text is not null && TryRead(text, out _);

    /// <summary>A text in the form in which identifiers are compared (NFC), whether it is one or not.</summary>
    public static string Normalize(string text) => Nfc.Of(text);

    /// <summary>
    /// Percent-encoded, so that it may stand in a header, and in the name of a stream on any server. What was an identifier before
    /// Unicode was allowed (letters and digits of ASCII, <c>. _ ~ : @ -</c>) stays as it is; <see cref="TryDecode"/> reverses it.
    /// </summary>
    public static string Encode(string identifier)
    {
        if (identifier.All(IsUnreserved))
            return identifier;
        var encoded = new StringBuilder(identifier.Length * 3);
        foreach (var unit in Encoding.UTF8.GetBytes(identifier))
            if (IsUnreserved((char)unit))
                encoded.Append((char)unit);
            else
                encoded.Append('%').Append(unit.ToString("X2", CultureInfo.InvariantCulture));
        return encoded.ToString();
    }

    /// <summary>Takes the percent-encoding off a text; false where a percent sign stands without two hexadecimal digits, or it is no UTF-8.</summary>
    public static bool TryDecode(string text, out string decoded)
    {
        decoded = text;
        if (!text.Contains('%', StringComparison.Ordinal))
            return true;
        var bytes = new List<byte>(text.Length);
        for (var n = 0; n < text.Length; n++)
        {
            if (text[n] != '%')
            {
                var length = char.IsSurrogatePair(text, n) ? 2 : 1;
                bytes.AddRange(Encoding.UTF8.GetBytes(text.Substring(n, length)));
                n += length - 1;
            }
            else if (
                n + 2 < text.Length
                && byte.TryParse(text.AsSpan(n + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit)
            )
            {
                bytes.Add(unit);
                n += 2;
            }
            else
                return false;
        }
        try
        {
            decoded = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString([.. bytes]);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>The items of a list with commas between them; a comma that belongs to an item is written <c>\,</c>.</summary>
    public static IEnumerable<string> SplitList(string list)
    {
        var item = new StringBuilder();
        for (var n = 0; n < list.Length; n++)
        {
            if (list[n] == '\\' && n + 1 < list.Length && list[n + 1] == ',')
                item.Append(list[++n]);
            else if (list[n] == ',')
            {
                yield return item.ToString().Trim();
                item.Clear();
            }
            else
                item.Append(list[n]);
        }
        yield return item.ToString().Trim();
    }

    /// <summary>Some identifiers as one list, which <see cref="SplitList"/> takes apart again.</summary>
    public static string JoinList(IEnumerable<string> identifiers) =>
        string.Join(',', identifiers.Select(id => id.Replace(",", "\\,", StringComparison.Ordinal)));

    /// <summary>Characters that make a text look other than it is: overrides and isolates of the writing direction.</summary>
    public static bool OverridesDirection(char c) => c is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');

    private static bool IsNormalizedAndValid(string id)
    {
        if (id.Length is 0 or > 2 * MostCharacters || id is "." or ".." || char.IsWhiteSpace(id[0]) || char.IsWhiteSpace(id[^1]))
            return false;
        var count = 0;
        for (var n = 0; n < id.Length; n += char.IsHighSurrogate(id[n]) ? 2 : 1, count++)
            if (!Rune.TryGetRuneAt(id, n, out var rune) || !IsPrintable(rune))
                return false;
        return count <= MostCharacters;
    }

    private static bool IsPrintable(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
            );

    private static bool IsUnreserved(char c) => char.IsAsciiLetterOrDigit(c) || Unreserved.Contains(c, StringComparison.Ordinal);
}
