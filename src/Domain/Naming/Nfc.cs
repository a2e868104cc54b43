using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace PresenceLedger.Domain.Naming;

/// <summary>
/// Unicode's normalization form C: one way to write each text. The runtime has it only where ICU is installed, which a container
/// need not have; so the few kilobytes of data are here.
/// </summary>
internal static partial class Nfc
{
    // Below this every character is as it is to be.
    private const char FirstOfInterest = '\u0300';
    private const int HangulSyllables = 0xAC00;
    private const int HangulLeads = 0x1100;
    private const int HangulVowels = 0x1161;
    private const int HangulTails = 0x11A7;
    private const int VowelCount = 21;
    private const int TailCount = 28;
    private const int SyllableCount = 19 * VowelCount * TailCount;

    private static readonly Lazy<Tables> Data = new(Tables.Read);

    /// <summary>A text in form C. One that is no Unicode (half of a surrogate pair) stays as it is.</summary>
    public static string Of(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(FirstOfInterest - 1)) < 0 || !IsWellFormed(text))
            return text;
        var characters = Decompose(text);
        Order(characters);
        Compose(characters);
        var composed = new StringBuilder(text.Length);
        foreach (var (point, _) in characters)
            composed.Append(new Rune(point).ToString());
        var result = composed.ToString();
        return string.Equals(result, text, StringComparison.Ordinal) ? text : result;
    }

    private static bool IsWellFormed(string text)
    {
        for (var n = 0; n < text.Length; n++)
            if (char.IsSurrogate(text[n]) && (n + 1 == text.Length || !char.IsSurrogatePair(text[n], text[++n])))
                return false;
        return true;
    }

    private static List<(int Point, int Class)> Decompose(string text)
    {
        var tables = Data.Value;
        var characters = new List<(int, int)>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            var syllable = rune.Value - HangulSyllables;
            if (syllable is >= 0 and < SyllableCount)
            {
                characters.Add((HangulLeads + syllable / (VowelCount * TailCount), 0));
                characters.Add((HangulVowels + syllable % (VowelCount * TailCount) / TailCount, 0));
                if (syllable % TailCount is > 0 and var tail)
                    characters.Add((HangulTails + tail, 0));
            }
            else if (tables.Parts.TryGetValue(rune.Value, out var parts))
                characters.AddRange(parts.Select(part => (part, tables.ClassOf(part))));
            else
                characters.Add((rune.Value, tables.ClassOf(rune.Value)));
        }
        return characters;
    }

    /// <summary>Marks stand in the order of their classes; those of one class stay in theirs.</summary>
    private static void Order(List<(int Point, int Class)> characters)
    {
        for (var n = 1; n < characters.Count; n++)
        for (var at = n; at > 0 && characters[at].Class > 0 && characters[at - 1].Class > characters[at].Class; at--)
            (characters[at - 1], characters[at]) = (characters[at], characters[at - 1]);
    }

    private static void Compose(List<(int Point, int Class)> characters)
    {
        var starter = -1;
        var before = 0; // The class of the last mark after the starter that stays.
        var kept = 0;
        for (var n = 0; n < characters.Count; n++)
        {
            var (point, cls) = characters[n];
            var isBlocked = starter >= 0 && kept - 1 > starter && (before == 0 || before >= cls);
            if (starter >= 0 && !isBlocked && Pair(characters[starter].Point, point) is { } pair)
            {
                characters[starter] = (pair, 0);
                continue;
            }
            if (cls == 0)
                starter = kept;
            before = cls;
            characters[kept++] = (point, cls);
        }
        characters.RemoveRange(kept, characters.Count - kept);
    }

    private static int? Pair(int first, int second)
    {
        if (first - HangulLeads is >= 0 and < 19 and var lead && second - HangulVowels is >= 0 and < VowelCount and var vowel)
            return HangulSyllables + (lead * VowelCount + vowel) * TailCount;
        if (
            first - HangulSyllables is >= 0 and < SyllableCount and var syllable
            && syllable % TailCount == 0
            && second - HangulTails is > 0 and < TailCount and var tail
        )
            return first + tail;
        return Data.Value.Pairs.TryGetValue((first, second), out var pair) ? pair : null;
    }

    /// <summary>What the constants say, ready to be looked up.</summary>
    private sealed record Tables(
        FrozenDictionary<int, int[]> Parts,
        FrozenDictionary<(int, int), int> Pairs,
        FrozenDictionary<int, int> Classes
    )
    {
        public int ClassOf(int point) => Classes.GetValueOrDefault(point);

        public static Tables Read() =>
            new(
                Entries(Decompositions).ToFrozenDictionary(e => Point(e.Left), e => e.Right.Split(' ').Select(Point).ToArray()),
                Entries(Compositions)
                    .ToFrozenDictionary(e => (Point(e.Left.Split(' ')[0]), Point(e.Left.Split(' ')[1])), e => Point(e.Right)),
                Entries(CombiningClasses)
                    .SelectMany(e => Range(e.Left).Select(point => (Point: point, Class: int.Parse(e.Right, CultureInfo.InvariantCulture))))
                    .ToFrozenDictionary(e => e.Point, e => e.Class)
            );

        private static IEnumerable<(string Left, string Right)> Entries(string data) =>
            data.Split([';', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(entry => entry.Split('='))
                .Select(sides => (sides[0], sides[1]));

        private static IEnumerable<int> Range(string text)
        {
            var ends = text.Split('-');
            return Enumerable.Range(Point(ends[0]), Point(ends[^1]) - Point(ends[0]) + 1);
        }

        private static int Point(string hex) => int.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }
}
