using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class ManualTests
{
    [Theory, Trait("Rule", Rules.Man1)]
    [InlineData("busy")]
    [InlineData("do-not-disturb")]
    [InlineData("away")]
    [InlineData("offline")]
    [InlineData("away-training")]
    public void MAN_1_An_agent_may_set_any_status(string status) =>
        new Story()
            .Status("away-training", BaseStatus.Away)
            .Ana()
            .Given(SignIn())
            .At("00:01:00")
            .When(Set(status))
            .Then($"00:01:00 available -> {status}, Manual, MAN-1")
            .And(ana => Assert.True(ana.SignedIn));

    [Fact, Trait("Rule", Rules.Man1), Trait("Rule", Rules.Cat3), Trait("Rule", Rules.Cat5)]
    public void MAN_1_But_not_inactive_nor_a_retired_status()
    {
        var story = new Story()
            .Status("away-training", BaseStatus.Away)
            .Ana()
            .Given(SignIn(), Set("away-training"))
            .Retired("away-training");
        story.When(Set("inactive")).ThenRefused("status-not-selectable");
        story.When(Set("away-training")).ThenRefused("status-retired");
        story.When(Set("nowhere")).ThenRefused("status-unknown");
        story.Stands("away-training");
    }

    [Theory, Trait("Rule", Rules.Man2)]
    [InlineData("available")]
    [InlineData("busy")]
    public void MAN_2_Manual_available_or_busy_stands_until_accept(string status) =>
        new Story()
            .Ana(100)
            .Given(SignIn(), Set(status), Assign("c1", 100))
            .Stands(status, Origin.Manual)
            .Given(Accept("c1"))
            .Stands("do-not-disturb", Origin.Capacity, "CAP-3");

    [Theory, Trait("Rule", Rules.Man2)]
    [InlineData("busy", "available")]
    [InlineData("available", "available")]
    public void MAN_2_Manual_available_or_busy_stands_until_an_open_conversation_ends(string status, string after) =>
        new Story().Ana(100).Given(SignIn(), Start("c1", 40), Set(status)).Stands(status).Given(Close("c1")).Stands(after);

    [Theory, Trait("Rule", Rules.Man3), Trait("Rule", Rules.Cap9)]
    [InlineData("do-not-disturb")]
    [InlineData("away")]
    [InlineData("offline")]
    public void MAN_3_A_sticky_status_stands_over_accept_close_and_settings(string status) =>
        new Story()
            .Ana(100)
            .Given(SignIn(), Set(status), Assign("c1", 100), Accept("c1"), Configure(s => s with { Units = 50 }), Close("c1"))
            .Stands(status, Origin.Manual)
            .Given(Set("available"))
            .Stands("available", Origin.Manual);

    [Fact, Trait("Rule", Rules.Man4)]
    public void MAN_4_A_manual_change_never_touches_conversations() =>
        new Story()
            .Ana(100)
            .Given(SignIn(), Assign("c1", 40), Start("c2", 30), Set("offline"))
            .And(ana => Assert.Equal(["c1", "c2"], ana.Conversations.Keys))
            .And(ana => Assert.Equal(70, ana.UnitsUsed));

    [Fact, Trait("Rule", Rules.Man5)]
    public void MAN_5_Setting_what_already_stands_manually_is_a_no_op() =>
        new Story().Ana().Given(SignIn(), Set("away")).At("00:01:00").When(Set("away")).ThenNothing();

    [Fact, Trait("Rule", Rules.Man5)]
    public void MAN_5_Setting_what_stands_with_another_origin_is_an_event_and_leaves_since() =>
        new Story()
            .Ana(100)
            .Given(SignIn())
            .At("00:01:00")
            .Given(Start("c1", 100))
            .Stands("do-not-disturb", Origin.Capacity)
            .At("00:02:00")
            .When(Set("do-not-disturb"))
            .Then("00:02:00 do-not-disturb -> do-not-disturb, Manual, MAN-1")
            .Stands("do-not-disturb", Origin.Manual, since: "00:01:00")
            .Given(Close("c1"))
            .Stands("do-not-disturb");
}
