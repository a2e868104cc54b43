using System.Globalization;
using PresenceLedger.Domain;

namespace PresenceLedger.Ledger;

/// <summary>Instants of the ledger: UTC, to the millisecond (TIM-4, REP-1).</summary>
public static class Instant
{
    private const string Pattern = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    /// <summary>Now, to the millisecond.</summary>
    public static DateTimeOffset Now(this TimeProvider clock) => clock.GetUtcNow().ToMillisecond();

    /// <summary>RFC 3339 with milliseconds and <c>Z</c>.</summary>
    public static string Format(DateTimeOffset instant) => instant.UtcDateTime.ToString(Pattern, CultureInfo.InvariantCulture);
}
