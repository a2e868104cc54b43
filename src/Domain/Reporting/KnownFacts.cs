namespace PresenceLedger.Domain.Reporting;

/// <summary>The facts as the ledger had them at an earlier instant: what was recorded later is as if it had not happened yet.</summary>
public static class KnownFacts
{
    /// <summary>Only what was recorded by an instant; the same at any later time, whatever is recorded or corrected since.</summary>
    public static AgentFacts AsKnownAt(this AgentFacts facts, DateTimeOffset at)
    {
        return facts with
        {
            Registered = Known(facts.Registered),
            Statuses = [.. facts.Statuses.Where(s => IsKnown(s.Start)).Select(s => s with { End = Known(s.End) })],
            Logins =
            [
                .. facts
                    .Logins.Where(l => IsKnown(l.Start))
                    .Select(l => Known(l.End) is { } end ? l with { End = end } : l with { End = null, Ended = null }),
            ],
            Sessions = [.. facts.Sessions.Where(s => IsKnown(s.Assigned)).Select(KnownOf)],
            Participations = [.. facts.Participations.Where(p => IsKnown(p.Joined)).Select(p => p with { Left = Known(p.Left) })],
            Capacity = [.. facts.Capacity.Where(c => IsKnown(c.Start)).Select(c => c with { End = Known(c.End) })],
            Queues = [.. facts.Queues.Where(q => IsKnown(q.Start)).Select(q => q with { End = Known(q.End) })],
            Corrections = [.. facts.Corrections.Where(c => IsKnown(c.Recorded))],
        };

        bool IsKnown(Mark mark) => mark.KnownAt <= at;

        Mark? Known(Mark? mark) => mark is { } known && IsKnown(known) ? known : null;

        Session KnownOf(Session session)
        {
            var ended = Known(session.Ended);
            var accepted = Known(session.Accepted);
            return session with
            {
                Accepted = accepted,
                WrapUp = Known(session.WrapUp),
                BlockEnded = Known(session.BlockEnded),
                Ended = ended,
                Outcome =
                    ended is not null ? session.Outcome
                    : accepted is not null ? SessionOutcome.Accepted
                    : null,
                EndedBy = ended is null ? null : session.EndedBy,
                Waits = [.. session.Waits.Where(w => IsKnown(w.Start)).Select(w => w with { End = Known(w.End) })],
            };
        }
    }
}
