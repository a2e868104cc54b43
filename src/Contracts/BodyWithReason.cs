using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Contracts;

/// <summary>What any body may carry: why it is done.</summary>
public abstract record BodyWithReason
{
    /// <summary>Why, in a code of the caller's own, in words, or both.</summary>
    public Reason? Reason { get; init; }

    /// <summary>What is wrong with it, by field.</summary>
    public virtual IEnumerable<(string Field, string Error)> Errors() => [];

    /// <summary>The same, where it depends on the time; by the ledger's clock.</summary>
    public virtual IEnumerable<(string Field, string Error)> Errors(DateTimeOffset now) => Errors();

    /// <summary>What is wrong with it, the reason included.</summary>
    public IDictionary<string, string[]>? AllErrors(DateTimeOffset now)
    {
        var errors = Errors(now);
        if (Reason?.Code is { } code && (code.Length > 100 || code.Any(BodyChecks.IsNoShortText)))
            errors = errors.Append(("reason.code", "must be at most 100 characters, " + BodyChecks.NoneOfThem));
        if (Reason?.Text is { } text && (text.Length > 2000 || text.Any(BodyChecks.IsNoText)))
            errors = errors.Append(("reason.text", "must be at most 2000 characters, " + BodyChecks.NoneOfThem));
        var byField = errors.GroupBy(e => e.Field, e => e.Error, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToArray());
        return byField.Count == 0 ? null : byField;
    }
}

/// <summary>A body with nothing but a reason; it may be left out.</summary>
public sealed record NoBody : BodyWithReason;

public static class BodyChecks
{
    private const int LongestText = 200;

    /// <summary>What is wrong with a short text; null where nothing is.</summary>
    public static string? Text(string? text) =>
        text is not null && (text.Length > LongestText || text.Any(IsNoShortText)) ? "must be at most 200 characters, " + NoneOfThem : null;

    /// <summary>What no text may have.</summary>
    public const string NoneOfThem = "none of them control or bidirectional-override characters";

    /// <summary>What does not belong into a text of one line.</summary>
    public static bool IsNoShortText(char c) => char.IsControl(c) || c is '\u2028' or '\u2029' || Identifier.OverridesDirection(c);

    /// <summary>What does not belong into a longer text, which may have lines and tabs.</summary>
    public static bool IsNoText(char c) => (char.IsControl(c) && c is not ('\n' or '\r' or '\t')) || Identifier.OverridesDirection(c);

    /// <summary>What is wrong with a list of identifiers; null where nothing is.</summary>
    public static string? Ids(IEnumerable<string?>? ids, int most)
    {
        var all = ids?.ToArray() ?? [];
        if (all.Length > most)
            return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"must be at most {most}");
        if (!all.All(Identifier.IsValid))
            return "each " + Identifier.Rule;
        return all.Distinct(StringComparer.Ordinal).Count() < all.Length ? "must not name anything twice" : null;
    }
}
