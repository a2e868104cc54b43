using System.Globalization;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Tests.Reporting;

/// <summary>Given facts, then cells: by hand.</summary>
public sealed class ArithmeticTests
{
    [Fact]
    public void A_stretch_is_split_exactly_at_the_edges_it_crosses()
    {
        var facts = Registered("00:00") with
        {
            Statuses =
            [
                Status("available", BaseStatus.Available, "00:00", "05:23"),
                Status("away", BaseStatus.Away, "05:23", "06:15"),
                Status("available", BaseStatus.Available, "06:15", null),
            ],
        };
        var cells = Of(facts, "07:00", "05:00", "05:30", "06:00", "06:30");
        Assert.Equal([7 * 60_000, 30 * 60_000, 15 * 60_000], cells.Select(c => c[Measure.Away]));
        Assert.Equal([(23, 1), (0, 0), (15, 1)], cells.Select(c => Minutes(c, "available")));
        Assert.All(cells, c => Assert.True(c.Conserved));
    }

    [Fact]
    public void What_stands_ends_at_asOf_and_a_status_without_a_change_is_in_every_bucket()
    {
        var facts = Registered("00:00") with { Statuses = [Status("offline", BaseStatus.Offline, "00:00", null)] };
        var cells = Of(facts, "02:30", "01:00", "02:00", "03:00", "04:00");
        Assert.Equal([60, 30, 0], cells.Select(c => Minutes(c, "offline").Minutes));
        Assert.All(cells, c => Assert.True(c.Conserved));
    }

    [Fact]
    public void Before_registration_there_is_nothing_and_a_hole_is_not_conserved()
    {
        var facts = Registered("01:20") with { Statuses = [Status("offline", BaseStatus.Offline, "01:20", "02:10")] };
        var cells = Of(facts, "04:00", "00:00", "01:00", "02:00", "03:00");
        Assert.Equal([0, 40, 10], cells.Select(c => c[Measure.Offline] / 60_000));
        Assert.Equal([true, true, false], cells.Select(c => c.Conserved));
    }

    [Fact]
    public void Logins_and_sessions_that_overlap_count_once()
    {
        var facts = Registered("00:00") with
        {
            Statuses = [Status("available", BaseStatus.Available, "00:00", null)],
            Logins = [new(At("01:00"), At("02:00"), LoginEnd.SignOut), new(At("01:30"), At("03:00"), LoginEnd.SignOut)],
            Sessions =
            [
                Session("a", "01:00") with
                {
                    Accepted = At("01:10"),
                    Ended = At("01:40"),
                    Outcome = SessionOutcome.Accepted,
                },
                Session("b", "01:00") with
                {
                    Accepted = At("01:20"),
                    Ended = At("01:50"),
                    Outcome = SessionOutcome.Accepted,
                },
            ],
        };
        var cell = Of(facts, "04:00", "00:00", "04:00")[0];
        Assert.Equal(120 * 60_000, cell[Measure.Login]);
        Assert.Equal(40 * 60_000, cell[Measure.OnContact]);
        Assert.Equal(200 * 60_000, cell[Measure.Idle]);
        Assert.Equal(40.0 / 240, Metrics.Named("occupancy")!.In(cell)!.Value, 12);
    }

    [Fact]
    public void A_count_is_in_the_bucket_of_its_instant_and_an_average_where_its_sessions_ended()
    {
        var facts = Registered("00:00") with
        {
            Sessions =
            [
                Session("a", "00:50") with
                {
                    Accepted = At("01:00"),
                    Waits = [new Waiting(At("01:10"), At("01:20"))],
                    WrapUp = At("02:00"),
                    Ended = At("02:30"),
                    Outcome = SessionOutcome.Accepted,
                    EndedBy = SessionEnd.Transferred,
                },
                Session("b", "02:00") with
                {
                    Ended = At("02:01"),
                    Outcome = SessionOutcome.Rejected,
                },
                Session("c", "02:10") with
                {
                    Ended = At("03:00"),
                    Outcome = SessionOutcome.Missed,
                },
            ],
        };
        var cells = Of(facts, "04:00", "00:00", "01:00", "02:00", "03:00");
        Assert.Equal([1, 0, 2], cells.Select(c => c[Measure.Presented]));
        Assert.Equal([0, 1, 0], cells.Select(c => c[Measure.Engaged]));
        Assert.Equal([0, 0, 1], cells.Select(c => c[Measure.Transferred]));
        // At the end of the window: not in it.
        Assert.Equal([0, 0, 0], cells.Select(c => c[Measure.Missed]));
        Assert.Equal([null, null, 80 * 60.0], cells.Select(c => Metrics.Named("averageHandleSeconds")!.In(c)));
        Assert.Equal([null, null, 90 * 60.0], cells.Select(c => Metrics.Named("averageSessionSeconds")!.In(c)));
        Assert.Equal([null, null, 30 * 60.0], cells.Select(c => Metrics.Named("averageWrapUpSeconds")!.In(c)));
        Assert.Equal([null, 0, 1], cells.Select(c => Metrics.Named("rejectionRate")!.In(c)));
    }

