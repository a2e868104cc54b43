using PresenceLedger.Domain.Agents;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class ConnectionTests
{
    [Fact, Trait("Rule", Rules.Con1), Trait("Rule", Rules.Con8)]
    public void CON_1_A_connection_that_says_again_that_it_closes_after_a_restart_has_the_refresh_grace_from_then() =>
        new Story()
            .Ana()
            .Given(SignIn())
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
        var story = new Story().Ana().Given(SignIn()).At("00:01:00").Given(CloseConnection());
        Assert.Equal("00:01:10", Story.Time(DueWork.NextAt(story.Agent, story.Configuration, story.Signs)!.Value));

        story.At("00:01:04").Heartbeat();

        Assert.Null(DueWork.NextAt(story.Agent, story.Configuration, story.Signs));
    }
}
