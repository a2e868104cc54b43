using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Domain.WhatIf;

/// <summary>A change of presence that would have been other.</summary>
/// <param name="At">When.</param>
/// <param name="Recorded">As recorded; null where there was none.</param>
/// <param name="Other">As it would have been; null where there would have been none.</param>
public sealed record OtherTransition(DateTimeOffset At, PresenceChanged? Recorded, PresenceChanged? Other)
{
    /// <summary>
    /// Instant by instant, the changes that lead to another status or origin, or by another rule. What stood before them does not
    /// matter: that was other since an earlier change.
    /// </summary>
    /// <param name="recorded">As recorded, in order.</param>
    /// <param name="other">As they would have been, in order.</param>
    public static IEnumerable<OtherTransition> Between(IReadOnlyList<PresenceChanged> recorded, IReadOnlyList<PresenceChanged> other)
    {
        for (var (n, m) = (0, 0); n < recorded.Count || m < other.Count; )
        {
            var at =
                m == other.Count || (n < recorded.Count && recorded[n].OccurredAt < other[m].OccurredAt)
                    ? recorded[n].OccurredAt
                    : other[m].OccurredAt;
            var (endOfRecorded, endOfOther) = (EndOf(recorded, n, at), EndOf(other, m, at));
            // What they have in common at this instant, from both ends.
            while (n < endOfRecorded && m < endOfOther && AreSame(recorded[n], other[m]))
                (n, m) = (n + 1, m + 1);
            var (lastOfRecorded, lastOfOther) = (endOfRecorded, endOfOther);
            while (lastOfRecorded > n && lastOfOther > m && AreSame(recorded[lastOfRecorded - 1], other[lastOfOther - 1]))
                (lastOfRecorded, lastOfOther) = (lastOfRecorded - 1, lastOfOther - 1);
            for (; n < lastOfRecorded || m < lastOfOther; n++, m++)
                yield return new OtherTransition(at, n < lastOfRecorded ? recorded[n] : null, m < lastOfOther ? other[m] : null);
            (n, m) = (endOfRecorded, endOfOther);
        }
    }

    private static bool AreSame(PresenceChanged a, PresenceChanged b) => a.To == b.To && a.Rule == b.Rule;

    private static int EndOf(IReadOnlyList<PresenceChanged> changes, int from, DateTimeOffset at)
    {
        while (from < changes.Count && changes[from].OccurredAt == at)
            from++;
        return from;
    }
}
