using System.Globalization;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Tests.Reporting;

/// <summary>When too few agents of a queue were routable, and why.</summary>
public class CoverageTests
{
    private static readonly Actor Sue = new(Persona.Supervisor, "sue");

    private static Mark Edge(string time, long version = 0) =>
        new(new DateTimeOffset(Story.Start.Date, TimeSpan.Zero) + TimeSpan.Parse(time, CultureInfo.InvariantCulture), default, version);

    private static Mark? EdgeOrNone(string? time) => time is null ? null : Edge(time);

    private static StatusInterval Status(
        string start,
        string? end,
        BaseStatus @base,
        Origin origin = Origin.Manual,
        string rule = "MAN-1"
    ) => new(@base.ToString(), @base, origin, rule, Sue, true, Edge(start, 7), EdgeOrNone(end));

    private static CapacityInterval Capacity(string start, string? end, int? total, int used, params ProfileUse[] profiles) =>
        new(total, used, [.. profiles], Edge(start, 9), EdgeOrNone(end));

    /// <summary>Available in the queue and signed in from 08:00 on.</summary>
    private static AgentFacts Agent(string id) =>
        new()
        {
            AgentId = id,
            Registered = Edge("08:00"),
            Statuses = [Status("08:00", null, BaseStatus.Available)],
            Logins = [new LoginInterval(Edge("08:00"), null, null)],
            Queues = [new QueueInterval(["q1"], Edge("08:00"), null)],
            Capacity = [Capacity("08:00", null, 100, 0)],
        };

    private static string[] Below(int below, params AgentFacts[] agents)
    {
        return Below(below, [new(DateTimeOffset.MinValue, new HashSet<string> { "voice" })], agents);
    }

    private static string[] Below(int below, IReadOnlyList<BlockingProfiles> blocking, params AgentFacts[] agents)
    {
        var coverage = new Coverage("q1", agents, Edge("09:00").At, Edge("12:00").At, blocking);
        return
        [
            .. coverage
                .Below(below)
                .Select(s =>
                    $"{s.Start:HH:mm}-{s.End:HH:mm} {s.Routable}: "
                    + string.Join(", ", coverage.CausesOf(s).Select(c => $"{c.AgentId} {c.Cause} {c.Since:HH:mm} {c.Rule}".TrimEnd()))
                ),
        ];
    }

    [Fact]
    public void Where_always_somebody_is_routable_there_is_no_shortage() => Assert.Empty(Below(1, Agent("ana")));

    [Fact]
    public void Nobody_in_the_queue_is_a_shortage_of_the_whole_window() => Assert.Equal(["09:00-12:00 0: "], Below(1));

    [Fact]
    public void Who_dropped_out_and_why_comes_first()
    {
        var ana = Agent("zoe") with
        {
            Statuses =
            [
                Status("08:00", "10:00", BaseStatus.Available),
                Status("10:00", "10:30", BaseStatus.Away),
                Status("10:30", null, BaseStatus.Busy),
            ],
        };
        var ben = Agent("ben") with { Statuses = [Status("08:10", null, BaseStatus.Offline, Origin.Connection, "SGN-4")] };
        Assert.Equal(["10:00-10:30 0: zoe Away 10:00 MAN-1, ben Offline 08:10 SGN-4"], Below(1, ana, ben));
        // Longest stretches, with the fewest.
        Assert.Equal(["09:00-12:00 0: ben Offline 08:10 SGN-4, zoe Away 10:00 MAN-1"], Below(2, ana, ben));
    }

    [Fact]
    public void An_agent_without_a_connection_is_offline_and_one_beyond_the_window_does_not_count()
    {
        var ana = Agent("ana") with
        {
            Statuses = [Status("08:00", "11:00", BaseStatus.Available), Status("11:00", null, BaseStatus.DoNotDisturb)],
            Logins = [new LoginInterval(Edge("08:00"), Edge("11:30"), LoginEnd.SignOut)],
        };
        Assert.Equal(["11:00-12:00 0: ana DoNotDisturb 11:00 MAN-1"], Below(1, ana));
        var ben = Agent("ben") with { Logins = [new LoginInterval(Edge("08:00"), Edge("11:30"), LoginEnd.Loss)] };
        Assert.Equal(["11:30-12:00 0: ben Offline 08:00 MAN-1"], Below(1, ben));
    }

    [Fact]
    public void At_capacity_is_by_units_or_by_profiles_or_shown_by_the_status()
    {
        var units = Agent("units") with
        {
            Capacity = [Capacity("08:00", "10:00", 100, 99), Capacity("10:00", "10:05", 100, 100), Capacity("10:05", null, 100, 120)],
        };
        Assert.Equal(["10:00-12:00 0: units AtCapacity 10:00 CAP-4"], Below(1, units));
        var both = Agent("both") with { Capacity = [Capacity("08:00", null, 100, 100, new ProfileUse("voice", 0, 1))] };
        Assert.Empty(Below(1, both));
        var profiles = Agent("profiles") with
        {
            Capacity = [Capacity("08:00", null, null, 0, new ProfileUse("voice", 1, 1), new ProfileUse("chat", 0, 1))],
        };
        Assert.Equal(["09:00-12:00 0: profiles AtCapacity 08:00 CAP-4"], Below(1, profiles));
        var shown = Agent("shown") with { Statuses = [Status("08:30", null, BaseStatus.DoNotDisturb, Origin.Capacity, "CAP-3")] };
        Assert.Equal(["09:00-12:00 0: shown AtCapacity 08:30 CAP-3"], Below(1, shown));
    }

    [Fact]
    public void A_profile_blocks_from_when_it_was_made_blocking_and_not_before()
    {
        var ana = Agent("ana") with
        {
            Capacity = [Capacity("08:00", null, null, 0, new ProfileUse("voice", 1, 1), new ProfileUse("chat", 0, 1))],
        };
        BlockingProfiles[] blocking =
        [
            new(DateTimeOffset.MinValue, new HashSet<string>()),
            new(Edge("10:00").At, new HashSet<string> { "voice" }),
            new(Edge("11:00").At, new HashSet<string> { "chat" }),
        ];
        Assert.Equal(["10:00-11:00 0: ana AtCapacity 08:00 CAP-4"], Below(1, blocking, ana));
    }

    [Fact]
    public void Who_leaves_the_queue_or_is_not_registered_yet_is_named_and_who_comes_later_is_not()
    {
        var leaver = Agent("leaver") with
        {
            Queues = [new QueueInterval(["q1", "q2"], Edge("08:00"), Edge("10:00")), new QueueInterval(["q2"], Edge("10:00"), null)],
        };
        var fresh = Agent("new") with
        {
            Registered = Edge("11:00"),
            Statuses = [Status("11:00", null, BaseStatus.Available)],
            Logins = [new LoginInterval(Edge("11:00"), null, null)],
            Queues = [new QueueInterval(["q1"], Edge("11:00"), null)],
            Capacity = [Capacity("11:00", null, null, 0)],
        };
        var later = Agent("later") with
        {
            Queues = [new QueueInterval([], Edge("08:00"), Edge("11:00")), new QueueInterval(["q1"], Edge("11:00"), null)],
        };
        var elsewhere = Agent("elsewhere") with { Queues = [new QueueInterval(["q2"], Edge("08:00"), null)] };
        Assert.Equal(["10:00-11:00 0: leaver LeftQueue 10:00, new NotRegistered"], Below(1, leaver, fresh, later, elsewhere));
    }
}
