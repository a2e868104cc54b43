using System.Globalization;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Http;

/// <summary>Which page of a list a request asks for: <c>limit</c> and <c>cursor</c>.</summary>
internal static class PageQuery
{
    private const int DefaultLimit = 100;
    private const int MostLimit = 1000;

    /// <summary>Reads it.</summary>
    /// <param name="http">The request.</param>
    /// <param name="isCursor">What a cursor has to be; an identifier where nothing is said.</param>
    /// <param name="defaultLimit">How many items there are where nothing is said.</param>
    /// <exception cref="InvalidQueryException">It makes no sense.</exception>
    public static Paging Read(HttpContext http, Predicate<string?>? isCursor = null, int defaultLimit = DefaultLimit)
    {
        var query = http.Request.Query;
        string? after = null;
        if (query["cursor"].ToString() is { Length: > 0 } cursor)
        {
            after = Paging.Read(cursor);
            if (!(isCursor ?? Identifier.IsValid)(after))
                throw InvalidQueryException.BadCursor();
        }
        return new Paging(Limit(http) ?? defaultLimit, after);
    }

    /// <summary>How many items; null where nothing is said.</summary>
    /// <exception cref="InvalidQueryException">It is not among 1 to 1000.</exception>
    public static int? Limit(HttpContext http) =>
        http.Request.Query["limit"].ToString() is not { Length: > 0 } text ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit is >= 1 and <= MostLimit ? limit
        : throw new InvalidQueryException("limit", "must be 1 to 1000");
}
