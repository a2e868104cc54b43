using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace PresenceLedger.Scenarios;

/// <summary>
/// How much YAML is read. A file may come from anybody: deep nesting would end the program when nodes are made of it, and a few aliases
/// can stand for more than any memory has.
/// </summary>
internal static class YamlLimits
{
    /// <summary>Characters of a file.</summary>
    public const int Characters = 32 * 1024 * 1024;

    /// <summary>How deep lists and mappings may be in each other.</summary>
    public const int Depth = 32;

    /// <summary>Values, lists and mappings of a file, with what aliases stand for.</summary>
    public const int Nodes = 5_000_000;

    private const int PieceSize = 64 * 1024;

    /// <summary>The text, which is within the limits.</summary>
    /// <exception cref="ScenarioException">It is not.</exception>
    /// <exception cref="YamlException">It is no YAML.</exception>
    public static string Read(string file, TextReader text)
    {
        var all = new System.Text.StringBuilder();
        var piece = new char[PieceSize];
        while (text.Read(piece, 0, piece.Length) is > 0 and var count)
        {
            if (all.Length + count > Characters)
                throw new ScenarioException($"{file}: it is larger than {Characters / (1024 * 1024)} million characters.");
            all.Append(piece, 0, count);
        }
        var read = all.ToString();
        Check(file, read);
        return read;
    }

    private static void Check(string file, string text)
    {
        var parser = new Parser(new StringReader(text));
        // Of each list or mapping that is open: its anchor, and how many nodes there were before it.
        var open = new Stack<(AnchorName Anchor, long Before)>();
        var sizes = new Dictionary<AnchorName, long>();
        var nodes = 0L;
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case DocumentStart:
                    sizes.Clear();
                    break;
                case AnchorAlias alias:
                    if (open.Any(o => o.Anchor == alias.Value))
                        throw Wrong(alias, $"'*{alias.Value}' stands within what it stands for");
                    nodes += sizes.GetValueOrDefault(alias.Value, 1);
                    break;
                case NodeEvent node and (MappingStart or SequenceStart):
                    if (open.Count == Depth)
                        throw Wrong(node, $"lists and mappings are more than {Depth} deep in each other");
                    open.Push((node.Anchor, nodes++));
                    break;
                case MappingEnd or SequenceEnd:
                    var (anchor, before) = open.Pop();
                    if (!anchor.IsEmpty)
                        sizes[anchor] = nodes - before;
                    break;
                case YamlDotNet.Core.Events.Scalar scalar:
                    nodes++;
                    if (!scalar.Anchor.IsEmpty)
                        sizes[scalar.Anchor] = 1;
                    break;
            }
            if (nodes > Nodes)
                throw Wrong(parser.Current!, $"there are more than {Nodes} values, with what aliases stand for");
        }

        ScenarioException Wrong(ParsingEvent at, string what) =>
            new(string.Create(CultureInfo.InvariantCulture, $"{file}:{at.Start.Line}: {what}."));
    }
}
