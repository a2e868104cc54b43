using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Reporting;

/// <summary>
/// Part of a number: an amount, the fact it comes from, and the stretch of it that counts; for something that is counted, the
/// instant it counts at (REP-9).
/// </summary>
/// <param name="Bucket">Index of the bucket.</param>
/// <param name="Measure">What it adds to.</param>
/// <param name="Amount">How much: milliseconds or a number.</param>
/// <param name="Fact">A <see cref="StatusInterval"/>, <see cref="LoginInterval"/>, <see cref="Session"/>, <see cref="Participation"/> or <see cref="CapacityInterval"/>.</param>
/// <param name="Start">From when on it counts.</param>
/// <param name="End">Until when.</param>
public readonly record struct Contribution(int Bucket, Measure Measure, long Amount, object Fact, DateTimeOffset Start, DateTimeOffset End);

/// <summary>
/// The one arithmetic of the reports, real-time and historical: facts of an agent, cut exactly at the edges of buckets (REP-1,
/// REP-2, REP-6). What it adds up it can also list.
/// </summary>
public sealed class Arithmetic
{
    private readonly long[] _edges;
    private readonly long _asOf;
    private readonly SessionFilter _filter;
    private readonly Action<Contribution>? _listen;
    private readonly Cell[] _cells;

    private Arithmetic(
        Cell[] cells,
        IReadOnlyList<DateTimeOffset> edges,
        DateTimeOffset asOf,
        SessionFilter filter,
        Action<Contribution>? listen
    )
    {
        _cells = cells;
        _edges = [.. edges.Select(Milliseconds)];
        _asOf = Milliseconds(asOf);
        _filter = filter;
        _listen = listen;
    }

    private long From => _edges[0];

    private long To => _edges[^1];

    /// <summary>What an agent did in each bucket.</summary>
    /// <param name="facts">The agent's facts; those outside of the window may be left out.</param>
    /// <param name="edges">The edges of the buckets, ascending: the first begins the window, the last ends it.</param>
    /// <param name="asOf">Where open intervals end.</param>
    /// <param name="filter">Which sessions count.</param>
    /// <param name="listen">Hears of everything that is added up.</param>
    public static IReadOnlyList<Cell> Of(
        AgentFacts facts,
        IReadOnlyList<DateTimeOffset> edges,
        DateTimeOffset asOf,
        SessionFilter filter,
        Action<Contribution>? listen = null
    )
    {
        var cells = new Cell[edges.Count - 1];
        for (var bucket = 0; bucket < cells.Length; bucket++)
            cells[bucket] = new Cell(edges[bucket], edges[bucket + 1]);
        new Arithmetic(cells, edges, asOf, filter, listen).Run(facts);
        return cells;
    }

    private void Run(AgentFacts facts)
    {
        var logins = Union(facts.Logins, l => new Stretch(Milliseconds(l.Start.At), EndOf(l.End), l));
        var contact = Union(facts.Sessions.SelectMany(OnContact).OrderBy(s => s.Start).ThenBy(s => s.End), s => s);
        Spread(logins, Measure.Login);
        AddStatuses(facts.Statuses, contact);
        AddSessions(facts.Sessions);
        AddParticipations(facts.Participations);
        foreach (var stretch in Intersection(contact, logins))
        {
            Spread(stretch, Measure.OnContact);
            Spread(stretch, Measure.OnContactOrIdle);
        }
        AddCapacity(facts.Capacity, logins);
        Check(facts);
    }

    private void AddStatuses(IReadOnlyList<StatusInterval> statuses, List<Stretch> contact)
    {
        var busyUpTo = 0;
        foreach (var status in statuses)
        {
            var stretch = new Stretch(Milliseconds(status.Start.At), EndOf(status.End), status);
            if (!Clip(ref stretch))
                continue;
            var (measure, online) = status.Base switch
            {
                BaseStatus.Available => (Measure.Available, true),
                BaseStatus.Busy => (Measure.Busy, true),
                BaseStatus.DoNotDisturb => (Measure.DoNotDisturb, true),
                BaseStatus.Away => (Measure.Away, true),
                _ => (Measure.Offline, false),
            };
            Spread(stretch, measure);
            if (online)
                Spread(stretch, Measure.Online);
            for (var (bucket, at) = (BucketOf(stretch.Start), stretch.Start); at < stretch.End; bucket++)
            {
                var end = Math.Min(_edges[bucket + 1], stretch.End);
                _cells[bucket].AddStatus(status.StatusId, end - at);
                at = end;
            }
            if (measure is not Measure.Available)
                continue;
            // What is left of it without the sessions.
            while (busyUpTo < contact.Count && contact[busyUpTo].End <= stretch.Start)
                busyUpTo++;
            var from = stretch.Start;
            for (var n = busyUpTo; from < stretch.End; n++)
            {
                var next = n < contact.Count ? contact[n] : new Stretch(long.MaxValue, long.MaxValue, status);
                if (next.Start > from)
                {
                    var idle = stretch with { Start = from, End = Math.Min(next.Start, stretch.End) };
                    Spread(idle, Measure.Idle);
                    Spread(idle, Measure.OnContactOrIdle);
                }
                from = Math.Max(from, next.End);
            }
        }
    }

