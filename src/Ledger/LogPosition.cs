using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace PresenceLedger.Ledger;

/// <summary>
/// A place in the global order of events. Where the log numbers its events (<see cref="ILog.IsNumbered"/>) it is the number of an event, from 1
/// on without gaps; in EventStoreDB it is the commit and the prepare position. Callers hand its text back and never compute with it.
/// </summary>
/// <param name="Number">The number of the event; the commit position.</param>
/// <param name="Prepare">The prepare position; 0 where events are numbered.</param>
public readonly record struct LogPosition(long Number, long Prepare = 0) : IComparable<LogPosition>
{
    /// <summary>Before the first event.</summary>
    public static LogPosition Start { get; }

    /// <inheritdoc />
    public int CompareTo(LogPosition other) => (Number, Prepare).CompareTo((other.Number, other.Prepare));

    public static bool operator <(LogPosition left, LogPosition right) => left.CompareTo(right) < 0;

    public static bool operator >(LogPosition left, LogPosition right) => left.CompareTo(right) > 0;

    public static bool operator <=(LogPosition left, LogPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >=(LogPosition left, LogPosition right) => left.CompareTo(right) >= 0;

    /// <inheritdoc />
    public override string ToString() =>
        Prepare == 0 ? Number.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{Number}.{Prepare}");

    /// <summary>
    /// Reads what <see cref="ToString"/> wrote, and the three numbers that positions had before events were numbered: of an EventStoreDB they
    /// still name the same place, of PostgreSQL they name none (<see cref="LogExtensions.CanHave"/>).
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out LogPosition position)
    {
        position = default;
        var parts = text?.Split('.') ?? [];
        if (parts.Length is 0 or > 3)
            return false;
        var numbers = new long[parts.Length];
        for (var n = 0; n < parts.Length; n++)
            if (!long.TryParse(parts[n], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[n]))
                return false;
        position = numbers is [var number] ? new LogPosition(number) : new LogPosition(numbers[^2], numbers[^1]);
        return true;
    }
}
