using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace PresenceLedger.Api.Http;

/// <summary>A page of a list.</summary>
/// <param name="Items">At most as many as asked for.</param>
public sealed record Page<T>(IReadOnlyList<T> Items)
{
    /// <summary>The cursor of the page after; left out of the last one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Next { get; init; }

    /// <summary>Up to which instant it is complete, where a projection serves it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? AsOf { get; init; }
}

/// <summary>What a caller says of the page it wants.</summary>
/// <param name="Limit">At most this many.</param>
/// <param name="After">What the page before ended with; null for the first.</param>
internal sealed record Paging(int Limit, string? After)
{
    private const int DefaultLimit = 100;
    private const int MostLimit = 1000;

    /// <summary>Reads it; the problem where it makes no sense.</summary>
    /// <param name="context">The request.</param>
    /// <param name="paging">What it says.</param>
    /// <param name="isCursor">What a cursor has to be; an identifier where nothing is said.</param>
    public static IResult? Read(HttpContext context, out Paging paging, Predicate<string?>? isCursor = null)
    {
        paging = new Paging(DefaultLimit, null);
        var query = context.Request.Query;
        if (query["limit"].ToString() is { Length: > 0 } limitText)
        {
            if (!int.TryParse(limitText, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) || limit is < 1 or > MostLimit)
                return Problems.Validation("limit", "must be 1 to 1000");
            paging = paging with { Limit = limit };
        }
        if (query["cursor"].ToString() is { Length: > 0 } cursor)
        {
            var bytes = Base64Url.IsValid(cursor) ? Base64Url.DecodeFromChars(cursor) : null;
            var after = bytes is not null && Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
            if (!(isCursor ?? Identifiers.IsValid)(after))
                return Problems.Validation("cursor", "must be the 'next' of an earlier page");
            paging = paging with { After = after };
        }
        return null;
    }

    /// <summary>The cursor that begins after this.</summary>
    public static string Cursor(string last) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(last));

    /// <summary>A page of a list that is all in memory, in the order of its keys.</summary>
    public Page<TItem> Of<TSource, TItem>(IEnumerable<TSource> all, Func<TSource, string> key, Func<TSource, TItem> item)
    {
        var rest = all.Where(s => After is null || string.CompareOrdinal(key(s), After) > 0).Take(Limit + 1).ToArray();
        return new Page<TItem>([.. rest.Take(Limit).Select(item)]) { Next = rest.Length > Limit ? Cursor(key(rest[Limit - 1])) : null };
    }
}