    [Fact]
    public void Outbound_attempts_and_undelivered_offers_are_counted_apart_from_what_was_presented()
    {
        var facts = Registered("00:00") with
        {
            Sessions =
            [
                Session("out", "01:00") with
                {
                    Outbound = true,
                    Accepted = At("01:00"),
                    Ended = At("01:30"),
                    Outcome = SessionOutcome.Accepted,
                    EndedBy = SessionEnd.Transferred,
                },
                Session("lost", "01:00") with
                {
                    Ended = At("01:01"),
                    Outcome = SessionOutcome.Undelivered,
                },
                Session("in", "01:00") with
                {
                    Accepted = At("01:02"),
                    Ended = At("01:30"),
                    Outcome = SessionOutcome.Accepted,
                },
                Session("no", "01:00") with
                {
                    Ended = At("01:05"),
                    Outcome = SessionOutcome.Missed,
                },
                Session("rings", "01:00"),
            ],
        };
        var cell = Of(facts, "04:00", "00:00", "04:00")[0];
        double? Value(string metric) => Metrics.Named(metric)!.In(cell);
        Assert.Equal((3.0, 2.0), (Value("presentedSessions"), Value("engagedSessions")));
        Assert.Equal((1.0, 1.0), (Value("outboundSessions"), Value("undeliveredSessions")));
        Assert.Equal((1.0, 0.5), (Value("missedSessions"), Value("missedRate")));
        Assert.Equal((0.0, 0.0), (Value("rejectedSessions"), Value("rejectionRate")));
        Assert.Equal(0.5, Value("transferRate"));
        // Nobody had to accept the attempt, but the agent was at it.
        Assert.Equal(120, Value("averageTimeToAcceptSeconds"));
        Assert.Equal((30 + 28) * 60 / 2, Value("averageHandleSeconds"));
    }

    [Fact]
    public void As_long_as_nobody_knew_that_it_could_not_be_delivered_it_was_presented()
    {
        var facts = Registered("00:00") with
        {
            Sessions = [Session("lost", "01:00") with { Ended = At("01:01"), Outcome = SessionOutcome.Undelivered }],
        };
        (long, long) AsKnownAt(string at) =>
            Of(facts.AsKnownAt(At(at).At), at, "00:00", "04:00")[0] is var cell
                ? (cell[Measure.Presented], cell[Measure.Undelivered])
                : default;
        Assert.Equal((1, 0), AsKnownAt("01:00:30"));
        Assert.Equal((0, 1), AsKnownAt("01:02"));
    }

    [Theory]
    [InlineData("00:58", 300.0)]
    [InlineData("01:03", 0.0)]
    [InlineData("01:03:05", 0.0)]
    [InlineData("01:03:05.001", null)]
    [InlineData("01:08", null)]
    [InlineData(null, null)]
    public void A_wait_that_would_begin_after_the_acceptance_is_none(string? createdAt, double? wait)
    {
        var facts = Registered("00:00") with
        {
            Sessions =
            [
                Session("c", "01:00") with
                {
                    CreatedAt = createdAt is null ? null : At(createdAt).At,
                    Accepted = At("01:03"),
                    Ended = At("01:30"),
                    Outcome = SessionOutcome.Accepted,
                },
            ],
        };
        var cell = Of(facts, "04:00", "00:00", "04:00")[0];
        Assert.Equal(wait, Metrics.Named("averageWaitSeconds")!.In(cell));
        Assert.Equal(wait is null ? 0 : 1, cell[Measure.Waits]);
    }

