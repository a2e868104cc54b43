using System.Collections.Concurrent;

namespace PresenceLedger.Ledger;

/// <summary>Tells when something is to be said that may happen very often: at once where it is new, and then at most once a minute.</summary>
internal sealed class Sparingly(TimeProvider clock)
{
    private const int MostKept = 100;
    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, long> _said = new(StringComparer.Ordinal);

    /// <summary>Whether a text is to be said now; it counts as said then.</summary>
    public bool Says(string text)
    {
        // Texts name nodes, of which there are few; what cannot be remembered is said.
        if (_said.Count > MostKept)
            _said.Clear();
        var now = clock.GetTimestamp();
        return _said.AddOrUpdate(text, now, (_, before) => clock.GetElapsedTime(before, now) < Between ? before : now) == now;
    }
}
