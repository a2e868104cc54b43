using System.Globalization;
using System.Resources;
using System.Text;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Queries.Timeline;

/// <summary>
/// Puts words to phrases. The words are in <c>Wording.resx</c>, by the keys of the phrases and the identifiers of the rules; those of
/// another language in a file of the same names beside it.
/// </summary>
/// <param name="template">The template of a key; null where there is none.</param>
public sealed class Wording(Func<string, string?> template)
{
    private const string RulePrefix = "rule.";
    private const string TimeOfDay = "HH:mm:ss'Z'";
    private const string Instant = "yyyy-MM-dd " + TimeOfDay;

    private static readonly ResourceManager Resources = new(typeof(Wording));

    // Their texts are of the system, and cannot be changed (CAT-1); those of custom statuses are the centre's own, in its language.
    private static readonly Dictionary<string, string> BuiltIn = new(StringComparer.Ordinal)
    {
        [BuiltInStatuses.Available.Id] = "base.available",
        [BuiltInStatuses.Busy.Id] = "base.busy",
        [BuiltInStatuses.DoNotDisturb.Id] = "base.do-not-disturb",
        [BuiltInStatuses.Away.Id] = "base.away",
        [BuiltInStatuses.Offline.Id] = "base.offline",
        [BuiltInStatuses.Inactive.Id] = "base.inactive",
    };

    /// <summary>The languages that there are words in.</summary>
    public static IReadOnlyList<string> Languages { get; } = ["en", "ru"];

    /// <summary>In English.</summary>
    public static Wording English { get; } = In(CultureInfo.InvariantCulture);

    /// <summary>In a language; in English where there are no words in it.</summary>
    public static Wording In(CultureInfo language) => new(key => Resources.GetString(key, language));

    /// <summary>The key and template of everything that is said in English.</summary>
    public static IReadOnlyDictionary<string, string> All { get; } = AllIn(CultureInfo.InvariantCulture);

    /// <summary>The key and template of everything that there are words for in a language itself.</summary>
    public static IReadOnlyDictionary<string, string> AllIn(CultureInfo language) =>
        Resources
            .GetResourceSet(language, createIfNotExists: true, tryParents: false)!
            .Cast<System.Collections.DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string)entry.Value!, StringComparer.Ordinal);

    /// <summary>What a rule says.</summary>
    public string Title(string rule) => template(RulePrefix + rule) ?? rule;

    /// <summary>The words of a phrase.</summary>
    /// <param name="phrase">What to say.</param>
    /// <param name="statusText">The text of a status.</param>
    public string Say(Phrase phrase, Func<string, string> statusText)
    {
        var words = new StringBuilder();
        Say(phrase, statusText, words);
        return words.ToString();
    }

    /// <summary>A length of time, in its two largest units.</summary>
    public string Duration(TimeSpan time) => Say(DurationOf(time), id => id);

    private void Say(Phrase phrase, Func<string, string> statusText, StringBuilder words)
    {
        if (phrase.Key.Length == 0)
            return;
        // A phrase without words is shown by its key: an audit is rather read so than not at all.
        var rest = (template(phrase.Key) ?? phrase.Key).AsSpan();
        while (true)
        {
            var begin = rest.IndexOf('{');
            var length = begin < 0 ? -1 : rest[begin..].IndexOf('}');
            if (length < 0)
            {
                words.Append(rest);
                return;
            }
            words.Append(rest[..begin]);
            Put(rest.Slice(begin + 1, length - 1), phrase, statusText, words);
            rest = rest[(begin + length + 1)..];
        }
    }

    private void Put(ReadOnlySpan<char> place, Phrase phrase, Func<string, string> statusText, StringBuilder words)
    {
        var colon = place.IndexOf(':');
        var name = colon < 0 ? place : place[..colon];
        foreach (var part in phrase.Parts)
            if (name.SequenceEqual(part.Name))
            {
                Put(part.Value, timeAlone: colon >= 0 && place[(colon + 1)..] is "time", statusText, words);
                return;
            }
        words.Append('{').Append(place).Append('}');
    }

    private void Put(object value, bool timeAlone, Func<string, string> statusText, StringBuilder words)
    {
        switch (value)
        {
            case Phrase inner:
                Say(inner, statusText, words);
                break;
            case StatusName status:
                words.Append((BuiltIn.TryGetValue(status.StatusId, out var key) ? template(key) : null) ?? statusText(status.StatusId));
                break;
            case DateTimeOffset instant:
                words.Append(instant.UtcDateTime.ToString(timeAlone ? TimeOfDay : Instant, CultureInfo.InvariantCulture));
                break;
            case TimeSpan time:
                Say(DurationOf(time), statusText, words);
                break;
            default:
                words.Append(CultureInfo.InvariantCulture, $"{value}");
                break;
        }
    }

    private static Phrase DurationOf(TimeSpan time) =>
        time switch
        {
            { TotalSeconds: < 1 } => new Phrase("duration.milliseconds", ("ms", (int)time.TotalMilliseconds)),
            { TotalMinutes: < 1 } => new Phrase("duration.seconds", ("s", Math.Floor(time.TotalSeconds * 10) / 10)),
            { TotalHours: < 1 } => new Phrase("duration.minutes", ("m", time.Minutes), ("s", time.Seconds)),
            { TotalDays: < 1 } => new Phrase("duration.hours", ("h", time.Hours), ("m", time.Minutes)),
            _ => new Phrase("duration.days", ("d", time.Days), ("h", time.Hours)),
        };
}
