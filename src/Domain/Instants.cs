using System.Globalization;

namespace PresenceLedger.Domain;

/// <summary>Instants as the ledger tells them apart: UTC (TIM-4), to the millisecond (TIM-1).</summary>
public static class Instants
{
    private const int FractionAt = 20;
    private const int MostDigits = 7;

    private static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    /// <summary>
    /// The millisecond that an instant is in. Finer instants would not survive storage, and a state rebuilt from the ledger
    /// would differ from the one that was decided on.
    /// </summary>
    public static DateTimeOffset ToMillisecond(this DateTimeOffset instant) =>
        new(instant.UtcTicks - instant.UtcTicks % TimeSpan.TicksPerMillisecond, TimeSpan.Zero);

    /// <summary>The later of two instants.</summary>
    public static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    /// <summary>The earlier of two instants.</summary>
    public static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    /// <summary>Reads an RFC 3339 instant, to the millisecond; its offset is needed: <c>Z</c>, <c>+02:00</c> or <c>+0200</c>.</summary>
    public static bool TryRead(string text, out DateTimeOffset instant)
    {
        text = text.ToUpperInvariant();
        // A fraction may be finer than can be told apart here.
        if (text.Length > FractionAt + MostDigits && text[FractionAt - 1] == '.')
        {
            var end = FractionAt;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
                end++;
            if (end > FractionAt + MostDigits)
                text = text[..(FractionAt + MostDigits)] + text[end..];
        }
        var isRead = DateTimeOffset.TryParseExact(
            text,
            Formats,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out instant
        );
        instant = instant.ToMillisecond();
        return isRead;
    }
}
