using System.Globalization;
using PresenceLedger.Domain;

namespace PresenceLedger.Api.Http;

/// <summary>Instants in a query: RFC 3339 with an offset.</summary>
internal static class InstantQuery
{
    private static readonly string[] Formats = ["yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", "yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz"];

    /// <summary>Reads one; null where it is left out; the problem where it is none.</summary>
    public static IResult? Read(string? text, string field, out DateTimeOffset? instant)
    {
        instant = null;
        if (string.IsNullOrEmpty(text))
            return null;
        // A '+' of an offset arrives as a space where the caller did not encode it.
        var meant = text.Length > 6 && text[^6] == ' ' ? text[..^6] + "+" + text[^5..] : text;
        if (!DateTimeOffset.TryParseExact(meant, Formats, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var parsed))
            return Problems.Validation(field, "must be an RFC 3339 instant such as 2026-01-05T08:00:00.000Z");
        instant = parsed.ToMillisecond();
        return null;
    }
}
