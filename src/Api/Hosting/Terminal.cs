using System.Text;
using PresenceLedger.Ledger;

namespace PresenceLedger.Api.Hosting;

/// <summary>
/// The terminal of a verb. Whatever a verb writes may have names and words of other people in it, so nothing that steers a terminal gets
/// through; what the program itself wants to say to it goes by <see cref="ClearLine"/> and <see cref="Raw"/>.
/// </summary>
internal static class Terminal
{
    private static TextWriter? _output;
    private static TextWriter? _errors;

    /// <summary>From now on, nothing that steers a terminal is written to the console.</summary>
    public static void Guard()
    {
        if (_output is not null)
            return;
        (_output, _errors) = (Console.Out, Console.Error);
        Console.SetOut(new Guarded(_output));
        Console.SetError(new Guarded(_errors));
    }

    /// <summary>Where to write what is safe already, colors included.</summary>
    public static TextWriter Raw(TextWriter writer) =>
        writer == Console.Out && _output is not null ? _output
        : writer == Console.Error && _errors is not null ? _errors
        : writer;

    /// <summary>Clears the line that progress is shown on.</summary>
    public static void ClearLine(TextWriter writer) => Raw(writer).Write("\r\e[K");

    private sealed class Guarded(TextWriter to) : TextWriter(to.FormatProvider)
    {
        public override Encoding Encoding => to.Encoding;

        public override void Write(char value)
        {
            if (!TerminalText.IsSteering(value) || value is '\n' or '\t')
                to.Write(value);
            else
                to.Write(TerminalText.Escape(value.ToString()));
        }

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Write(new string(buffer));

        public override void Write(string? value) => to.Write(value is null ? null : TerminalText.EscapeLines(value));

        public override void WriteLine(string? value) => to.WriteLine(value is null ? null : TerminalText.EscapeLines(value));

        public override void Flush() => to.Flush();
    }
}
