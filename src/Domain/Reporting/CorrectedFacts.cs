using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Reporting;

/// <summary>The facts with the supervisors' corrections applied: other statuses and other logins; what happened stays.</summary>
public static class CorrectedFacts
{
    /// <summary>
    /// The facts as corrected, a later correction over an earlier one. Where the status that a correction names stood anyway, it changes
    /// nothing. Elsewhere it puts its own status there, and counts as signed in where that is other than offline; what it makes continuous is
    /// one stretch. A correction has no effect before registration, nor from <paramref name="asOf"/> on.
    /// </summary>
    public static AgentFacts Corrected(this AgentFacts facts, DateTimeOffset asOf)
    {
        if (facts.Corrections.Count == 0 || facts.Registered is not { } registered)
            return facts;
        var effective = Effective(facts.Corrections, registered.At, asOf);
        var changes = effective.SelectMany(part => WhereItDiffers(part, facts.Statuses)).ToList();
        if (changes.Count == 0)
            return facts;
        return facts with
        {
            Statuses = Apply(
                changes,
                facts.Statuses,
                s => s.Start,
                s => s.End,
                (s, a, b) => s with { Start = a, End = b },
                part => new StatusInterval(
                    part.By.StatusId,
                    part.By.Base,
                    Origin.Manual,
                    null,
                    part.By.Actor,
                    part.SignedIn,
                    part.StartMark,
                    part.EndMark
                ),
                (a, b) => a.StatusId == b.StatusId && a.Base == b.Base,
                (a, b) => a with { End = b.End }
            ),
            Logins = Apply(
                changes,
                facts.Logins,
                l => l.Start,
                l => l.End,
                (l, a, b) => l with { Start = a, End = b },
                part => part.SignedIn ? new LoginInterval(part.StartMark, part.EndMark, null) : null,
                (_, _) => true,
                (a, b) => a with { End = b.End, Ended = b.Ended }
            ),
        };
    }

    /// <summary>Which correction counts when: stretches in order, without overlaps.</summary>
    private static List<Part> Effective(IReadOnlyList<Correction> corrections, DateTimeOffset registered, DateTimeOffset asOf)
    {
        var effective = new List<Part>();
        foreach (var correction in corrections)
        {
            var from = correction.From > registered ? correction.From : registered;
            var to = correction.To < asOf ? correction.To : asOf;
            if (from >= to)
                continue;
            var next = new List<Part>(effective.Count + 2);
            next.AddRange(effective.Where(p => p.Start < from).Select(p => p.End <= from ? p : p with { End = from }));
            next.Add(new Part(from, to, correction));
            next.AddRange(effective.Where(p => p.End > to).Select(p => p.Start >= to ? p : p with { Start = to }));
            effective = next;
        }
        return effective;
    }

    /// <summary>What of a correction is left without the stretches in which its status stood anyway.</summary>
    private static IEnumerable<Part> WhereItDiffers(Part part, IReadOnlyList<StatusInterval> statuses)
    {
        var from = part.Start;
        foreach (var stood in statuses)
        {
            if (stood.StatusId != part.By.StatusId || stood.Base != part.By.Base || stood.Start.At >= part.End)
                continue;
            var until = stood.End?.At ?? DateTimeOffset.MaxValue;
            if (until <= from || until == stood.Start.At)
                continue;
            if (stood.Start.At > from)
                yield return part with
                {
                    Start = from,
                    End = stood.Start.At,
                };
            from = until;
        }
        if (from < part.End)
            yield return part with
            {
                Start = from,
            };
    }

    /// <summary>
    /// Cuts the corrected parts out of what was there, puts what they say in their place, and joins what now goes on over an edge of a part.
    /// Edges that were there before stay.
    /// </summary>
    private static List<T> Apply<T>(
        List<Part> parts,
        IReadOnlyList<T> before,
        Func<T, Mark> startOf,
        Func<T, Mark?> endOf,
        Func<T, Mark, Mark?, T> between,
        Func<Part, T?> corrected,
        Func<T, T, bool> continues,
        Func<T, T, T> join
    )
        where T : class
    {
        var cut = new List<T>(before.Count + 2 * parts.Count);
        var next = 0;
        foreach (var one in before)
        {
            // What has no length would keep apart what goes on over it.
            if (endOf(one)?.At == startOf(one).At && parts.Any(p => p.Start <= startOf(one).At && startOf(one).At <= p.End))
                continue;
            while (next < parts.Count && parts[next].End <= startOf(one).At)
                next++;
            var (rest, n) = (one, next);
            for (; rest is not null && n < parts.Count && !EndsBy(rest, parts[n].Start); n++)
            {
                if (startOf(rest).At < parts[n].Start)
                    cut.Add(between(rest, startOf(rest), parts[n].StartMark));
                rest = EndsBy(rest, parts[n].End) ? null : between(rest, parts[n].EndMark, endOf(rest));
            }
            if (rest is not null)
                cut.Add(rest);
        }
        cut.AddRange(parts.Select(corrected).OfType<T>());
        var edges = parts.SelectMany(p => new[] { p.Start, p.End }).ToHashSet();
        var joined = new List<T>(cut.Count);
        // Stable, so that what has no length stays where it was.
        foreach (var one in cut.OrderBy(one => startOf(one).At))
            if (joined is [.., var last] && endOf(last)?.At == startOf(one).At && edges.Contains(startOf(one).At) && continues(last, one))
                joined[^1] = join(last, one);
            else
                joined.Add(one);
        return joined;

        bool EndsBy(T one, DateTimeOffset at) => endOf(one) is { } ends && ends.At <= at;
    }

    /// <summary>A stretch in which a correction counts.</summary>
    private readonly record struct Part(DateTimeOffset Start, DateTimeOffset End, Correction By)
    {
        public bool SignedIn => By.Base is not BaseStatus.Offline;

        public Mark StartMark => By.Recorded with { At = Start };

        public Mark EndMark => By.Recorded with { At = End };
    }
}
