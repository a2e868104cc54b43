using System.Buffers;
using System.Globalization;
using System.Text;

namespace PresenceLedger.Ledger;

/// <summary>Text of other people, to be shown on a terminal: what would steer it, or turn what is read around, is written as an escape.</summary>
public static class TerminalText
{
    /// <summary>Controls (C0, DEL, C1), separators of lines, and marks, embeddings, overrides and isolates of direction.</summary>
    private static readonly SearchValues<char> Steering = SearchValues.Create([
        .. Enumerable.Range(0x00, 0x20).Concat(Enumerable.Range(0x7f, 0x21)).Select(c => (char)c),
        '\u061c',
        '\u200e',
        '\u200f',
        '\u2028',
        '\u2029',
        '\u202a',
        '\u202b',
        '\u202c',
        '\u202d',
        '\u202e',
        '\u2066',
        '\u2067',
        '\u2068',
        '\u2069',
    ]);

    /// <summary>Whether a terminal would obey a character, or show what comes after it elsewhere.</summary>
    public static bool IsSteering(char c) => Steering.Contains(c);

    /// <summary>A text on one line, with nothing in it that a terminal would obey.</summary>
    public static string Escape(string text) => text.AsSpan().ContainsAny(Steering) ? Escape(text, lines: false) : text;

    /// <summary>The same, where the ends of lines may stay.</summary>
    public static string EscapeLines(string text) => text.AsSpan().ContainsAny(Steering) ? Escape(text, lines: true) : text;

    private static string Escape(string text, bool lines)
    {
        var shown = new StringBuilder(text.Length + 16);
        for (var n = 0; n < text.Length; n++)
        {
            var c = text[n];
            if (!IsSteering(c) || (lines && (c is '\n' or '\t' || (c is '\r' && n + 1 < text.Length && text[n + 1] == '\n'))))
                shown.Append(c);
            else
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }
        return shown.ToString();
    }
}
