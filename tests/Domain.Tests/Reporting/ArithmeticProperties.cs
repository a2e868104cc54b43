using CsCheck;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Tests.Reporting;

/// <summary>What holds for any facts and any edges.</summary>
public sealed class ArithmeticProperties
{
    private static readonly DateTimeOffset Epoch = new(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Small numbers, so that edges, starts and ends meet.</summary>
    private static readonly Gen<int> Instant = Gen.Int[0, 60];

    /// <summary>An agent's history of one minute, the facts in it found out at once or late, and how it is looked at.</summary>
    private static readonly Gen<Sample> Samples = Gen.Select(
        Gen.Select(Gen.Int[0, 8], Gen.Int[0, 4], Gen.Int[0, 6]).Array[1, 10],
        Gen.Select(Gen.Int[1, 9], Gen.Int[0, 9], Gen.Bool).Array[0, 5],
        Gen.Select(Instant, Gen.Int[0, 9], Gen.Int[0, 9], Gen.Int[0, 7]).Array[0, 6],
        Gen.Select(Instant, Instant, Gen.Int[0, 4]).Array[0, 3],
        Instant.Array[2, 8],
        Gen.Select(Instant, Gen.Int[0, 2]),
        (statuses, logins, sessions, corrections, edges, look) => Make(statuses, logins, sessions, corrections, edges, look)
    );

    [Fact]
    public void Statuses_fill_every_bucket() => Samples.Sample(sample => sample.Cells().All(cell => cell.Conserved));

    [Fact]
    public void Sums_over_buckets_are_the_total() =>
        Samples.Sample(sample =>
        {
            var cells = sample.Cells();
            var total = Arithmetic.Of(sample.Facts, [sample.Edges[0], sample.Edges[^1]], sample.AsOf, SessionFilter.All)[0];
            // Distinct conversations are so within a bucket.
            return Enum.GetValues<Measure>().Where(m => m is not Measure.EngagedConversations).All(m => cells.Sum(c => c[m]) == total[m]);
        });

    [Fact]
    public void What_is_heard_adds_up_to_the_cells() =>
        Samples.Sample(sample =>
        {
            var heard = new List<Contribution>();
            var cells = Arithmetic.Of(sample.Facts, sample.Edges, sample.AsOf, SessionFilter.All, heard.Add);
            return Enumerable
                .Range(0, cells.Count)
                .All(n =>
                    Enum.GetValues<Measure>().All(m => heard.Where(h => h.Bucket == n && h.Measure == m).Sum(h => h.Amount) == cells[n][m])
                );
        });

    [Fact]
    public void A_bucket_is_the_same_alone_and_among_others() =>
        Samples.Sample(sample =>
            sample
                .Cells()
                .All(cell =>
                {
                    var alone = Arithmetic.Of(sample.Facts, [cell.Start, cell.End], sample.AsOf, SessionFilter.All)[0];
                    return Enum.GetValues<Measure>().All(m => alone[m] == cell[m]);
                })
        );

    [Fact]
    public void A_correction_to_what_stood_changes_no_number() =>
        Gen.Select(Samples, Instant, Instant)
            .Sample(
                (sample, one, other) =>
                {
                    // What stands by now, for as long as it stood: within one stretch, or over several of one status.
                    var from = At(Math.Min(one, other));
                    var stood = sample.Facts.Statuses.FirstOrDefault(s => s.Start.At <= from && (s.End?.At ?? sample.AsOf) > from);
                    if (stood is null || sample.AsOf <= from)
                        return true;
                    var to = At(Math.Max(one, other));
                    foreach (var next in sample.Facts.Statuses.Where(s => s.Start.At >= from && s.Start.At < to && s.End?.At != s.Start.At))
                        if (next.StatusId != stood.StatusId)
                        {
                            to = next.Start.At;
                            break;
                        }
                    if (from >= to)
                        return true;
                    var correction = new Correction(from, to, stood.StatusId, stood.Base, null, Known(0, 999));
                    var again = (sample.Raw with { Corrections = [.. sample.Raw.Corrections, correction] }).Corrected(sample.AsOf);
                    return Numbers(sample.Cells()).SequenceEqual(Numbers((sample with { Facts = again }).Cells()));
                },
                iter: 20_000
            );

    private static IEnumerable<long> Numbers(IEnumerable<Cell> cells) =>
        cells.SelectMany(cell =>
            Enum.GetValues<Measure>()
                .Select(m => cell[m])
                .Concat(
                    cell.Statuses.OrderBy(s => s.StatusId, StringComparer.Ordinal)
                        .SelectMany(s => new[] { s.StatusId[1], s.Milliseconds, s.Episodes, s.Shortest, s.Longest })
                )
        );

    private static Sample Make(
        (int Gap, int Status, int Late)[] statuses,
        (int Length, int Gap, bool Open)[] logins,
        (int Assigned, int Ring, int Talk, int How)[] sessions,
        (int From, int To, int Status)[] corrections,
        int[] edges,
        (int At, int View) look
    )
    {
        var marks = new List<Mark>();
        var (at, known) = (0, 0);
        foreach (var (gap, _, late) in statuses)
        {
            at += gap;
            known = Math.Max(known, at + late);
            marks.Add(new Mark(At(at), At(known), marks.Count));
        }
        var facts = new AgentFacts
        {
            AgentId = "ana",
            Registered = marks[0] with { KnownAt = marks[0].At },
            Statuses =
            [
                .. statuses.Select(
                    (s, n) =>
                        Status(s.Status, n == 0 ? marks[0] with { KnownAt = marks[0].At } : marks[n]) with
                        {
                            End = n + 1 < marks.Count ? marks[n + 1] : null,
                        }
                ),
            ],
            Logins = Logins(logins),
            Sessions = [.. sessions.Select((s, n) => Session(s, "c" + (n % 3))).OrderBy(s => s.Assigned.At)],
            Capacity =
            [
                .. marks.Select(
                    (m, n) => new CapacityInterval(n % 2 == 0 ? 2 : null, n % 4, [], m, n + 1 < marks.Count ? marks[n + 1] : null)
                ),
            ],
            Corrections =
            [
                .. corrections
                    .Where(c => c.From < c.To)
                    .Select(
                        (c, n) => new Correction(At(c.From), At(c.To), "s" + c.Status, (BaseStatus)c.Status, null, Known(c.To, 100 + n))
                    ),
            ],
        };
        // Everything is found out by then.
        var asOf = At(200);
        if (look.View > 0)
            asOf = At(look.At);
        if (look.View == 1)
            facts = facts.AsKnownAt(asOf);
        var raw = facts;
        if (look.View > 0)
            facts = facts.Corrected(asOf);
        else
            raw = raw with { Corrections = [] };
        var ascending = edges.Distinct().Order().Select(At).ToArray();
        return new Sample(raw, facts, ascending.Length > 1 ? ascending : [ascending[0], ascending[0].AddMilliseconds(1)], asOf);
    }

    private static IReadOnlyList<LoginInterval> Logins((int Length, int Gap, bool Open)[] logins)
    {
        var all = new List<LoginInterval>();
        var at = 0;
        foreach (var (length, gap, _) in logins)
        {
            all.Add(new LoginInterval(Known(at += gap), Known(at += length), LoginEnd.SignOut));
        }
        if (logins is [.., { Open: true }])
            all[^1] = all[^1] with { End = null, Ended = null };
        return all;
    }

    private static Session Session((int Assigned, int Ring, int Talk, int How) s, string conversationId)
    {
        var session = new Session
        {
            ConversationId = conversationId,
            Assigned = Known(s.Assigned),
            CreatedAt = At(s.Assigned).AddMilliseconds(-1),
        };
        var (picked, ended) = (Known(s.Assigned + s.Ring), Known(s.Assigned + s.Ring + s.Talk));
        var accepted = session with { Accepted = picked, Outcome = SessionOutcome.Accepted };
        return s.How switch
        {
            0 => session,
            1 => session with { Ended = picked, Outcome = SessionOutcome.Rejected },
            2 => session with { Ended = picked, Outcome = SessionOutcome.Missed },
            3 => accepted,
            6 => session with { Ended = picked, Outcome = SessionOutcome.Undelivered },
            7 => accepted with { Outbound = true, Accepted = session.Assigned, Ended = picked, EndedBy = SessionEnd.Closed },
            4 => accepted with { WrapUp = picked, Ended = ended, EndedBy = SessionEnd.Transferred },
            _ => accepted with
            {
                Waits = [new Waiting(picked, Known(s.Assigned + s.Ring + s.Talk / 2))],
                Ended = ended,
                EndedBy = SessionEnd.Closed,
            },
        };
    }

    private static StatusInterval Status(int status, Mark start) =>
        new("s" + status, (BaseStatus)status, Origin.Manual, null, null, true, start, null);

    private static Mark Known(int milliseconds, long version = 0) => new(At(milliseconds), At(milliseconds), version);

    private static DateTimeOffset At(int milliseconds) => Epoch.AddMilliseconds(milliseconds);

    private sealed record Sample(AgentFacts Raw, AgentFacts Facts, IReadOnlyList<DateTimeOffset> Edges, DateTimeOffset AsOf)
    {
        public IReadOnlyList<Cell> Cells() => Arithmetic.Of(Facts, Edges, AsOf, SessionFilter.All);
    }
}
