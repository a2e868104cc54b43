using System.Collections;
using System.Globalization;
using System.Resources;
using PresenceLedger.Dashboard.Hosting;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>Every language says everything.</summary>
public sealed class WordsTests
{
    private static readonly string[] Features =
    [
        .. typeof(DashboardHost).Assembly.GetTypes().Where(type => type.Name == "Words").Select(type => type.FullName!),
    ];

    public static TheoryData<string, string> Translations
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (var feature in Features)
            foreach (var language in DashboardHost.Languages.Skip(1))
                all.Add(feature, language);
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Translations))]
    public void A_translation_has_the_words_of_the_original_and_no_others(string feature, string language)
    {
        var (original, translated) = (In(feature, CultureInfo.InvariantCulture), In(feature, CultureInfo.GetCultureInfo(language)));

        Assert.NotEmpty(original);
        Assert.Equal(original.Keys.Order(StringComparer.Ordinal), translated.Keys.Order(StringComparer.Ordinal));
        Assert.All(translated.Values, words => Assert.False(string.IsNullOrWhiteSpace(words)));
        // What is put in is put in, in any language.
        Assert.All(original, word => Assert.Equal(Places(word.Value), Places(translated[word.Key])));
    }

    private static SortedSet<string> Places(string words) =>
        [.. System.Text.RegularExpressions.Regex.Matches(words, @"\{\d+").Select(match => match.Value)];

    private static Dictionary<string, string> In(string feature, CultureInfo language)
    {
        var words = new ResourceManager(feature, typeof(DashboardHost).Assembly).GetResourceSet(
            language,
            createIfNotExists: true,
            tryParents: false
        );
        return words?.Cast<DictionaryEntry>().ToDictionary(word => (string)word.Key, word => (string)word.Value!, StringComparer.Ordinal)
            ?? [];
    }
}
