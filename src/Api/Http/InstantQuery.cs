using PresenceLedger.Domain;
using PresenceLedger.Ledger;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Http;

/// <summary>Instants in a query: RFC 3339 with an offset.</summary>
internal static class InstantQuery
{
    /// <summary>Reads one; null where it is left out.</summary>
    /// <exception cref="InvalidQueryException">It is none.</exception>
    public static DateTimeOffset? Read(string? text, string field) =>
        TryRead(text, out var instant) ? instant : throw new InvalidQueryException(field, NotAnInstantException.Error);

    /// <summary>Reads one; null where it is left out. False where it is none.</summary>
    public static bool TryRead(string? text, out DateTimeOffset? instant)
    {
        instant = null;
        if (string.IsNullOrEmpty(text))
            return true;
        if (!Instants.TryRead(WithPlus(text), out var read))
            return false;
        instant = read;
        return true;
    }

    /// <summary>Reads one that cannot be in the future.</summary>
    /// <inheritdoc cref="Read(string?, string)" />
    public static DateTimeOffset? ReadPast(string? text, string field, TimeProvider clock) =>
        Read(text, field) is not { } instant ? null
        : instant <= clock.Now() ? instant
        : throw new InvalidQueryException(field, "must not be in the future");

    /// <summary>A '+' of an offset arrives as a space where the caller did not encode it.</summary>
    private static string WithPlus(string text) =>
        text.LastIndexOf(' ') is var at && (at == text.Length - 6 || at == text.Length - 5) && at > 0
            ? text[..at] + "+" + text[(at + 1)..]
            : text;
}
