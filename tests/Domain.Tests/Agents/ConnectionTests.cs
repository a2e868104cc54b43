using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Calendars;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class ConnectionTests
{
    private static Story SignedIn(params string[] connections)
    {
        var story = new Story().Ana(100);
        foreach (var connection in connections is [] ? ["main"] : connections)
            story.Given(SignIn(connection));
        return story;
    }

    [Fact, Trait("Rule", Rules.Con1), Trait("Rule", Rules.Con3)]
    public void CON_3_Is_lost_exactly_at_the_deadline_and_not_a_millisecond_before()
    {
        var story = SignedIn().Given(Set("away")).At("00:01:00").NetworkLost();
        story.At("00:02:14.999").When(Settle()).ThenNothing();
        story.At("00:02:15").When(Settle());
        story.Then("00:02:15 ConnectionLost main Heartbeat CON-3", "00:02:15 away -> offline, Connection, CON-3").WithDue(2);
    }

    [Fact, Trait("Rule", Rules.Con3)]
    public void CON_3_Is_effective_at_the_deadline_and_keeps_all_three_instants()
    {
        var story = SignedIn().At("00:01:00").NetworkLost().At("00:30:00").When(Settle());
        story.Stands("offline", Origin.Connection, "CON-3", since: "00:02:15");
        var lost = story.Last<ConnectionLost>();
        Assert.Equal(
            ("00:01:00", "00:02:15", "00:30:00", true),
            (Story.Time(lost.LastSeenAt), Story.Time(lost.Deadline), Story.Time(lost.DetectedAt), lost.Last)
        );
    }

    [Fact, Trait("Rule", Rules.Con3)]
    public void CON_3_A_command_that_comes_after_the_deadline_finds_the_agent_gone() =>
        SignedIn().At("00:01:00").NetworkLost().At("00:02:15").When(Set("away")).ThenRefused("agent-not-signed-in");

    [Fact, Trait("Rule", Rules.Con7)]
    public void CON_7_Heartbeats_keep_a_connection_alive_and_are_no_events()
    {
        var story = SignedIn();
        for (var minute = 1; minute < 60; minute++)
            story.At($"00:{minute:00}:00").When(Settle()).ThenNothing();
        story.And(ana => Assert.Equal(2, ana.Version));
    }

    [Fact, Trait("Rule", Rules.Con2)]
    public void CON_2_Losing_one_of_several_is_recorded_and_changes_nothing_about_presence() =>
        SignedIn("edge", "firefox")
            .At("00:01:00")
            .NetworkLost("edge")
            .At("00:05:00")
            .When(Settle())
            .Then("00:02:15 ConnectionLost edge Heartbeat CON-2")
            .Stands("available", Origin.Default);

    [Fact, Trait("Rule", Rules.Con2), Trait("Rule", Rules.Con3)]
    public void CON_3_Of_two_lost_at_one_instant_the_second_is_the_last() =>
        SignedIn("edge", "firefox")
            .At("00:01:00")
            .NetworkLost("edge")
            .NetworkLost("firefox")
            .At("00:05:00")
            .When(Settle())
            .Then(
                "00:02:15 ConnectionLost edge Heartbeat CON-2",
                "00:02:15 ConnectionLost firefox Heartbeat CON-3",
                "00:02:15 available -> offline, Connection, CON-3"
            );

    [Theory, Trait("Rule", Rules.Con4), Trait("Rule", Rules.Con5)]
    [InlineData("00:02:15", "00:02:15 AgentSignedIn main returned", "00:02:15 offline -> away, Manual, CON-4")]
    [InlineData("00:04:45", "00:04:45 AgentSignedIn main returned", "00:04:45 offline -> away, Manual, CON-4")]
    [InlineData("00:04:45.001", "00:04:45.001 AgentSignedIn main", "00:04:45.001 offline -> available, Default, SGN-1")]
    public void CON_4_Exactly_at_the_end_of_the_window_is_within_and_a_millisecond_later_is_not(
        string at,
        string signedIn,
        string change
    ) =>
        SignedIn()
            .Given(Set("away"))
            .At("00:01:00")
            .NetworkLost()
            .At(at)
            .When(SignIn())
            .Then("00:02:15 ConnectionLost main Heartbeat CON-3", "00:02:15 away -> offline, Connection, CON-3", signedIn, change)
            .WithDue(2);

    [Fact, Trait("Rule", Rules.Con4)]
    public void CON_4_A_status_that_was_not_sticky_is_restored_with_its_origin_where_nothing_moved() =>
        SignedIn().Given(Set("busy"), SignOut()).At("00:01:00").Given(SignIn()).Stands("busy", Origin.Manual, "CON-4");

    [Fact, Trait("Rule", Rules.Con4)]
    public void CON_4_A_status_of_a_notification_is_restored_though_something_moved() =>
        SignedIn()
            .Given(Assign("c1"), Miss("c1"), SignOut(), Start("c2", 100))
            .At("00:01:00")
            .Given(SignIn())
            .Stands("inactive", Origin.Notification, "CON-4");

    public static TheoryData<AgentCommand, string, string> Moves =>
        new()
        {
            { Assign("c2", 10), "busy", "CAP-2" },
            { Close("c1"), "available", "CAP-1" },
            { Wait("c1"), "available", "CAP-1" },
            { Configure(s => s with { Units = 40 }), "do-not-disturb", "CAP-3" },
        };

    [Theory, Trait("Rule", Rules.Con4)]
    [MemberData(nameof(Moves))]
    public void CON_4_Where_something_moved_meanwhile_capacity_decides_instead(AgentCommand move, string status, string rule) =>
        SignedIn()
            .Given(Start("c1", 40), Set("available"), SignOut())
            .At("00:01:00")
            .Given(move, SignIn())
            .Stands(status, Origin.Capacity, rule);

    [Fact, Trait("Rule", Rules.Con4)]
    public void CON_4_Settings_that_capacity_does_not_look_at_move_nothing() =>
        SignedIn()
            .Given(Start("c1", 40), Set("available"), SignOut(), Configure(s => s with { Queues = ["q"] }))
            .At("00:01:00")
            .Given(Activity("c1"), SignIn())
            .Stands("available", Origin.Manual, "CON-4");

    [Fact, Trait("Rule", Rules.Con4), Trait("Rule", Rules.Wrp3)]
    public void CON_4_The_end_of_a_wrap_up_block_while_away_counts_as_moved() =>
        SignedIn()
            .Given(Start("c1", 100, BlockFor(30)), EndOf("c1"), SignOut())
            .At("00:01:00")
            .When(SignIn())
            .Then(
                "00:00:30 WrapUpBlockEnded c1 WRP-3",
                "00:01:00 AgentSignedIn main returned",
                "00:01:00 offline -> available, Capacity, CAP-1"
            );

    [Fact, Trait("Rule", Rules.Con1), Trait("Rule", Rules.Wrp3)]
    public void CON_1_A_block_that_ends_at_the_instant_of_the_loss_ends_first() =>
        SignedIn()
            .Given(Start("c1", 100, BlockFor(75)), EndOf("c1"))
            .NetworkLost()
            .At("00:02:00")
            .When(Settle())
            .Then(
                "00:01:15 WrapUpBlockEnded c1 WRP-3",
                "00:01:15 do-not-disturb -> available, Capacity, CAP-1",
                "00:01:15 ConnectionLost main Heartbeat CON-3",
                "00:01:15 available -> offline, Connection, CON-3"
            )
            .And(ana => Assert.False(ana.Captured!.CapacityMoved));

    [Fact, Trait("Rule", Rules.Con6)]
    public void CON_6_A_refresh_over_a_new_connection_changes_nothing() =>
        SignedIn("tab-1")
            .Given(Set("do-not-disturb"))
            .At("00:01:00")
            .Given(CloseConnection("tab-1"))
            .At("00:01:09.999")
            .When(SignIn("tab-2"))
            .Then("00:01:09.999 ConnectionOpened tab-2 SGN-3")
            .At("00:02:00")
            .When(Settle())
            .Then("00:01:10 ConnectionLost tab-1 Closed CON-2")
            .Stands("do-not-disturb", Origin.Manual, since: "00:00:00");

    [Fact, Trait("Rule", Rules.Con6)]
    public void CON_6_A_refresh_over_the_same_connection_changes_nothing() =>
        SignedIn()
            .At("00:01:00")
            .Given(CloseConnection())
            .At("00:01:05")
            .When(SignIn())
            .Then("00:01:05 ConnectionOpened main CON-6")
            .At("00:10:00")
            .When(Settle())
            .ThenNothing();

    [Fact, Trait("Rule", Rules.Con1), Trait("Rule", Rules.Con6)]
    public void CON_1_A_connection_that_said_it_closes_is_lost_exactly_after_the_refresh_grace()
    {
        var story = SignedIn().At("00:01:00").Given(CloseConnection());
        story.At("00:01:09.999").When(Settle()).ThenNothing();
        story.At("00:01:10").When(Settle());
        story.Then("00:01:10 ConnectionLost main Closed CON-3", "00:01:10 available -> offline, Connection, CON-3");
        Assert.Equal("00:01:00", Story.Time(story.Last<ConnectionLost>().LastSeenAt));
    }

    [Fact, Trait("Rule", Rules.Con1)]
    public void CON_1_A_closing_connection_that_sends_a_heartbeat_came_back_and_has_the_full_timeout()
    {
        var story = SignedIn().At("00:01:00").Given(CloseConnection()).At("00:01:05").Heartbeat();
        story.At("00:02:19.999").When(Settle()).ThenNothing();
        story.At("00:02:20").When(Settle());
        story.Then("00:02:20 ConnectionLost main Heartbeat CON-3", "00:02:20 available -> offline, Connection, CON-3");
    }

    [Fact, Trait("Rule", Rules.Con1)]
    public void CON_1_Saying_again_that_it_closes_is_a_no_op_unless_it_came_back_in_between()
    {
        var story = SignedIn().At("00:01:00").Given(CloseConnection());
        story.At("00:01:03").When(CloseConnection()).ThenNothing();
        story.At("00:01:05").Heartbeat().At("00:01:08").When(CloseConnection()).Then("00:01:08 ConnectionClosing main CON-1");
        story.At("00:01:18").When(Settle()).Stands("offline", since: "00:01:18");
    }

    [Fact, Trait("Rule", Rules.Con9)]
    public void CON_9_Closing_a_connection_that_was_lost_or_never_opened_is_refused()
    {
        var story = SignedIn("edge", "firefox").At("00:01:00").NetworkLost("edge").At("00:05:00");
        story.When(CloseConnection("edge")).ThenRefused("connection-unknown");
        story.When(CloseConnection("safari")).ThenRefused("connection-unknown");
    }

    [Fact, Trait("Rule", Rules.Con8)]
    public void CON_8_After_a_restart_every_connection_has_one_full_timeout()
    {
        var story = SignedIn().At("00:01:00").NetworkLost().At("00:30:00").ServerRestarted();
        story.At("00:31:14.999").When(Settle()).ThenNothing();
        story.At("00:31:15").When(Settle()).Stands("offline", Origin.Connection, "CON-3", since: "00:31:15");
        Assert.Equal("00:01:00", Story.Time(story.Last<ConnectionLost>().LastSeenAt));
    }

    [Fact, Trait("Rule", Rules.Con8)]
    public void CON_8_A_connection_that_was_closing_has_it_too() =>
        SignedIn()
            .At("00:01:00")
            .Given(CloseConnection())
            .At("00:01:05")
            .ServerRestarted()
            .At("00:02:20")
            .When(Settle())
            .Then("00:02:20 ConnectionLost main Heartbeat CON-3", "00:02:20 available -> offline, Connection, CON-3");

    [Fact, Trait("Rule", Rules.Con1), Trait("Rule", Rules.Con8)]
    public void CON_1_A_connection_that_says_again_that_it_closes_after_a_restart_has_the_refresh_grace_from_then() =>
        SignedIn()
            .At("00:01:00")
            .Given(CloseConnection())
            .At("00:01:05")
            .ServerRestarted()
            .At("00:01:30")
            .When(CloseConnection())
            .Then("00:01:30 ConnectionClosing main CON-1")
            .At("00:01:40")
            .When(Settle())
            .Then("00:01:40 ConnectionLost main Closed CON-3", "00:01:40 available -> offline, Connection, CON-3");

    [Fact, Trait("Rule", Rules.Con1)]
    public void CON_1_A_closing_connection_that_came_back_by_a_heartbeat_is_no_longer_soon_due()
    {
        var story = SignedIn().At("00:01:00").Given(CloseConnection());
        Assert.Equal("00:01:10", Story.Time(DueWork.NextAt(story.Agent, story.Configuration, TzdbCalendar.Instance, story.Signs)!.Value));

        story.At("00:01:04").Heartbeat();

        Assert.Null(DueWork.NextAt(story.Agent, story.Configuration, TzdbCalendar.Instance, story.Signs));
    }

    [Fact, Trait("Rule", Rules.Tim6)]
    public void TIM_6_A_loss_that_was_due_under_the_old_timeout_is_dated_by_it_though_noticed_under_a_longer_one() =>
        SignedIn()
            .Policy(policy => policy with { HeartbeatTimeout = TimeSpan.FromSeconds(30) })
            .At("00:01:00")
            .NetworkLost()
            .At("00:01:31")
            .Policy(policy => policy with { HeartbeatTimeout = TimeSpan.FromSeconds(300) })
            .At("00:01:40")
            .When(Settle())
            .Then("00:01:30 ConnectionLost main Heartbeat CON-3", "00:01:30 available -> offline, Connection, CON-3");

    [Fact, Trait("Rule", Rules.Tim6)]
    public void TIM_6_A_timeout_that_is_shortened_twice_has_the_loss_fall_due_at_the_change_that_brings_it_about() =>
        SignedIn()
            .At("00:01:00")
            .NetworkLost()
            .At("00:01:20")
            .Policy(policy => policy with { HeartbeatTimeout = TimeSpan.FromSeconds(60) })
            .At("00:01:40")
            .Policy(policy => policy with { HeartbeatTimeout = TimeSpan.FromSeconds(20) })
            .At("00:03:00")
            .When(Settle())
            .Then("00:01:40 ConnectionLost main Heartbeat CON-3", "00:01:40 available -> offline, Connection, CON-3");

    [Fact, Trait("Rule", Rules.Con8)]
    public void CON_8_An_outage_grants_a_full_timeout_only_to_whom_nothing_is_known_to_be_lost_before_it()
    {
        var story = SignedIn();
        var connection = story.Agent.Connections["main"];
        var seen = story.Now;
        DateTimeOffset Deadline(Outage outage) =>
            DueWork.LossOf("main", connection, DueWork.SignOf(connection, seen, [outage], story.Configuration), story.Configuration).At;

        Assert.Equal(seen.AddSeconds(75), Deadline(new(seen.AddSeconds(75), seen.AddSeconds(500))));
        Assert.Equal(seen.AddSeconds(575), Deadline(new(seen.AddSeconds(74.999), seen.AddSeconds(500))));
        Assert.Equal(seen.AddSeconds(95), Deadline(new(seen.AddSeconds(10), seen.AddSeconds(20))));
        Assert.Equal(seen.AddSeconds(75), Deadline(new(seen.AddSeconds(-10), seen)));
    }

    [Fact]
    public void Connections_that_are_lost_and_regained_more_often_than_the_policy_allows_are_flapping()
    {
        var story = SignedIn();
        Lose(story, 1);
        Lose(story, 2);
        Lose(story, 3);
        Assert.False(story.Agent.IsFlapping(story.Configuration.Policy, story.Now));

        Lose(story, 4);

        Assert.True(story.Agent.IsFlapping(story.Configuration.Policy, story.Now));
        Assert.False(story.Agent.IsFlapping(story.Configuration.Policy, story.Now.AddMinutes(10)));
    }

    [Fact]
    public void A_refresh_or_a_sign_out_is_no_loss_and_so_no_flapping()
    {
        var story = SignedIn();
        for (var minute = 1; minute < 9; minute++)
        {
            story.At($"00:0{minute}:00").Given(CloseConnection()).At($"00:0{minute}:05").Given(SignIn("main"));
            story.At($"00:0{minute}:30").Given(new SignOut()).Given(SignIn("main"));
        }
        Assert.Empty(story.Agent.Regained);
    }

    private static void Lose(Story story, int minute) =>
        story.At($"00:0{minute}:00").Given(CloseConnection()).At($"00:0{minute}:10").Given(Settle()).Given(SignIn("main"));
}
