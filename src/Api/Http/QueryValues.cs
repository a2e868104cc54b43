using System.Globalization;
using Microsoft.Extensions.Primitives;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Naming;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Http;

/// <summary>Lists in a query: commas between the values, or the parameter several times; also by another name of it.</summary>
internal static class QueryLists
{
    private const int Most = 1000;

    /// <summary>The items that some values name; none where there are but commas.</summary>
    public static IEnumerable<string> Items(StringValues values) =>
        values.SelectMany(text => Identifier.SplitList(text ?? "")).Where(item => item.Length > 0);

    /// <summary>Reads one; null where it is left out.</summary>
    /// <param name="http">The request.</param>
    /// <param name="name">Its name.</param>
    /// <param name="errorOf">What is wrong with an item; null where nothing is.</param>
    /// <param name="most">At most so many.</param>
    /// <param name="alsoCalled">Other names of it.</param>
    /// <exception cref="InvalidQueryException">An item is bad, or there are too many.</exception>
    public static SortedSet<string>? Read(
        HttpContext http,
        string name,
        Func<string, string?> errorOf,
        int most = Most,
        params ReadOnlySpan<string> alsoCalled
    )
    {
        var query = http.Request.Query;
        var given = Items(query[name]).ToList();
        foreach (var other in alsoCalled)
            given.AddRange(Items(query[other]));
        if (given.Count == 0)
            return null;
        if (given.Count > most)
            throw new InvalidQueryException(name, $"must be at most {most}");
        return given.Select(errorOf).FirstOrDefault(error => error is not null) is { } wrong
            ? throw new InvalidQueryException(name, "each " + wrong)
            : new SortedSet<string>(given, StringComparer.Ordinal);
    }

    /// <summary>Reads a list of identifiers.</summary>
    /// <inheritdoc cref="Read" />
    public static SortedSet<string>? Identifiers(HttpContext http, string name, int most = Most, params ReadOnlySpan<string> alsoCalled) =>
        Read(http, name, id => Identifier.IsValid(id) ? null : Identifier.Rule, most, alsoCalled);
}

/// <summary>Other single parameters of a query.</summary>
internal static class QueryValues
{
    /// <summary>An identifier; null where it is left out.</summary>
    /// <exception cref="InvalidQueryException">It is none.</exception>
    public static string? Id(string? text, string field) =>
        text is null || Identifier.IsValid(text) ? text : throw new InvalidQueryException(field, Identifier.Rule);

    /// <summary><c>true</c> or <c>false</c>; null where it is left out.</summary>
    /// <exception cref="InvalidQueryException">It is neither.</exception>
    public static bool? Flag(string? text, string field) =>
        text is null ? null
        : bool.TryParse(text, out var flag) ? flag
        : throw new InvalidQueryException(field, "must be true or false");

    /// <summary>A whole number; null where it is left out.</summary>
    /// <exception cref="InvalidQueryException">It is none, or too small or too large.</exception>
    public static int? Number(string? text, string field, int least, int most = int.MaxValue) =>
        text is null ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
        : throw new InvalidQueryException(
            field,
            most == int.MaxValue ? $"must be a whole number from {least}" : $"must be a whole number from {least} to {most}"
        );

    /// <summary>A text of one line; null where it is left out.</summary>
    /// <exception cref="InvalidQueryException">It is too long, or has what no text may have.</exception>
    public static string? Text(string? text, string field) =>
        BodyChecks.Text(text) is { } error ? throw new InvalidQueryException(field, error) : text;

    /// <summary>The word for one of the five bases; null where it is left out.</summary>
    /// <exception cref="InvalidQueryException">It is none of them.</exception>
    public static BaseStatus? Base(string? text, string field) =>
        text is null ? null
        : Bases.TryGetValue(text, out var found) ? found
        : throw new InvalidQueryException(field, BaseRule);

    /// <summary>What the word for a base has to be.</summary>
    public const string BaseRule = "must be available, busy, do-not-disturb, away or offline";

    /// <summary>The bases by their words.</summary>
    public static readonly IReadOnlyDictionary<string, BaseStatus> Bases = BuiltInStatuses
        .All.Where(s => s.Id != BuiltInStatuses.Inactive.Id)
        .ToDictionary(s => s.Id, s => s.Base, StringComparer.Ordinal);
}