    [Fact]
    public void Capacity_counts_while_signed_in_weighted_by_time()
    {
        var facts = Registered("00:00") with
        {
            Logins = [new(At("01:00"), At("02:00"), LoginEnd.SignOut)],
            Capacity =
            [
                new(100, 0, [], At("00:00"), At("01:30")),
                new(100, 100, [], At("01:30"), At("01:45")),
                new(100, 40, [], At("01:45"), null),
            ],
        };
        var cell = Of(facts, "04:00", "00:00", "04:00")[0];
        Assert.Equal(15 * 60_000, cell[Measure.AtCapacity]);
        Assert.Equal(35, Metrics.Named("averageUnitsUsed")!.In(cell));
    }

    [Fact]
    public void A_later_correction_stands_over_an_earlier_one_and_over_what_was_recorded()
    {
        var facts = Registered("00:00") with
        {
            Statuses = [Status("available", BaseStatus.Available, "00:00", null)],
            Logins = [new(At("00:00"), null, null)],
            Corrections =
            [
                Correction("01:00", "03:00", "offline", BaseStatus.Offline, version: 10),
                Correction("02:00", "02:30", "away", BaseStatus.Away, version: 11),
            ],
        };
        var corrected = facts.Corrected(At("04:00").At);
        Assert.Equal(
            ["available 00:00-01:00", "offline 01:00-02:00", "away 02:00-02:30", "offline 02:30-03:00", "available 03:00-"],
            corrected.Statuses.Select(s => $"{s.StatusId} {Clock(s.Start)}-{Clock(s.End)}")
        );
        Assert.Equal(["00:00-01:00", "02:00-02:30", "03:00-"], corrected.Logins.Select(l => $"{Clock(l.Start)}-{Clock(l.End)}"));
        Assert.True(Of(corrected, "04:00", "00:30", "05:00")[0].Conserved);
    }

    [Fact]
    public void A_correction_to_the_status_that_stood_leaves_everything_as_it_was()
    {
        var facts = Registered("00:00") with
        {
            Statuses = [Status("available", BaseStatus.Available, "00:00", "02:00"), Status("offline", BaseStatus.Offline, "02:00", null)],
            Logins = [new(At("00:00"), At("03:00"), LoginEnd.SignOut)],
        };
        var corrected = facts with
        {
            Corrections =
            [
                Correction("00:30", "01:30", "available", BaseStatus.Available, version: 10),
                // Signed in, and shown as offline: that is as it was, too.
                Correction("02:00", "04:00", "offline", BaseStatus.Offline, version: 11),
            ],
        };
        Assert.Equal(facts.Statuses, corrected.Corrected(At("05:00").At).Statuses);
        Assert.Equal(facts.Logins, corrected.Corrected(At("05:00").At).Logins);
    }

    [Fact]
    public void What_corrections_make_continuous_is_one_episode()
    {
        var facts = Registered("00:00") with
        {
            Statuses =
            [
                Status("available", BaseStatus.Available, "00:00", "01:00"),
                Status("away", BaseStatus.Away, "01:00", "03:00"),
                Status("available", BaseStatus.Available, "03:00", null),
            ],
            Logins = [new(At("00:00"), At("01:00"), LoginEnd.SignOut), new(At("03:00"), null, null)],
            Corrections =
            [
                Correction("01:00", "02:00", "available", BaseStatus.Available, version: 10),
                Correction("02:00", "03:00", "available", BaseStatus.Available, version: 11),
            ],
        };
        var corrected = facts.Corrected(At("04:00").At);
        Assert.Equal("available 00:00-", Assert.Single(corrected.Statuses.Select(s => $"{s.StatusId} {Clock(s.Start)}-{Clock(s.End)}")));
        Assert.Equal("00:00-", Assert.Single(corrected.Logins.Select(l => $"{Clock(l.Start)}-{Clock(l.End)}")));
        var status = Assert.Single(Of(corrected, "04:00", "00:00", "04:00")[0].Statuses);
        Assert.Equal((1, 4 * 3_600_000L, 4 * 3_600_000L), (status.Episodes, status.Shortest, status.Longest));

        // A later one splits it again, and what stood is what it was.
        var again = facts with
        {
            Corrections = [.. facts.Corrections, Correction("01:00", "03:00", "away", BaseStatus.Away, version: 12)],
        };
        Assert.Equal(facts.Statuses, again.Corrected(At("04:00").At).Statuses);
        Assert.Equal(facts.Logins, again.Corrected(At("04:00").At).Logins);
    }

