using PresenceLedger.Domain;

namespace PresenceLedger.Api.Http;

/// <summary>Instants in a query: RFC 3339 with an offset.</summary>
internal static class InstantQuery
{
    /// <summary>Reads one; null where it is left out; the problem where it is none.</summary>
    public static IResult? Read(string? text, string field, out DateTimeOffset? instant)
    {
        instant = null;
        if (string.IsNullOrEmpty(text))
            return null;
        if (!Instants.TryRead(WithPlus(text), out var read))
            return Problems.Validation(field, NotAnInstantException.Error);
        instant = read;
        return null;
    }

    /// <summary>A '+' of an offset arrives as a space where the caller did not encode it.</summary>
    private static string WithPlus(string text) =>
        text.LastIndexOf(' ') is var at && (at == text.Length - 6 || at == text.Length - 5) && at > 0
            ? text[..at] + "+" + text[(at + 1)..]
            : text;
}
