using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Reporting;

/// <summary>The facts with the supervisors' corrections applied: other statuses and other logins; what happened stays.</summary>
public static class CorrectedFacts
{
    /// <summary>
    /// The facts as corrected, a later correction over an earlier one. A corrected stretch counts as signed in where its status is
    /// other than offline. A correction has no say before registration, nor from <paramref name="asOf"/> on.
    /// </summary>
    public static AgentFacts Corrected(this AgentFacts facts, DateTimeOffset asOf)
    {
        if (facts.Corrections.Count == 0 || facts.Registered is not { } registered)
            return facts;
        var (statuses, logins) = (facts.Statuses, facts.Logins);
        foreach (var correction in facts.Corrections)
        {
            var from = Later(correction.From, registered.At);
            var to = correction.To < asOf ? correction.To : asOf;
            if (from >= to)
                continue;
            var (start, end) = (correction.Recorded with { At = from }, correction.Recorded with { At = to });
            var signedIn = correction.Base is not BaseStatus.Offline;
            var stretch = new StatusInterval(
                correction.StatusId,
                correction.Base,
                Origin.Manual,
                null,
                correction.Actor,
                signedIn,
                start,
                end
            );
            statuses = Over(statuses, s => s.Start, s => s.End, (s, a, b) => s with { Start = a, End = b }, start, end, stretch);
            logins = Over(
                logins,
                l => l.Start,
                l => l.End,
                (l, a, b) => l with { Start = a, End = b },
                start,
                end,
                signedIn ? new LoginInterval(start, end, null) : null
            );
        }
        return facts with { Statuses = statuses, Logins = logins };
    }

    /// <summary>Cuts a stretch out of what was there, and puts another in its place.</summary>
    private static List<T> Over<T>(
        IReadOnlyList<T> before,
        Func<T, Mark> startOf,
        Func<T, Mark?> endOf,
        Func<T, Mark, Mark?, T> with,
        Mark start,
        Mark end,
        T? instead
    )
        where T : class
    {
        var after = new List<T>(before.Count + 2);
        after.AddRange(
            before.Where(one => startOf(one).At < start.At).Select(one => EndsBy(one, start) ? one : with(one, startOf(one), start))
        );
        if (instead is not null)
            after.Add(instead);
        after.AddRange(before.Where(one => !EndsBy(one, end)).Select(one => startOf(one).At < end.At ? with(one, end, endOf(one)) : one));
        return after;

        bool EndsBy(T one, Mark at) => endOf(one) is { } ends && ends.At <= at.At;
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
