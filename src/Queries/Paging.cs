using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using PresenceLedger.Contracts;

namespace PresenceLedger.Queries;

/// <summary>Which part of a list is wanted.</summary>
/// <param name="Limit">At most this many.</param>
/// <param name="After">What the page before ended with; null for the first.</param>
public sealed record Paging(int Limit, string? After)
{
    /// <summary>The number that the page before ended with; null for the first.</summary>
    /// <exception cref="InvalidQueryException">The cursor is no number.</exception>
    public long? AfterNumber =>
        After is null ? null
        : long.TryParse(After, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw InvalidQueryException.BadCursor();

    /// <summary>The cursor that begins after this.</summary>
    public static string Cursor(string last) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(last));

    /// <inheritdoc cref="Cursor(string)" />
    public static string Cursor(long last) => Cursor(last.ToString(CultureInfo.InvariantCulture));

    /// <summary>What a cursor begins after; null where it is none.</summary>
    public static string? Read(string cursor)
    {
        var bytes = Base64Url.IsValid(cursor) ? Base64Url.DecodeFromChars(cursor) : null;
        return bytes is not null && Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
    }

    /// <summary>A page of what comes after the page before. It takes one item more than it shows, to know whether there are more.</summary>
    /// <param name="rest">What comes after, in order.</param>
    /// <param name="cursor">The cursor that begins after an item.</param>
    /// <param name="item">An item as it is shown.</param>
    public Page<TItem> Of<TSource, TItem>(IEnumerable<TSource> rest, Func<TSource, string> cursor, Func<TSource, TItem> item)
    {
        var found = rest.Take(Limit + 1).ToArray();
        return new Page<TItem>([.. found.Take(Limit).Select(item)])
        {
            Next = found.Length > Limit ? Cursor(cursor(found[Limit - 1])) : null,
        };
    }

    /// <summary>A page of a list that is all in memory, in the order of its keys, which are the cursors.</summary>
    public Page<TItem> OfAll<TSource, TItem>(IEnumerable<TSource> all, Func<TSource, string> key, Func<TSource, TItem> item) =>
        Of(all.Where(s => After is null || string.CompareOrdinal(key(s), After) > 0), key, item);
}
