using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class TimeTests
{
    [Fact, Trait("Rule", Rules.Tim1)]
    public void TIM_1_Events_are_dated_to_the_millisecond()
    {
        var story = new Story()
            .Ana()
            .AtInstant(Story.Start.AddSeconds(1).AddTicks(9_999))
            .Given(SignIn(), Start("c1", 1, BlockFor(30.0004)));
        story.Given(EndOf("c1"));

        Assert.All(story.Recorded, e => Assert.Equal(0, e.OccurredAt.Ticks % TimeSpan.TicksPerMillisecond));
        Assert.Equal("00:00:31", Story.Time(story.Last<WrapUpStarted>().BlockEndsAt!.Value));
    }

    [Fact, Trait("Rule", Rules.Tim1), Trait("Rule", Rules.Con1)]
    public void TIM_1_A_sign_of_life_in_the_same_millisecond_as_the_closing_is_not_a_return() =>
        new Story()
            .Ana()
            .Given(SignIn())
            .AtInstant(Story.Start.AddSeconds(1).AddTicks(9_999))
            .Heartbeat()
            .Given(CloseConnection())
            .At("00:00:11")
            .When(Settle())
            .Then("00:00:11 ConnectionLost main Closed CON-3", "00:00:11 available -> offline, Connection, CON-3");

    [Fact, Trait("Rule", Rules.Tim1)]
    public void TIM_1_A_clock_that_goes_back_takes_no_event_back() =>
        new Story()
            .Ana(100)
            .At("00:10:00")
            .Given(SignIn())
            .At("00:05:00")
            .When(Start("c1", 40, BlockFor(60)))
            .Then(
                "00:10:00 ConversationAssigned c1 CAP-7",
                "00:10:00 ConversationAccepted c1 CAP-10",
                "00:10:00 available -> busy, Capacity, CAP-2"
            )
            .When(EndOf("c1"))
            .Then("00:10:00 WrapUpStarted c1 WRP-1")
            .At("00:06:30")
            .When(Settle())
            .ThenNothing()
            .At("00:11:00")
            .When(Settle())
            .Then("00:11:00 WrapUpBlockEnded c1 WRP-3", "00:11:00 busy -> available, Capacity, CAP-1");

    [Fact, Trait("Rule", Rules.Tim1), Trait("Rule", Rules.Con4)]
    public void TIM_1_A_return_by_a_clock_that_went_back_is_dated_at_the_last_event() =>
        new Story()
            .Ana()
            .Given(SignIn(), Set("away"))
            .At("00:10:00")
            .Given(SignOut())
            .At("00:05:00")
            .When(SignIn())
            .Then("00:10:00 AgentSignedIn main returned", "00:10:00 offline -> away, Manual, CON-4");

    [Fact, Trait("Rule", Rules.Tim1)]
    public void TIM_1_What_is_due_only_since_the_policy_changed_takes_effect_after_what_is_recorded() =>
        new Story()
            .Ana()
            .Given(SignIn())
            .NetworkLost()
            .At("00:01:00")
            .Given(Set("away"))
            .Policy(p => p with { HeartbeatTimeout = TimeSpan.FromSeconds(5) })
            .At("00:01:10")
            .When(Settle())
            .Then("00:01:00 ConnectionLost main Heartbeat CON-3", "00:01:00 away -> offline, Connection, CON-3");

    [Fact, Trait("Rule", Rules.Tim1), Trait("Rule", Rules.Wrp3), Trait("Rule", Rules.Con3), Trait("Rule", Rules.Cns2)]
    public void TIM_1_Several_things_that_are_due_happen_in_order_each_at_its_time() =>
        new Story()
            .Policy(p => p with { EndOfDay = new EndOfDay(new TimeOnly(8, 3), "Etc/UTC") })
            .Profile("calls", 9, reset: ProfileReset.EndOfDay)
            .Ana(100, null, "calls")
            .Given(SignIn(), Join("c9"), Start("c1", 50, BlockFor(200), "calls"), Start("c2", 50, BlockFor(30)), EndOf("c1"), EndOf("c2"))
            .At("00:01:00")
            .NetworkLost()
            .At("10:00:00")
            .When(Settle())
            .Then(
                "00:00:30 WrapUpBlockEnded c2 WRP-3",
                "00:02:15 ConnectionLost main Heartbeat CON-3",
                "00:02:15 busy -> offline, Connection, CON-3",
                "00:03:00 CapacityReset calls CAP-7",
                "00:03:20 WrapUpBlockEnded c1 WRP-3",
                "00:04:45.001 ConsultEnded c9 CNS-2"
            )
            .WithDue(6);

    [Fact, Trait("Rule", Rules.Tim1)]
    public void TIM_1_When_it_is_noticed_makes_no_difference()
    {
        Story Day() =>
            new Story().Ana(100).Given(SignIn(), Start("c1", 100, BlockFor(30)), EndOf("c1")).At("00:01:00").NetworkLost().At("00:01:01");

        var often = Day();
        for (var second = 2; second < 60; second++)
            often.At($"00:02:{second:00}").Given(Settle());
        var late = Day().At("05:00:00").Given(Settle());

        Assert.Equal(often.Recorded.Select(Story.Line), late.Recorded.Select(Story.Line));
    }

    [Fact, Trait("Rule", Rules.Tim2)]
    public void TIM_2_An_agent_is_offline_from_registration_on() =>
        new Story().At("00:01:00").Ana().At("00:02:00").Given(Settle()).Stands("offline", Origin.Connection, since: "00:01:00");

    [Fact, Trait("Rule", Rules.Tim3)]
    public void TIM_3_An_interval_of_no_length_is_recorded() =>
        new Story()
            .Ana()
            .Given(SignIn(), Set("away"))
            .When(Set("busy"))
            .Then("00:00:00 away -> busy, Manual, MAN-1")
            .Stands("busy", since: "00:00:00");

    [Fact, Trait("Rule", Rules.Tim4)]
    public void TIM_4_Instants_are_UTC_also_where_the_clock_is_not()
    {
        var story = new Story().Ana().AtInstant(Story.Start.AddHours(1).ToOffset(TimeSpan.FromHours(2))).Given(SignIn());
        Assert.All(story.Recorded, e => Assert.Equal(TimeSpan.Zero, e.OccurredAt.Offset));
    }

    [Fact, Trait("Rule", Rules.Tim1)]
    public void TIM_1_The_configuration_does_not_go_back_either()
    {
        var later = Decide(Configuration.Initial, "away-lunch", Story.Start);
        var configuration = Configuration.Initial.Evolve(later);

        Assert.Equal(Story.Start, Decide(configuration, "away-training", Story.Start.AddSeconds(-5)).OccurredAt);

        static ConfigurationEvent Decide(Configuration configuration, string id, DateTimeOffset now) =>
            ConfigurationDecider.Decide(configuration, new DefineStatus(id, id, id, Statuses.BaseStatus.Away, null), now).Events.Single();
    }

    [Fact, Trait("Rule", Rules.Cns2), Trait("Rule", Rules.Con4)]
    public void CNS_2_A_consult_does_not_outlive_a_restore_window_of_a_fraction_of_a_millisecond() =>
        new Story()
            .Policy(p => p with { RestoreWindow = TimeSpan.FromTicks(5_000) })
            .Ana()
            .Given(SignIn(), Join("c9"), SignOut())
            .At("00:00:00.001")
            .When(SignIn())
            .Then(
                "00:00:00.001 ConsultEnded c9 CNS-2",
                "00:00:00.001 AgentSignedIn main",
                "00:00:00.001 offline -> available, Default, SGN-1"
            );

    [Fact, Trait("Rule", Rules.Cap7)]
    public void CAP_7_Units_beyond_any_number_are_the_largest_number() =>
        new Story()
            .Ana(100)
            .Given(SignIn(), Assign("c1", int.MaxValue))
            .When(Assign("c2", int.MaxValue))
            .Then("00:00:00 ConversationAssigned c2 CAP-7")
            .And(ana => Assert.Equal(int.MaxValue, ana.UnitsUsed));
}
