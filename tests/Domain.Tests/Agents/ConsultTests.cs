using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Calendars;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class ConsultTests
{
    private static Story SignedIn() => new Story().Ana(100).Given(SignIn());

    [Theory, Trait("Rule", Rules.Cns1)]
    [InlineData(ConsultMode.Consult)]
    [InlineData(ConsultMode.Monitor)]
    public void CNS_1_Joining_and_leaving_change_neither_presence_nor_capacity(ConsultMode mode) =>
        SignedIn()
            .At("00:01:00")
            .When(Join("c9", mode))
            .Then("00:01:00 ConsultJoined c9 CNS-1")
            .And(ana => Assert.Equal(mode, ana.Consults["c9"].Mode))
            .At("00:02:00")
            .When(Leave("c9"))
            .Then("00:02:00 ConsultLeft c9 CNS-1")
            .Stands("available", Origin.Default)
            .And(ana => Assert.Equal((0, 0, 0), (ana.UnitsUsed, ana.Conversations.Count, ana.Consults.Count)));

    [Fact, Trait("Rule", Rules.Cns1)]
    public void CNS_1_Joining_twice_is_a_no_op_and_leaving_what_was_not_joined_is_refused() =>
        SignedIn().Given(Join("c9")).When(Join("c9")).ThenNothing().When(Leave("c8")).ThenRefused("consult-unknown");

    [Fact, Trait("Rule", Rules.Cns2)]
    public void CNS_2_Ends_at_the_moment_of_the_loss_once_the_agent_did_not_come_back()
    {
        var story = SignedIn().Given(Join("c9")).At("00:01:00").NetworkLost();
        story.At("00:04:45").When(Settle());
        story.Then("00:02:15 ConnectionLost main Heartbeat CON-3", "00:02:15 available -> offline, Connection, CON-3");
        Assert.Equal("00:04:45.001", Story.Time(DueWork.NextAt(story.Agent, story.Configuration, TzdbCalendar.Instance)!.Value));

        story.At("00:04:45.001").When(Settle()).Then("00:04:45.001 ConsultEnded c9 CNS-2");
        Assert.Equal("00:02:15", Story.Time(story.Last<ConsultEnded>().EndedAt));
        Assert.Null(DueWork.NextAt(story.Agent, story.Configuration, TzdbCalendar.Instance));
    }

    [Fact, Trait("Rule", Rules.Cns2), Trait("Rule", Rules.Con4)]
    public void CNS_2_Goes_on_when_the_agent_is_back_exactly_at_the_end_of_the_window() =>
        SignedIn()
            .Given(Join("c9"))
            .At("00:01:00")
            .NetworkLost()
            .At("00:04:45")
            .Given(SignIn())
            .At("01:00:00")
            .When(Leave("c9"))
            .Then("01:00:00 ConsultLeft c9 CNS-1");

    [Fact, Trait("Rule", Rules.Cns2)]
    public void CNS_2_One_that_is_left_while_disconnected_is_not_ended_again() =>
        SignedIn().Given(Join("c9"), SignOut()).At("00:01:00").Given(Leave("c9")).At("01:00:00").When(Settle()).ThenNothing();
}
