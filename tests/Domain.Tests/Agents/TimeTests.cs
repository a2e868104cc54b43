using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
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
