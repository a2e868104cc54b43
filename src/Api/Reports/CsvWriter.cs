using System.Buffers;
using System.Globalization;
using System.Text;

namespace PresenceLedger.Api.Reports;

/// <summary>
/// Writes CSV for people and their spreadsheets: RFC 4180 (CRLF, quotes doubled) in UTF-8 with a byte-order mark, in the style that was
/// asked for. A text that a spreadsheet would take for a formula gets an apostrophe in front; a number is written as it is.
/// </summary>
/// <param name="to">Where to.</param>
/// <param name="style">How.</param>
public sealed class CsvWriter(IBufferWriter<byte> to, CsvStyle style)
{
    private const int LongestNumber = 32;
    private static readonly SearchValues<char> Special = SearchValues.Create("\",;|\r\n\t");

    /// <summary>What begins a formula, in ASCII, full width and small; and the minus sign of Unicode.</summary>
    private static readonly SearchValues<char> Formula = SearchValues.Create("=+-@＝＋－＠﹦﹢﹣﹫−");

    private readonly byte[] _separator = [(byte)style.Separator];
    private bool _begun;

    /// <summary>Begins a file: by this mark spreadsheets know that it is UTF-8.</summary>
    public void ByteOrderMark() => to.Write(Encoding.UTF8.Preamble);

    /// <summary>A text; an empty cell for null.</summary>
    public void Text(string? text)
    {
        Separate();
        if (string.IsNullOrEmpty(text))
            return;
        var formula = IsFormula(text);
        if (!formula && text.AsSpan().IndexOfAny(Special) < 0 && !char.IsWhiteSpace(text[0]) && !char.IsWhiteSpace(text[^1]))
        {
            Encoding.UTF8.GetBytes(text, to);
            return;
        }
        Encoding.UTF8.GetBytes(formula ? "\"'" : "\"", to);
        Encoding.UTF8.GetBytes(text.Replace("\"", "\"\"", StringComparison.Ordinal), to);
        to.Write("\""u8);
    }

    /// <summary>A text that is known to need no quotes, such as an instant.</summary>
    public void Plain(ReadOnlySpan<byte> text)
    {
        Separate();
        to.Write(text);
    }

    /// <summary>An instant by the clock of the zone, with its offset; an empty cell for null.</summary>
    public void Time(DateTimeOffset? at)
    {
        Separate();
        if (at is { } instant)
            Encoding.UTF8.GetBytes(style.Time(instant), to);
    }

    /// <summary>The date of an instant in the zone.</summary>
    public void Date(DateTimeOffset at)
    {
        Separate();
        Encoding.UTF8.GetBytes(style.Date(at), to);
    }

    /// <summary>A number; an empty cell for null.</summary>
    public void Number(double? number)
    {
        Separate();
        if (number is not { } value)
            return;
        var span = to.GetSpan(LongestNumber);
        value.TryFormat(span, out var written, default, CultureInfo.InvariantCulture);
        if (style.Decimal != '.')
            span[..written].Replace((byte)'.', (byte)style.Decimal);
        to.Advance(written);
    }

    /// <summary>Ends a line.</summary>
    public void End()
    {
        to.Write("\r\n"u8);
        _begun = false;
    }

    /// <summary>
    /// Whether a spreadsheet could take a text for a formula: by its first sign that shows, since some pass over what does not; or
    /// because it begins with a tab or a line break, which some take away first.
    /// </summary>
    private static bool IsFormula(string text)
    {
        if (text[0] is '\t' or '\r' or '\n')
            return true;
        foreach (var sign in text)
            if (!char.IsWhiteSpace(sign) && !char.IsControl(sign) && char.GetUnicodeCategory(sign) is not UnicodeCategory.Format)
                return Formula.Contains(sign);
        return false;
    }

    private void Separate()
    {
        if (_begun)
            to.Write(_separator);
        _begun = true;
    }
}