    [Fact]
    public void What_was_recorded_later_has_not_happened_yet()
    {
        // A loss at 02:00 that was found out at 02:40, and a correction of 03:00.
        var loss = At("02:00") with
        {
            KnownAt = At("02:40").At,
        };
        var facts = Registered("00:00") with
        {
            Statuses =
            [
                Status("available", BaseStatus.Available, "00:00", null) with
                {
                    End = loss,
                },
                Status("offline", BaseStatus.Offline, "02:00", null) with
                {
                    Start = loss,
                },
            ],
            Logins = [new(At("01:00"), loss, LoginEnd.Loss)],
            Corrections = [Correction("01:00", "01:30", "away", BaseStatus.Away, version: 9) with { Recorded = At("03:00") }],
        };
        long[] Login(string at) =>
            [
                .. Arithmetic
                    .Of(
                        facts.AsKnownAt(At(at).At).Corrected(At(at).At),
                        [At("01:00").At, At("02:00").At, At("04:00").At],
                        At(at).At,
                        SessionFilter.All
                    )
                    .Select(c => c[Measure.Available] / 60_000),
            ];
        Assert.Equal([60, 30], Login("02:30"));
        Assert.Equal([60, 0], Login("02:50"));
        Assert.Equal([30, 0], Login("03:00"));
    }

    [Fact]
    public void Filters_narrow_what_follows_them_alone()
    {
        var facts = Registered("00:00") with
        {
            Statuses = [Status("available", BaseStatus.Available, "00:00", null)],
            Logins = [new(At("00:00"), null, null)],
            Sessions =
            [
                Session("a", "01:00") with
                {
                    Queue = "q1",
                    Accepted = At("01:00"),
                    Ended = At("01:30"),
                    Outcome = SessionOutcome.Accepted,
                },
                Session("b", "01:00") with
                {
                    Queue = "q2",
                    Accepted = At("01:00"),
                    Ended = At("01:45"),
                    Outcome = SessionOutcome.Accepted,
                },
                Session("c", "01:00"),
            ],
        };
        var filter = new SessionFilter(new HashSet<string>(StringComparer.Ordinal) { "q1" });
        var all = Of(facts, "04:00", "00:00", "04:00")[0];
        var some = Arithmetic.Of(facts, [At("00:00").At, At("04:00").At], At("04:00").At, filter)[0];
        Assert.Equal((3, 1), (all[Measure.Presented], some[Measure.Presented]));
        foreach (var metric in Metrics.All.Where(m => !m.Follows))
            Assert.Equal(metric.In(all), metric.In(some));
    }

    internal static AgentFacts Registered(string at) => new() { AgentId = "ana", Registered = At(at) };

    internal static Mark At(string clock)
    {
        var at = DateTimeOffset.Parse("2026-01-05T" + clock + "Z", CultureInfo.InvariantCulture);
        return new Mark(at, at, 0);
    }

    private static IReadOnlyList<Cell> Of(AgentFacts facts, string asOf, params string[] edges) =>
        Arithmetic.Of(facts, [.. edges.Select(e => At(e).At)], At(asOf).At, SessionFilter.All);

    private static StatusInterval Status(string id, BaseStatus @base, string start, string? end) =>
        new(id, @base, Origin.Manual, null, null, true, At(start), end is null ? null : At(end));

    private static Session Session(string conversationId, string assigned) =>
        new() { ConversationId = conversationId, Assigned = At(assigned) };

    private static Correction Correction(string from, string to, string statusId, BaseStatus @base, long version) =>
        new(At(from).At, At(to).At, statusId, @base, null, At("04:00") with { Version = version });

    private static (long Minutes, int Episodes) Minutes(Cell cell, string statusId) =>
        cell.Statuses.SingleOrDefault(s => s.StatusId == statusId) is { } status ? (status.Milliseconds / 60_000, status.Episodes) : (0, 0);

    private static string Clock(Mark? mark) => mark is { } at ? at.At.ToString("HH:mm", CultureInfo.InvariantCulture) : "";
}
