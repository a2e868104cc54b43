namespace PresenceLedger.Domain;

/// <summary>
/// What is to be said, without the words: the key of a template, and what goes into it by name. The words are put in where it is
/// shown, in the language of who reads it.
/// </summary>
/// <param name="key">Of the template; empty where there is nothing to say.</param>
/// <param name="parts">Each a text, a number, an instant, a duration, a <see cref="StatusName"/>, or another phrase.</param>
public sealed class Phrase(string key, params (string Name, object Value)[] parts)
{
    /// <summary>Nothing to say.</summary>
    public static Phrase Nothing { get; } = new("");

    /// <summary>Of the template; empty where there is nothing to say.</summary>
    public string Key { get; } = key;

    /// <summary>What goes into the template, by name.</summary>
    public IReadOnlyList<(string Name, object Value)> Parts { get; } = parts;

    /// <summary>Several as one, as in "a, b and c".</summary>
    public static Phrase List(IReadOnlyList<Phrase> all)
    {
        if (all.Count == 0)
            return Nothing;
        var list = all[0];
        for (var n = 1; n < all.Count; n++)
            list =
                n == all.Count - 1
                    ? new Phrase("list.and", ("first", list), ("last", all[n]))
                    : new Phrase("list.comma", ("first", list), ("last", all[n]));
        return list;
    }
}

/// <summary>In a <see cref="Phrase"/>: a status, to be shown by its text.</summary>
public sealed record StatusName(string StatusId);
