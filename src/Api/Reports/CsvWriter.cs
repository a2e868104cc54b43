using System.Buffers;
using System.Globalization;
using System.Text;

namespace PresenceLedger.Api.Reports;

/// <summary>
/// Writes CSV (RFC 4180: CRLF, quotes doubled). A text that a spreadsheet would take for a formula gets an apostrophe in front.
/// </summary>
/// <param name="to">Where to.</param>
public sealed class CsvWriter(IBufferWriter<byte> to)
{
    private static readonly SearchValues<char> Special = SearchValues.Create("\",\r\n;\t");

    private bool _begun;

    /// <summary>A text; an empty cell for null.</summary>
    public void Text(string? text)
    {
        Separate();
        if (string.IsNullOrEmpty(text))
            return;
        var formula = text[0] is '=' or '+' or '-' or '@' or '\t' or '\r';
        if (!formula && text.AsSpan().IndexOfAny(Special) < 0)
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

    /// <summary>A number; an empty cell for null.</summary>
    public void Number(double? number)
    {
        Separate();
        if (number is not { } value)
            return;
        var span = to.GetSpan(32);
        value.TryFormat(span, out var written, default, CultureInfo.InvariantCulture);
        to.Advance(written);
    }

    /// <summary>Ends a line.</summary>
    public void End()
    {
        to.Write("\r\n"u8);
        _begun = false;
    }

    private void Separate()
    {
        if (_begun)
            to.Write(","u8);
        _begun = true;
    }
}
