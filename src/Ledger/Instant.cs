using PresenceLedger.Domain;

namespace PresenceLedger.Ledger;

/// <summary>Instants of the ledger: UTC, to the millisecond (TIM-4, REP-1).</summary>
public static class Instant
{
    /// <summary>Characters of an instant.</summary>
    internal const int Length = 24;

    /// <summary>Now, to the millisecond.</summary>
    public static DateTimeOffset Now(this TimeProvider clock) => clock.GetUtcNow().ToMillisecond();

    /// <summary>RFC 3339 with milliseconds and <c>Z</c>.</summary>
    public static string Format(DateTimeOffset instant) => string.Create(Length, instant, static (text, i) => Write(i, text));

    /// <summary>As <see cref="Format"/>: <c>yyyy-MM-ddTHH:mm:ss.fffZ</c>; by hand, for every event has several of them.</summary>
    internal static void Write(DateTimeOffset instant, Span<char> text)
    {
        var utc = instant.UtcDateTime;
        "0000-00-00T00:00:00.000Z".CopyTo(text);
        Digits(text[..4], utc.Year);
        Digits(text[5..7], utc.Month);
        Digits(text[8..10], utc.Day);
        Digits(text[11..13], utc.Hour);
        Digits(text[14..16], utc.Minute);
        Digits(text[17..19], utc.Second);
        Digits(text[20..23], utc.Millisecond);
    }

    private static void Digits(Span<char> text, int number)
    {
        for (var n = text.Length - 1; n >= 0; n--, number /= 10)
            text[n] = (char)('0' + number % 10);
    }
}
