using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace PresenceLedger.Ledger;

/// <summary>
/// A place in the order of all events: (epoch, transaction, sequence) in PostgreSQL, (0, commit, prepare) in EventStoreDB. Opaque to callers, who hand its text back
/// and never compute with it.
/// </summary>
/// <param name="Epoch">Goes up when transaction ids start again, after a restore into another cluster.</param>
/// <param name="Transaction">The writing transaction; the commit position.</param>
/// <param name="Sequence">Order within the transaction; the prepare position.</param>
public readonly record struct LogPosition(int Epoch, ulong Transaction, long Sequence) : IComparable<LogPosition>
{
    /// <summary>Before the first event.</summary>
    public static LogPosition Start { get; }

    /// <inheritdoc />
    public int CompareTo(LogPosition other) => (Epoch, Transaction, Sequence).CompareTo((other.Epoch, other.Transaction, other.Sequence));

    public static bool operator <(LogPosition left, LogPosition right) => left.CompareTo(right) < 0;

    public static bool operator >(LogPosition left, LogPosition right) => left.CompareTo(right) > 0;

    public static bool operator <=(LogPosition left, LogPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >=(LogPosition left, LogPosition right) => left.CompareTo(right) >= 0;

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch}.{Transaction}.{Sequence}");

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out LogPosition position)
    {
        position = default;
        var parts = text?.Split('.');
        if (
            parts is not [var e, var t, var s]
            || !int.TryParse(e, NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
            || !ulong.TryParse(t, NumberStyles.None, CultureInfo.InvariantCulture, out var transaction)
            || !long.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
        )
            return false;
        position = new LogPosition(epoch, transaction, sequence);
        return true;
    }
}