    private void AddSessions(IReadOnlyList<Session> sessions)
    {
        var engaged = new HashSet<(int, string)>();
        foreach (var session in sessions)
        {
            if (!_filter.Has(session))
                continue;
            if (session.Outbound)
                Note(session.Assigned, Measure.Outbound, session);
            else if (session.WasPresented)
                Note(session.Assigned, Measure.Presented, session);
            if (session.Accepted is { } accepted && Note(accepted, Measure.Engaged, session) is { } bucket)
            {
                if (session.WasPresented)
                    Note(accepted, Measure.Resolved, session);
                if (engaged.Add((bucket, session.ConversationId)))
                    Note(accepted, Measure.EngagedConversations, session);
            }
            if (session.Ended is not { } ended)
                continue;
            switch (session)
            {
                case { Outcome: SessionOutcome.Rejected }:
                    Note(ended, Measure.Rejected, session);
                    Note(ended, Measure.Resolved, session);
                    Time(ended, Measure.TimeToReject, Measure.TimesToReject, session, session.Assigned.At, ended.At);
                    break;
                case { Outcome: SessionOutcome.Missed }:
                    Note(ended, Measure.Missed, session);
                    Note(ended, Measure.Resolved, session);
                    break;
                case { Outcome: SessionOutcome.Undelivered }:
                    Note(ended, Measure.Undelivered, session);
                    break;
                case { Outcome: SessionOutcome.Abandoned }:
                    Note(ended, Measure.Abandoned, session);
                    break;
            }
            if (session.EndedBy is SessionEnd.ForceReleased)
                Note(ended, Measure.ForceReleased, session);
            if (session.EndedBy is SessionEnd.Transferred)
                Note(ended, Measure.Transferred, session);
            if (session.Accepted is not { } from)
                continue;
            // Nobody offered an outbound attempt: it would be a time of 0.
            if (session.WasPresented)
                Time(ended, Measure.TimeToAccept, Measure.TimesToAccept, session, session.Assigned.At, from.At);
            if (session.WaitedSince is { } since)
                Time(ended, Measure.Wait, Measure.Waits, session, since, from.At);
            Time(ended, Measure.SessionTime, Measure.SessionsEnded, session, from.At, ended.At);
            var waited = session.Waits.Sum(w => Milliseconds((w.End ?? ended).At) - Milliseconds(w.Start.At));
            Time(ended, Measure.Handle, Measure.Handled, session, from.At, ended.At, waited);
            if (session.WrapUp is { } wrapUp)
                Time(ended, Measure.WrapUp, Measure.WrapUps, session, wrapUp.At, ended.At);
        }
    }

    private void AddParticipations(IReadOnlyList<Participation> participations)
    {
        foreach (var one in participations)
        {
            var consult = one.Mode is ConsultMode.Consult;
            Note(one.Joined, consult ? Measure.ConsultsJoined : Measure.MonitorsJoined, one);
            if (one.Left is { } left && consult)
                Time(left, Measure.Consult, Measure.ConsultsLeft, one, one.Joined.At, left.At);
            else if (one.Left is { } ended)
                Time(ended, Measure.Monitor, Measure.MonitorsLeft, one, one.Joined.At, ended.At);
        }
    }

    private void AddCapacity(IReadOnlyList<CapacityInterval> capacity, List<Stretch> logins)
    {
        var stretches = capacity.Select(c => new Stretch(Milliseconds(c.Start.At), EndOf(c.End), c)).ToList();
        foreach (var stretch in Intersection(stretches, logins))
        {
            var interval = (CapacityInterval)stretch.Fact;
            if (interval.UnitsUsed >= interval.UnitsTotal)
                Spread(stretch, Measure.AtCapacity);
            Spread(stretch, Measure.UnitsTime);
            if (interval.UnitsUsed > 0)
                Spread(stretch, Measure.UnitsUsed, interval.UnitsUsed);
        }
    }

    /// <summary>REP-4.</summary>
    private void Check(AgentFacts facts)
    {
        var registered = facts.Registered is { } mark ? Milliseconds(mark.At) : long.MaxValue;
        for (var bucket = 0; bucket < _cells.Length; bucket++)
        {
            var cell = _cells[bucket];
            var length = Math.Max(0, Math.Min(_edges[bucket + 1], _asOf) - Math.Max(_edges[bucket], registered));
            var byBase =
                cell[Measure.Available] + cell[Measure.Busy] + cell[Measure.DoNotDisturb] + cell[Measure.Away] + cell[Measure.Offline];
            cell.Conserved = byBase == length && cell.Statuses.Sum(s => s.Milliseconds) == length;
        }
    }

