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

    [Theory, Trait("Rule", Rules.Man6)]
    [InlineData("away", 0, "available")]
    [InlineData("away", 40, "busy")]
    [InlineData("offline", 100, "do-not-disturb")]
    [InlineData("do-not-disturb", 0, "available")]
    [InlineData("busy", 0, "available")]
    [InlineData("available", 0, "available")]
    public void MAN_6_At_its_instant_capacity_decides(string status, int units, string after)
    {
        var story = new Story().Ana(100).Given(SignIn());
        if (units > 0)
            story.Given(Start("c1", units));
        story
            .At("00:01:00")
            .Given(Set(status, until: "00:15:00"))
            .At("00:14:59.999")
            .When(Settle())
            .ThenNothing()
            .Stands(status, Origin.Manual)
            .At("00:15:00")
            .When(Settle())
            .Then($"00:15:00 {status} -> {after}, Capacity, MAN-6")
            .WithDue(1)
            .And(ana => Assert.Null(ana.Status.Until));
    }

    [Fact, Trait("Rule", Rules.Man6), Trait("Rule", Rules.Who1)]
    public void MAN_6_However_late_it_is_noticed_it_takes_effect_at_its_instant_and_names_the_change_that_said_so()
    {
        var story = new Story().Ana().Given(SignIn()).At("00:01:00").Given(Set("away", until: "00:15:00"));
        var said = story.Agent.Version;
        story
            .At("09:00:00")
            .When(Assign("c1"))
            .Then("00:15:00 away -> available, Capacity, MAN-6", "09:00:00 ConversationAssigned c1 CAP-7")
            .Stands("available", since: "00:15:00");
        Assert.Equal(said, story.Last<PresenceChanged>().Follows);
        Assert.NotNull(story.Last<PresenceChanged>().Capacity);
    }

    [Fact, Trait("Rule", Rules.Man6)]
    public void MAN_6_A_later_manual_change_forgets_it()
    {
        var story = new Story().Ana().Given(SignIn(), Set("away", until: "00:15:00"));
        story.Given(Set("do-not-disturb")).At("01:00:00").When(Settle()).ThenNothing().Stands("do-not-disturb", Origin.Manual);
    }

    [Fact, Trait("Rule", Rules.Man5), Trait("Rule", Rules.Man6)]
    public void MAN_5_The_same_status_until_another_instant_is_an_event_and_until_the_same_is_none()
    {
        var story = new Story().Ana().Given(SignIn(), Set("away", until: "00:15:00"));
        story.At("00:01:00").When(Set("away", until: "00:15:00")).ThenNothing();
        story
            .When(Set("away", until: "00:30:00"))
            .Then("00:01:00 away -> away, Manual, MAN-1")
            .At("00:15:00")
            .When(Settle())
            .ThenNothing()
            .Stands("away", since: "00:00:00")
            .When(Set("away"))
            .Then("00:15:00 away -> away, Manual, MAN-1")
            .At("10:00:00")
            .When(Settle())
            .ThenNothing()
            .Stands("away", Origin.Manual, since: "00:00:00");
    }

    [Fact, Trait("Rule", Rules.Man2), Trait("Rule", Rules.Man6)]
    public void MAN_6_An_earlier_end_by_work_forgets_it_also_where_capacity_gives_the_same_status()
    {
        var story = new Story().Ana(100).Given(SignIn(), Assign("c1", 40), Set("busy", until: "00:15:00"));
        story.When(Accept("c1")).Then("00:00:00 ConversationAccepted c1");
        story.Stands("busy", Origin.Manual).And(ana => Assert.Null(ana.Status.Until));
        story.At("00:16:00").When(Settle()).ThenNothing();
        new Story()
            .Ana(100)
            .Given(SignIn(), Start("c1", 40), Set("available", until: "00:15:00"), Close("c1"))
            .At("00:16:00")
            .When(Settle())
            .ThenNothing();
    }

    [Fact, Trait("Rule", Rules.Man3), Trait("Rule", Rules.Not3), Trait("Rule", Rules.Man6)]
    public void MAN_6_A_sticky_status_keeps_its_end_over_work_and_a_missed_offer() =>
        new Story()
            .Ana(100)
            .Given(SignIn(), Set("away", until: "00:15:00"), Start("c1", 40), Close("c1"), Assign("c2", 10), Miss("c2"))
            .Stands("away", Origin.Manual)
            .At("00:15:00")
            .When(Settle())
            .Then("00:15:00 away -> available, Capacity, MAN-6");

    [Fact, Trait("Rule", Rules.Sgn4), Trait("Rule", Rules.Man6)]
    public void MAN_6_A_sign_out_forgets_it_and_what_a_return_restores_has_no_end() =>
        new Story()
            .Ana()
            .Given(SignIn(), Set("away", until: "00:01:30"))
            .At("00:01:00")
            .Given(SignOut())
            .At("00:02:00")
            .When(SignIn())
            .Then("00:02:00 AgentSignedIn main returned", "00:02:00 offline -> away, Manual, CON-4")
            .At("01:00:00")
            .When(Settle())
            .ThenNothing();

    [Fact, Trait("Rule", Rules.Con4), Trait("Rule", Rules.Man6)]
    public void MAN_6_It_goes_on_over_a_loss_and_a_return()
    {
        var story = new Story().Ana().Given(SignIn(), Set("away", until: "00:15:00")).At("00:10:00").NetworkLost();
        story
            .At("00:12:00")
            .When(SignIn())
            .Then(
                "00:11:15 ConnectionLost main Heartbeat CON-3",
                "00:11:15 away -> offline, Connection, CON-3",
                "00:12:00 AgentSignedIn main returned",
                "00:12:00 offline -> away, Manual, CON-4"
            )
            .At("00:15:00")
            .When(Settle())
            .Then("00:15:00 away -> available, Capacity, MAN-6");
    }

    [Theory, Trait("Rule", Rules.Con4), Trait("Rule", Rules.Man6)]
    [InlineData("00:12:00", "available", "MAN-6")]
    [InlineData("00:12:00.001", "away", "CON-4")]
    public void MAN_6_On_a_return_at_its_instant_or_later_capacity_decides(string until, string status, string rule)
    {
        var story = new Story().Ana().Given(SignIn(), Set("away", until)).At("00:10:00").NetworkLost();
        story
            .At("00:11:20")
            .When(Settle())
            .At("00:12:00")
            .When(SignIn())
            .Then(
                "00:12:00 AgentSignedIn main returned",
                $"00:12:00 offline -> {status}, {(status is "away" ? Origin.Manual : Origin.Capacity)}, {rule}"
            );
    }

    [Fact, Trait("Rule", Rules.Con3), Trait("Rule", Rules.Man6)]
    public void MAN_6_At_the_instant_of_a_loss_it_comes_before_the_loss() =>
        new Story()
            .Ana()
            .Given(SignIn(), Set("away", until: "00:11:15"))
            .At("00:10:00")
            .NetworkLost()
            .At("00:11:16")
            .When(Settle())
            .Then(
                "00:11:15 away -> available, Capacity, MAN-6",
                "00:11:15 ConnectionLost main Heartbeat CON-3",
                "00:11:15 available -> offline, Connection, CON-3"
            );

    [Fact, Trait("Rule", Rules.Wrp3), Trait("Rule", Rules.Man6)]
    public void MAN_6_At_the_instant_of_the_end_of_a_block_it_comes_after_it() =>
        new Story()
            .Ana(100)
            .Given(SignIn(), Start("c1", 100, BlockFor(60)), EndOf("c1"), Set("away", until: "00:01:00"))
            .At("00:02:00")
            .When(Settle())
            .Then("00:01:00 WrapUpBlockEnded c1 WRP-3", "00:01:00 away -> available, Capacity, MAN-6");

    [Theory, Trait("Rule", Rules.Man6), Trait("Rule", Rules.Sgn6)]
    [InlineData("00:00:59.999", "validation")]
    [InlineData("00:01:00", "validation")]
    [InlineData("00:01:00.001", null)]
    [InlineData("1.00:01:00", null)]
    [InlineData("1.00:01:00.001", "validation")]
    public void MAN_6_It_is_ahead_and_at_most_24_hours(string until, string? refusal)
    {
        var story = new Story().Ana().Given(SignIn()).At("00:01:00").When(Set("away", until));
        if (refusal is null)
        {
            story.ThenAccepted();
            return;
        }
        story.ThenRefused(refusal);
        // What makes no sense is told before what is unknown or not allowed.
        story.When(Set("nowhere", until)).ThenRefused(refusal);
        story.Given(SignOut()).When(Set("away", until)).ThenRefused(refusal);
    }
}
