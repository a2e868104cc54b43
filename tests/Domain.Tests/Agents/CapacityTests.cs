using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Statuses;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

/// <summary>What capacity decides: CAP-1 to CAP-6, CAP-8, CAP-11, CAP-12, CAP-14.</summary>
public class CapacityTests
{
    private static Story SignedIn(int? units = null, params string[] profiles) =>
        new Story()
            .Profile("chat", 2)
            .Profile("email", 1)
            .Profile("voice", 1, blocking: true)
            .Profile("video", 2, blocking: true)
            .Profile("calls", 2, reset: ProfileReset.EndOfDay)
            .Ana(units, null, profiles)
            .Given(SignIn());

    [Fact, Trait("Rule", Rules.Cap1), Trait("Rule", Rules.Cap2), Trait("Rule", Rules.Cap3)]
    public void CAP_3_Units_are_exhausted_exactly_when_all_are_in_use() =>
        SignedIn(100)
            .Given(Start("c1", 99))
            .Stands("busy", Origin.Capacity, "CAP-2")
            .Given(Start("c2", 1))
            .Stands("do-not-disturb", Origin.Capacity, "CAP-3")
            .Given(Close("c2"))
            .Stands("busy", Origin.Capacity, "CAP-2")
            .Given(Close("c1"))
            .Stands("available", Origin.Capacity, "CAP-1");

    [Fact, Trait("Rule", Rules.Cap6)]
    public void CAP_6_One_unit_beyond_is_negative_capacity_and_comes_before_exhausted() =>
        SignedIn(100).Given(Start("c1", 101)).Stands("do-not-disturb", rule: "CAP-6");

    [Fact, Trait("Rule", Rules.Cap6), Trait("Rule", Rules.Cap4)]
    public void CAP_6_One_profile_beyond_its_limit_suffices_though_units_are_left() =>
        SignedIn(100, "email", "chat")
            .Given(Start("c1", 1, null, "email"), Start("c2", 1, null, "email"))
            .Stands("do-not-disturb", rule: "CAP-6");

    [Fact, Trait("Rule", Rules.Cap6), Trait("Rule", Rules.Cap9)]
    public void CAP_6_An_assignment_beyond_the_limit_decides_before_it_is_accepted() =>
        SignedIn(100)
            .At("00:01:00")
            .When(Assign("c1", 101))
            .Then("00:01:00 ConversationAssigned c1 CAP-7", "00:01:00 available -> do-not-disturb, Capacity, CAP-6");

    [Fact, Trait("Rule", Rules.Cap9)]
    public void CAP_9_An_assignment_that_exhausts_decides_at_accept_only() =>
        SignedIn(100)
            .Given(Assign("c1", 100))
            .Stands("available", Origin.Default)
            .Given(Accept("c1"))
            .Stands("do-not-disturb", rule: "CAP-3");

    [Fact, Trait("Rule", Rules.Cap4)]
    public void CAP_4_Units_only() => SignedIn(10).Given(Start("c1", 10, null, "chat")).Stands("do-not-disturb", rule: "CAP-3");

    [Fact, Trait("Rule", Rules.Cap4)]
    public void CAP_4_Profiles_only_with_none_blocking_are_exhausted_when_all_are() =>
        SignedIn(null, "chat", "email")
            .Given(Start("c1", profiles: "email"))
            .Stands("busy", rule: "CAP-2")
            .Given(Start("c2", profiles: "chat"), Start("c3", profiles: "chat"))
            .Stands("do-not-disturb", rule: "CAP-3");

    [Fact, Trait("Rule", Rules.Cap4)]
    public void CAP_4_Profiles_only_with_one_blocking_are_exhausted_when_a_blocking_one_is() =>
        SignedIn(null, "email", "voice", "video")
            .Given(Start("c1", profiles: "email"), Start("c2", profiles: "video"))
            .Stands("busy", rule: "CAP-2")
            .Given(Start("c3", profiles: "voice"))
            .Stands("do-not-disturb", rule: "CAP-3");

    [Fact, Trait("Rule", Rules.Cap4)]
    public void CAP_4_Both_configured_are_exhausted_when_both_are_and_units_not_in_use_count() =>
        SignedIn(100, "email")
            .Given(Start("c1", profiles: "email"))
            .Stands("busy", rule: "CAP-2")
            .Given(Start("c2", 100))
            .Stands("do-not-disturb", rule: "CAP-3")
            .Given(Close("c1"))
            .Stands("busy", rule: "CAP-2");