    /// <summary>The stretches in which a session is active or in wrap-up.</summary>
    private IEnumerable<Stretch> OnContact(Session session)
    {
        if (session.Accepted is not { } accepted)
            yield break;
        var from = Milliseconds(accepted.At);
        foreach (var wait in session.Waits)
        {
            yield return new Stretch(from, Milliseconds(wait.Start.At), session);
            from = wait.End is { } end ? Milliseconds(end.At) : EndOf(session.Ended);
        }
        yield return new Stretch(from, EndOf(session.Ended), session);
    }

    /// <summary>Counts something at its instant; the bucket, or null where that is outside of the window.</summary>
    private int? Note(Mark mark, Measure measure, object fact)
    {
        var at = Milliseconds(mark.At);
        if (at < From || at >= To)
            return null;
        var bucket = BucketOf(at);
        Add(bucket, measure, 1, fact, at, at);
        return bucket;
    }

    /// <summary>A length of time that belongs to the bucket of its end, whole (REP-6).</summary>
    private void Time(Mark ended, Measure measure, Measure count, object fact, DateTimeOffset from, DateTimeOffset to, long less = 0)
    {
        var at = Milliseconds(ended.At);
        if (at < From || at >= To)
            return;
        var bucket = BucketOf(at);
        var (start, end) = (Milliseconds(from), Milliseconds(to));
        Add(bucket, measure, Math.Max(0, end - start - less), fact, start, end);
        Add(bucket, count, 1, fact, at, at);
    }

    private void Spread(List<Stretch> stretches, Measure measure)
    {
        foreach (var stretch in stretches)
            Spread(stretch, measure);
    }

    /// <summary>Splits a stretch exactly at the edges that it crosses (REP-2).</summary>
    private void Spread(Stretch stretch, Measure measure, long factor = 1)
    {
        if (!Clip(ref stretch))
            return;
        for (var (bucket, at) = (BucketOf(stretch.Start), stretch.Start); at < stretch.End; bucket++)
        {
            var end = Math.Min(_edges[bucket + 1], stretch.End);
            Add(bucket, measure, (end - at) * factor, stretch.Fact, at, end);
            at = end;
        }
    }

    private void Add(int bucket, Measure measure, long amount, object fact, long start, long end)
    {
        _cells[bucket].Add(measure, amount);
        _listen?.Invoke(new Contribution(bucket, measure, amount, fact, Instant(start), Instant(end)));
    }

    /// <summary>The part within the window; false where there is none (TIM-3).</summary>
    private bool Clip(ref Stretch stretch)
    {
        stretch = stretch with { Start = Math.Max(stretch.Start, From), End = Math.Min(stretch.End, To) };
        return stretch.Start < stretch.End;
    }

    private int BucketOf(long at)
    {
        var found = Array.BinarySearch(_edges, at);
        return found >= 0 ? found : ~found - 1;
    }

    private long EndOf(Mark? end) => end is { } mark ? Math.Min(Milliseconds(mark.At), _asOf) : _asOf;

    /// <summary>Stretches in the order of their starts, each without what those before it have already: overlaps once.</summary>
    private static List<Stretch> Union<T>(IEnumerable<T> facts, Func<T, Stretch> stretchOf)
    {
        var union = new List<Stretch>();
        var upTo = long.MinValue;
        foreach (var fact in facts)
        {
            var stretch = stretchOf(fact);
            if (stretch.Start < upTo)
                stretch = stretch with { Start = upTo };
            if (stretch.Start >= stretch.End)
                continue;
            union.Add(stretch);
            upTo = stretch.End;
        }
        return union;
    }

    /// <summary>What of the first ones is within the second ones; both in order and without overlaps.</summary>
    private static IEnumerable<Stretch> Intersection(List<Stretch> first, List<Stretch> second)
    {
        var (n, m) = (0, 0);
        while (n < first.Count && m < second.Count)
        {
            var (start, end) = (Math.Max(first[n].Start, second[m].Start), Math.Min(first[n].End, second[m].End));
            if (start < end)
                yield return first[n] with
                {
                    Start = start,
                    End = end,
                };
            if (first[n].End < second[m].End)
                n++;
            else
                m++;
        }
    }

    private static long Milliseconds(DateTimeOffset at) => at.ToUnixTimeMilliseconds();

    private static DateTimeOffset Instant(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    /// <summary>Milliseconds of a fact.</summary>
    private readonly record struct Stretch(long Start, long End, object Fact);
}
