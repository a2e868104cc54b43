using System.Collections.Frozen;
using System.Text.Json;

namespace PresenceLedger.Projections.Presence;

/// <summary>Enumerations as the tables and the API spell them: kebab-case.</summary>
internal static class Words
{
    /// <summary>The word for a value.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => Table<T>.WordOf[value];

    /// <summary>The value of a word.</summary>
    public static T Read<T>(string word)
        where T : struct, Enum => Table<T>.ValueOf[word];

    private static class Table<T>
        where T : struct, Enum
    {
        public static readonly FrozenDictionary<T, string> WordOf = Enum.GetValues<T>()
            .ToFrozenDictionary(v => v, v => JsonNamingPolicy.KebabCaseLower.ConvertName(v.ToString()));

        public static readonly FrozenDictionary<string, T> ValueOf = WordOf.ToFrozenDictionary(
            pair => pair.Value,
            pair => pair.Key,
            StringComparer.Ordinal
        );
    }
}