    [Fact, Trait("Rule", Rules.Cap4)]
    public void CAP_4_Both_configured_with_a_blocking_profile_in_full_need_the_units_too() =>
        SignedIn(100, "voice")
            .Given(Start("c1", 50, null, "voice"))
            .Stands("busy")
            .Given(Start("c2", 50))
            .Stands("do-not-disturb", rule: "CAP-3");

    [Fact, Trait("Rule", Rules.Cap4)]
    public void CAP_4_Neither_configured_is_never_exhausted() =>
        SignedIn().Given(Start("c1", 1_000, null, "voice")).Stands("busy", rule: "CAP-2");

    [Fact, Trait("Rule", Rules.Cap5), Trait("Rule", Rules.Cap9)]
    public void CAP_5_Ten_open_sessions_are_allowed_and_the_eleventh_assignment_is_one_too_many()
    {
        var story = SignedIn();
        foreach (var n in Enumerable.Range(1, 10))
            story.Given(Start($"c{n}"));
        story
            .Stands("busy", rule: "CAP-2")
            .Given(Assign("c11"))
            .Stands("do-not-disturb", rule: "CAP-5")
            .Given(Release("c11"))
            .Stands("busy");
    }

    [Fact, Trait("Rule", Rules.Cap5)]
    public void CAP_5_Wrap_up_is_an_open_session_though_it_blocks_nothing_and_waiting_is_none() =>
        SignedIn()
            .Policy(p => p with { MaxOpenSessions = 1 })
            .Given(Start("c1", wrapUp: DontBlock), EndOf("c1"), Assign("c2"))
            .Stands("do-not-disturb", rule: "CAP-5")
            .Given(Accept("c2"), Wait("c2"))
            .Stands("available", rule: "CAP-1");

    [Fact, Trait("Rule", Rules.Cap5), Trait("Rule", Rules.Cap14)]
    public void CAP_5_Work_that_counts_for_nothing_is_a_session() =>
        SignedIn(100)
            .Policy(p => p with { MaxOpenSessions = 1, ZeroCapacityWorkSetsBusy = false })
            .Given(Start("c1"))
            .Stands("available")
            .Given(Start("c2"))
            .Stands("do-not-disturb", rule: "CAP-5");

    [Fact, Trait("Rule", Rules.Cap6), Trait("Rule", Rules.Cap5)]
    public void CAP_6_comes_before_CAP_5_and_that_before_CAP_3() =>
        SignedIn(10)
            .Policy(p => p with { MaxOpenSessions = 1 })
            .Given(Start("c1", 5), Start("c2", 5))
            .Stands("do-not-disturb", rule: "CAP-5")
            .Given(Set("available"), Assign("c3", 1))
            .Stands("do-not-disturb", rule: "CAP-6");

    [Fact, Trait("Rule", Rules.Cap8)]
    public void CAP_8_Zero_units_do_not_count_as_exhausted_until_something_was_assigned_and_do_from_then_on() =>
        SignedIn(0)
            .Stands("available", Origin.Default)
            .Given(Configure(s => s with { Queues = ["q"] }))
            .Stands("available")
            .Given(Start("c1"))
            .Stands("do-not-disturb", rule: "CAP-8")
            .Given(Close("c1"))
            .Stands("do-not-disturb", rule: "CAP-8");

    [Fact, Trait("Rule", Rules.Cap8), Trait("Rule", Rules.Cap6)]
    public void CAP_8_Units_in_use_of_zero_are_negative_capacity() =>
        SignedIn(0)
            .Given(Start("c1", 20))
            .Stands("do-not-disturb", rule: "CAP-6")
            .Given(Set("available"), Close("c1"))
            .Stands("do-not-disturb", rule: "CAP-8");

    [Fact, Trait("Rule", Rules.Cap8)]
    public void CAP_8_Counts_from_sign_in_and_a_return_within_the_restore_window_is_the_same_sign_in() =>
        SignedIn(0)
            .Given(Start("c1"), Close("c1"), SignOut())
            .At("00:01:00")
            .Given(SignIn(), Set("available"), Configure(s => s with { Profiles = Story.Settings(profiles: "chat").Profiles }))
            .Given(Configure(s => s with { Profiles = Story.Settings().Profiles }))
            .Stands("do-not-disturb", rule: "CAP-8")
            .Given(SignOut())
            .At("00:10:00")
            .Given(SignIn(), Configure(s => s with { Profiles = Story.Settings(profiles: "chat").Profiles }))
            .Stands("available");

