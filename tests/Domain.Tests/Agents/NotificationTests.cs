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

    [Fact, Trait("Rule", Rules.Not6), Trait("Rule", Rules.Cap7), Trait("Rule", Rules.Cap9)]
    public void NOT_6_An_offer_that_could_not_be_delivered_gives_capacity_back_and_decides_nothing() =>
        SignedIn()
            .Given(Start("c1", 40), Set("available"), Assign("c2", 10))
            .When(Undelivered("c2"))
            .Then("00:00:00 ConversationUndelivered c2 NOT-6")
            .And(ana => Assert.Equal(40, ana.UnitsUsed))
            .When(Undelivered("c2"))
            .ThenRefused("conversation-unknown");

    [Fact, Trait("Rule", Rules.Not6), Trait("Rule", Rules.Who1)]
    public void NOT_6_The_third_in_a_row_makes_inactive()
    {
        var story = SignedIn().Given(Assign("c1"), Undelivered("c1"), Assign("c2"), Undelivered("c2")).Stands("available", Origin.Default);
        story
            .Given(Assign("c3"))
            .At("00:01:00")
            .When(Undelivered("c3"))
            .Then("00:01:00 ConversationUndelivered c3 NOT-6", "00:01:00 available -> inactive, Notification, NOT-6");
        Assert.Equal(3, story.Last<ConversationUndelivered>().InARow);
        Assert.IsType<ConversationUndelivered>(story.Recorded[(int)story.Last<PresenceChanged>().Follows!.Value]);
        story.Given(Reset()).Stands("available", Origin.Capacity, "NOT-4");
    }

    [Theory, Trait("Rule", Rules.Not6)]
    [InlineData(0, 5, "available")]
    [InlineData(1, 1, "inactive")]
    [InlineData(2, 1, "available")]
    [InlineData(2, 2, "inactive")]
    public void NOT_6_The_policy_says_how_many_and_0_is_never(int limit, int undelivered, string stands)
    {
        var story = SignedIn().Policy(p => p with { UndeliveredLimit = limit, MissedNotificationSetsInactive = false });
        for (var n = 0; n < undelivered; n++)
            story.Given(Assign("c"), Undelivered("c"));
        story.Stands(stands);
    }

    public static TheoryData<string, AgentCommand[]> BeginningsAnew() =>
        new()
        {
            { "accept", [Assign("x"), Accept("x"), Close("x")] },
            { "automatic acceptance", [Start("x"), Close("x")] },
            { "outbound attempt", [Dial("x"), Close("x")] },
            { "reject and reset", [Assign("x"), Reject("x"), Reset()] },
            { "manual change", [Set("busy")] },
        };

    [Theory, Trait("Rule", Rules.Not6), Trait("Rule", Rules.Not7)]
    [MemberData(nameof(BeginningsAnew))]
    public void NOT_6_And_NOT_7_Begin_to_count_anew(string what, AgentCommand[] commands)
    {
        Assert.NotEmpty(what);
        SignedIn()
            .Policy(p => p with { UndeliveredLimit = 2, MissedLimit = 2 })
            .Given(Assign("c1"), Undelivered("c1"), Assign("c2"), Miss("c2"))
            .Given(commands)
            .Given(Assign("c3"), Undelivered("c3"), Assign("c4"), Miss("c4"))
            .And(ana => Assert.NotEqual("inactive", ana.Status.StatusId))
            .Given(Assign("c5"), Undelivered("c5"))
            .Stands("inactive", Origin.Notification, "NOT-6");
    }

    [Fact, Trait("Rule", Rules.Not6), Trait("Rule", Rules.Not7)]
    public void NOT_6_And_NOT_7_A_miss_and_an_undelivered_offer_are_counted_apart() =>
        SignedIn()
            .Policy(p => p with { UndeliveredLimit = 2, MissedLimit = 2 })
            .Given(Assign("c1"), Miss("c1"), Assign("c2"), Undelivered("c2"))
            .Stands("available")
            .Given(Assign("c3"), Miss("c3"))
            .Stands("inactive", Origin.Notification, "NOT-1")
            .Given(Set("available"), Assign("c4"), Undelivered("c4"), Assign("c5"), Miss("c5"))
            .Stands("available")
            .Given(Assign("c6"), Undelivered("c6"))
            .Stands("inactive", Origin.Notification, "NOT-6");

    [Fact, Trait("Rule", Rules.Not7), Trait("Rule", Rules.Not1)]
    public void NOT_7_Says_after_how_many_misses_in_a_row_NOT_1_sets_inactive() =>
        SignedIn()
            .Policy(p => p with { MissedLimit = 2 })
            .Given(Assign("c1"))
            .When(Miss("c1"))
            .Then("00:00:00 ConversationMissed c1 NOT-1")
            .Given(Assign("c2"))
            .When(Miss("c2"))
            .Then("00:00:00 ConversationMissed c2 NOT-1", "00:00:00 available -> inactive, Notification, NOT-1");

    [Fact, Trait("Rule", Rules.Not3), Trait("Rule", Rules.Not6)]
    public void NOT_3_Undelivered_offers_do_not_replace_the_agents_own_sticky_word_nor_change_who_is_gone()
    {
        var away = SignedIn().Policy(p => p with { UndeliveredLimit = 1 }).Given(Set("away"), Assign("c1"), Undelivered("c1"));
        away.Stands("away", Origin.Manual);
        SignedIn()
            .Policy(p => p with { UndeliveredLimit = 1 })
            .Given(Assign("c1"), SignOut())
            .When(Undelivered("c1"))
            .Then("00:00:00 ConversationUndelivered c1 NOT-6")
            .Stands("offline", Origin.Connection);
    }

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
