using PresenceLedger.Domain.Agents;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class NotificationTests
{
    private static Story SignedIn(string? @default = null) => new Story().Ana(100, @default).Given(SignIn());

    [Fact, Trait("Rule", Rules.Not1), Trait("Rule", Rules.Who1)]
    public void NOT_1_A_missed_notification_makes_inactive_and_names_the_event_it_follows_from()
    {
        var story = SignedIn().Given(Assign("c1", 40)).At("00:01:00").When(Miss("c1"));
        story.Then("00:01:00 ConversationMissed c1 NOT-1", "00:01:00 available -> inactive, Notification, NOT-1");
        Assert.True(story.Agent.Status.Sticky);
        Assert.IsType<ConversationMissed>(story.Recorded[(int)story.Last<PresenceChanged>().Follows!.Value]);
    }

    [Fact, Trait("Rule", Rules.Not2)]
    public void NOT_2_A_rejected_notification_makes_do_not_disturb() =>
        SignedIn()
            .Given(Assign("c1", 40))
            .When(Reject("c1"))
            .Then("00:00:00 ConversationRejected c1 NOT-2", "00:00:00 available -> do-not-disturb, Notification, NOT-2");

    [Fact, Trait("Rule", Rules.Not1), Trait("Rule", Rules.Not2)]
    public void NOT_1_And_NOT_2_With_the_policy_off_change_no_status() =>
        SignedIn()
            .Policy(p => p with { MissedNotificationSetsInactive = false, RejectedNotificationSetsDoNotDisturb = false })
            .Given(Assign("c1"), Miss("c1"), Assign("c2"), Reject("c2"))
            .Stands("available", Origin.Default);

    [Theory, Trait("Rule", Rules.Not3)]
    [InlineData("away")]
    [InlineData("do-not-disturb")]
    [InlineData("offline")]
    public void NOT_3_The_agents_own_sticky_word_stands(string status)
    {
        SignedIn().Given(Set(status), Assign("c1"), Miss("c1"), Assign("c2"), Reject("c2")).Stands(status, Origin.Manual);
        SignedIn(status).Given(Assign("c1"), Miss("c1"), Assign("c2"), Reject("c2")).Stands(status, Origin.Default);
    }

    [Fact, Trait("Rule", Rules.Not3)]
    public void NOT_3_A_status_that_is_not_sticky_or_of_capacity_is_replaced()
    {
        SignedIn().Given(Set("busy"), Assign("c1"), Miss("c1")).Stands("inactive", Origin.Notification);
        SignedIn().Given(Start("c1", 100), Assign("c2"), Miss("c2")).Stands("inactive", Origin.Notification);
    }

    [Fact, Trait("Rule", Rules.Not3)]
    public void NOT_3_Nothing_changes_while_the_agent_is_not_signed_in() =>
        SignedIn()
            .Given(Assign("c1"), SignOut())
            .When(Miss("c1"))
            .Then("00:00:00 ConversationMissed c1 NOT-1")
            .Stands("offline", Origin.Connection);

    [Fact, Trait("Rule", Rules.Not4)]
    public void NOT_4_Reset_gives_the_status_by_capacity_and_not_the_default_presence() =>
        SignedIn("busy")
            .Given(Assign("c1"), Miss("c1"))
            .At("00:01:00")
            .When(Reset())
            .Then("00:01:00 inactive -> available, Capacity, NOT-4")
            .When(Reset())
            .ThenRefused("nothing-to-reset");

    [Fact, Trait("Rule", Rules.Not4)]
    public void NOT_4_Reset_of_do_not_disturb_where_capacity_gives_the_same_ends_the_stickiness() =>
        SignedIn()
            .Given(Start("c1", 100), Assign("c2"), Reject("c2"))
            .When(Reset())
            .Then("00:00:00 do-not-disturb -> do-not-disturb, Capacity, NOT-4")
            .Given(Close("c1"))
            .Stands("available");

    [Theory, Trait("Rule", Rules.Not4)]
    [InlineData("do-not-disturb")]
    [InlineData("available")]
    public void NOT_4_Nothing_to_reset_where_no_notification_set_the_status(string status) =>
        SignedIn().Given(Set(status)).When(Reset()).ThenRefused("nothing-to-reset");

    [Fact, Trait("Rule", Rules.Not5), Trait("Rule", Rules.Cap9)]
    public void NOT_5_Stands_over_accept_and_close_until_a_manual_change() =>
        SignedIn()
            .Given(Assign("c1"), Miss("c1"), Start("c2", 100), Close("c2"))
            .Stands("inactive", Origin.Notification)
            .Given(Set("available"))
            .Stands("available", Origin.Manual);

    [Fact, Trait("Rule", Rules.Not5)]
    public void NOT_5_Stands_until_a_sign_out() =>
        SignedIn()
            .Given(Assign("c1"), Miss("c1"))
            .At("00:01:00")
            .Given(SignOut())
            .At("00:10:00")
            .Given(SignIn())
            .Stands("available", Origin.Default, "SGN-1");
}