    [Fact, Trait("Rule", Rules.Cap2), Trait("Rule", Rules.Cap7)]
    public void CAP_2_An_end_of_day_profile_in_use_keeps_busy_after_the_conversation() =>
        SignedIn(null, "calls").Given(Start("c1", profiles: "calls"), Close("c1")).Stands("busy", rule: "CAP-2");

    [Fact, Trait("Rule", Rules.Cap11)]
    public void CAP_11_Takes_one_item_of_each_profile_that_the_agent_has() =>
        SignedIn(null, "chat", "calls")
            .Given(Start("c1", profiles: ["chat", "voice", "calls"]))
            .And(ana => Assert.Equal(["calls"], ana.DayCounts.Keys))
            .Stands("busy");

    [Fact, Trait("Rule", Rules.Cap11)]
    public void CAP_11_A_profile_that_is_not_in_the_catalogue_is_refused()
    {
        var story = SignedIn();
        story.When(Assign("c1", profiles: "nothing")).ThenRefused("profile-unknown");
        story.When(Configure(_ => Story.Settings(profiles: "nothing"))).ThenRefused("profile-unknown");
        story.When(ResetCapacity("nothing")).ThenRefused("profile-unknown");
    }

    [Fact, Trait("Rule", Rules.Cap11)]
    public void CAP_11_A_profile_named_twice_takes_one_item() =>
        SignedIn(null, "calls").When(Start("c1", profiles: ["calls", "calls"])).And(ana => Assert.Equal(1, ana.DayCounts["calls"].Items));

    [Fact, Trait("Rule", Rules.Cap12)]
    public void CAP_12_A_custom_limit_comes_before_that_of_the_profile_and_lowered_takes_nothing_away() =>
        SignedIn(null, "chat:3")
            .Given(Start("c1", profiles: "chat"), Start("c2", profiles: "chat"))
            .Stands("busy")
            .At("00:01:00")
            .When(Configure(_ => Story.Settings(profiles: "chat:1")))
            .Then("00:01:00 AgentConfigured", "00:01:00 busy -> do-not-disturb, Capacity, CAP-6")
            .And(ana => Assert.Equal(2, ana.Conversations.Count));

    [Theory, Trait("Rule", Rules.Cap14)]
    [InlineData(true, "busy")]
    [InlineData(false, "available")]
    public void CAP_14_Work_that_takes_nothing(bool policy, string status) =>
        SignedIn(100, "chat")
            .Policy(p => p with { ZeroCapacityWorkSetsBusy = policy })
            .Given(Start("c1", profiles: "voice"))
            .Stands(status);

    [Theory, Trait("Rule", Rules.Cap14)]
    [InlineData(1, "voice")]
    [InlineData(0, "chat")]
    public void CAP_14_Work_that_takes_something_counts_with_the_policy_off(int units, string profile) =>
        SignedIn(100, "chat")
            .Policy(p => p with { ZeroCapacityWorkSetsBusy = false })
            .Given(Start("c1", units, null, profile))
            .Stands("busy");

    [Fact, Trait("Rule", Rules.Cap2), Trait("Rule", Rules.Cat4)]
    public void CAP_2_Gives_the_out_of_the_box_status_where_a_custom_one_of_the_same_base_stands() =>
        new Story()
            .Status("busy-email", BaseStatus.Busy)
            .Ana(100)
            .Given(SignIn(), Set("busy-email"))
            .At("00:01:00")
            .When(Start("c1", 10))
            .Then(
                "00:01:00 ConversationAssigned c1 CAP-7",
                "00:01:00 ConversationAccepted c1 CAP-10",
                "00:01:00 busy-email -> busy, Capacity, CAP-2"
            );

    [Fact, Trait("Rule", Rules.Who1), Trait("Rule", Rules.Cap3)]
    public void CAP_3_The_change_says_what_capacity_looked_at()
    {
        var story = SignedIn(10, "email:2");
        story.Given(Start("c1", 10, null, "email"), Start("c2", 0, null, "email"));
        var inputs = story.Last<PresenceChanged>().Capacity!;
        Assert.Equal((10, 10, 2), (inputs.UnitsTotal, inputs.UnitsUsed, inputs.OpenSessions));
        Assert.Equal(new ProfileInputs("email", 2, 2, false), Assert.Single(inputs.Profiles));
    }
}
