using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Policies;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

/// <summary>The life of a conversation: CAP-7, CAP-9, CAP-10, CAP-13, WRP, TRF, STK, WHO-2.</summary>
public class ConversationTests
{
    private static Story SignedIn(int? units = 100) =>
        new Story().Profile("calls", 1, reset: ProfileReset.EndOfDay).Profile("voice", 1).Ana(units).Given(SignIn());

    [Theory, Trait("Rule", Rules.Cap7)]
    [InlineData(ConversationVerb.Close)]
    [InlineData(ConversationVerb.Release)]
    [InlineData(ConversationVerb.Miss)]
    [InlineData(ConversationVerb.Reject)]
    public void CAP_7_Capacity_is_taken_at_assignment_and_given_back_at_the_end(ConversationVerb verb) =>
        SignedIn()
            .Given(Assign("c1", 40))
            .And(ana => Assert.Equal(40, ana.UnitsUsed))
            .Given(new MoveConversation("c1", verb))
            .And(ana => Assert.Equal(0, ana.UnitsUsed))
            .And(ana => Assert.Empty(ana.Conversations));

    [Fact, Trait("Rule", Rules.Cap7), Trait("Rule", Rules.Cap9)]
    public void CAP_7_Waiting_gives_back_and_resume_takes_again() =>
        SignedIn()
            .Given(Start("c1", 100))
            .At("00:01:00")
            .When(Wait("c1"))
            .Then("00:01:00 ConversationWaiting c1 CAP-7", "00:01:00 do-not-disturb -> available, Capacity, CAP-1")
            .At("00:02:00")
            .When(Resume("c1"))
            .Then("00:02:00 ConversationResumed c1 CAP-7", "00:02:00 available -> do-not-disturb, Capacity, CAP-3");

    [Fact, Trait("Rule", Rules.Cap7), Trait("Rule", Rules.Cap9)]
    public void CAP_7_An_end_of_day_profile_gives_back_at_the_reset_also_for_conversations_still_open() =>
        SignedIn(null)
            .Given(Configure(_ => Story.Settings(profiles: "calls")), Start("c1", profiles: "calls"))
            .Stands("do-not-disturb", rule: "CAP-3")
            .Given(Wait("c1"))
            .Stands("do-not-disturb")
            .Given(Resume("c1"))
            .At("00:01:00")
            .When(ResetCapacity("calls"))
            .Then("00:01:00 CapacityReset calls CAP-7", "00:01:00 do-not-disturb -> busy, Capacity, CAP-2")
            .And(ana => Assert.Single(ana.Conversations));

    [Fact, Trait("Rule", Rules.Cap7)]
    public void CAP_7_A_reset_of_nothing_is_no_event() =>
        SignedIn(null).Given(Configure(_ => Story.Settings(profiles: "calls"))).When(ResetCapacity("calls")).ThenNothing();

    [Fact, Trait("Rule", Rules.Cap9)]
    public void CAP_9_A_reset_of_nothing_decides_where_the_status_changes_by_it() =>
        SignedIn(null)
            .Given(Configure(_ => Story.Settings(profiles: "calls")), Set("busy"))
            .When(ResetCapacity("calls"))
            .Then("00:00:00 CapacityReset calls CAP-7", "00:00:00 busy -> available, Capacity, CAP-1");

    [Fact, Trait("Rule", Rules.Cap7), Trait("Rule", Rules.Tim1)]
    public void CAP_7_The_end_of_the_day_comes_by_itself_at_its_time() =>
        SignedIn(null)
            .Policy(p => p with { EndOfDay = new EndOfDay(new TimeOnly(18, 0), "Europe/Berlin") })
            .Given(Configure(_ => Story.Settings(profiles: "calls")), Start("c1", profiles: "calls"), Close("c1"))
            .Stands("do-not-disturb")
            .At("08:59:59.999")
            .When(Settle())
            .ThenNothing()
            .At("12:00:00")
            .When(Settle())
            .Then("09:00:00 CapacityReset calls CAP-7", "09:00:00 do-not-disturb -> available, Capacity, CAP-1");

    [Fact, Trait("Rule", Rules.Cap9)]
    public void CAP_9_A_decision_for_the_status_that_already_stands_is_no_event() =>
        SignedIn()
            .Given(Start("c1", 40))
            .When(Start("c2", 40))
            .Then("00:00:00 ConversationAssigned c2 CAP-7", "00:00:00 ConversationAccepted c2 CAP-10");

    [Fact, Trait("Rule", Rules.Cap9)]
    public void CAP_9_A_change_of_units_decides_and_of_other_settings_does_not() =>
        SignedIn()
            .Given(Start("c1", 40), Set("available"))
            .When(Configure(s => s with { Queues = ["billing"], DefaultStatusId = "away" }))
            .Then("00:00:00 AgentConfigured")
            .When(Configure(s => s with { Units = 40 }))
            .Then("00:00:00 AgentConfigured", "00:00:00 available -> do-not-disturb, Capacity, CAP-3")
            .When(Configure(s => s))
            .ThenNothing();

    [Fact, Trait("Rule", Rules.Cap9)]
    public void CAP_9_Missed_and_rejected_do_not_make_capacity_decide() =>
        SignedIn()
            .Policy(p => p with { MissedNotificationSetsInactive = false, RejectedNotificationSetsDoNotDisturb = false })
            .Given(Start("c1", 40), Set("available"), Assign("c2", 10), Assign("c3", 10))
            .When(Miss("c2"))
            .Then("00:00:00 ConversationMissed c2 NOT-1")
            .When(Reject("c3"))
            .Then("00:00:00 ConversationRejected c3 NOT-2");

    [Fact, Trait("Rule", Rules.Cap10), Trait("Rule", Rules.Tim3)]
    public void CAP_10_An_automatic_acceptance_is_an_assignment_and_an_acceptance_at_one_instant() =>
        SignedIn()
            .At("00:01:00")
            .When(Start("c1", 40))
            .Then(
                "00:01:00 ConversationAssigned c1 CAP-7",
                "00:01:00 ConversationAccepted c1 CAP-10",
                "00:01:00 available -> busy, Capacity, CAP-2"
            );

    [Fact, Trait("Rule", Rules.Cap10), Trait("Rule", Rules.Wrp1)]
    public void CAP_10_An_outbound_attempt_is_active_at_once_and_may_go_to_wrap_up_although_nobody_answered() =>
        SignedIn()
            .At("00:01:00")
            .When(Dial("c1", 40, BlockFor(60)))
            .Then(
                "00:01:00 ConversationAssigned c1 CAP-7",
                "00:01:00 ConversationAccepted c1 CAP-10",
                "00:01:00 available -> busy, Capacity, CAP-2"
            )
            .At("00:01:30")
            .When(EndOf("c1"))
            .Then("00:01:30 WrapUpStarted c1 WRP-1")
            .At("00:03:00")
            .When(Close("c1"))
            .Then(
                "00:02:30 WrapUpBlockEnded c1 WRP-3",
                "00:02:30 busy -> available, Capacity, CAP-1",
                "00:03:00 ConversationClosed c1 WRP-2"
            );

    [Theory, Trait("Rule", Rules.Cap10), Trait("Rule", Rules.Cap13)]
    [InlineData(ConversationVerb.Reject)]
    [InlineData(ConversationVerb.Miss)]
    [InlineData(ConversationVerb.Undelivered)]
    public void CAP_10_An_outbound_attempt_was_never_offered(ConversationVerb verb) =>
        SignedIn().Given(Dial("c1")).When(new MoveConversation("c1", verb)).ThenRefused("conversation-not-assigned");

    [Fact, Trait("Rule", Rules.Cap13)]
    public void CAP_13_Assigning_what_is_open_and_accepting_what_is_accepted_are_no_ops()
    {
        var story = SignedIn().Given(Assign("c1", 40));
        story.When(Assign("c1", 99)).ThenNothing().When(Start("c1")).ThenNothing();
        story.Given(Accept("c1")).When(Accept("c1")).ThenNothing();
        story.And(ana => Assert.Equal(40, ana.UnitsUsed));
    }

    public static TheoryData<string, ConversationVerb, string?> Fits()
    {
        var data = new TheoryData<string, ConversationVerb, string?>();
        string[] states = ["assigned", "active", "waiting", "wrap-up"];
        foreach (var state in states)
        {
            data.Add(state, ConversationVerb.Accept, state is "assigned" or "active" ? null : "conversation-not-assigned");
            data.Add(state, ConversationVerb.Undelivered, state is "assigned" ? null : "conversation-not-assigned");
            data.Add(state, ConversationVerb.Reject, state is "assigned" ? null : "conversation-not-assigned");
            data.Add(state, ConversationVerb.Miss, state is "assigned" ? null : "conversation-not-assigned");
            data.Add(state, ConversationVerb.Wait, state is "active" ? null : "conversation-not-active");
            data.Add(state, ConversationVerb.WrapUp, state is "active" ? null : "conversation-not-active");
            data.Add(state, ConversationVerb.Resume, state is "waiting" ? null : "conversation-not-waiting");
            data.Add(state, ConversationVerb.Close, null);
            data.Add(state, ConversationVerb.Release, null);
        }
        return data;
    }

    [Theory, Trait("Rule", Rules.Cap13)]
    [MemberData(nameof(Fits))]
    public void CAP_13_A_verb_that_does_not_fit_the_state_is_refused(string state, ConversationVerb verb, string? code)
    {
        var story = SignedIn().Given(Assign("c1"));
        if (state is not "assigned")
            story.Given(Accept("c1"));
        if (state is "waiting")
            story.Given(Wait("c1"));
        if (state is "wrap-up")
            story.Given(EndOf("c1"));

        story.When(new MoveConversation("c1", verb));

        if (code is null)
            story.ThenAccepted();
        else
            story.ThenRefused(code);
        story.When(new MoveConversation("c2", verb)).ThenRefused("conversation-unknown");
    }

    [Fact, Trait("Rule", Rules.Cap13), Trait("Rule", Rules.Trf2), Trait("Rule", Rules.Stk2)]
    public void CAP_13_Transfer_and_forced_release_fit_every_open_state_and_no_other()
    {
        var story = SignedIn().Given(Assign("c1"), Start("c2"), Start("c3"), Wait("c3"), Start("c4"), EndOf("c4"));
        story.Given(Transfer("c1"), Transfer("c2"), Transfer("c3"), Transfer("c4")).And(ana => Assert.Empty(ana.Conversations));
        story.When(Transfer("c1")).ThenRefused("conversation-unknown");
        story.When(ForceRelease("c1")).ThenRefused("conversation-unknown");
    }

    [Fact, Trait("Rule", Rules.Wrp1)]
    public void WRP_1_Always_block_takes_its_capacity_until_it_is_closed() =>
        SignedIn()
            .Given(Start("c1", 100, AlwaysBlock), EndOf("c1"))
            .At("10:00:00")
            .Given(Settle())
            .Stands("do-not-disturb")
            .Given(Close("c1"))
            .Stands("available");

    [Fact, Trait("Rule", Rules.Wrp1)]
    public void WRP_1_Dont_block_gives_back_as_wrap_up_begins() =>
        SignedIn()
            .Given(Start("c1", 100, DontBlock))
            .At("00:01:00")
            .When(EndOf("c1"))
            .Then("00:01:00 WrapUpStarted c1 WRP-1", "00:01:00 do-not-disturb -> available, Capacity, CAP-1")
            .And(ana => Assert.Single(ana.Conversations))
            .When(Close("c1"))
            .Then("00:01:00 ConversationClosed c1 WRP-2");

    [Fact, Trait("Rule", Rules.Wrp1), Trait("Rule", Rules.Wrp3)]
    public void WRP_3_A_custom_block_ends_when_it_was_due_and_is_noticed_later()
    {
        var story = SignedIn().Given(Start("c1", 100, BlockFor(90))).At("00:01:00").Given(EndOf("c1"));
        story.At("00:02:29.999").When(Settle()).ThenNothing();
        story.At("01:00:00").When(Set("away"));
        story
            .Then(
                "00:02:30 WrapUpBlockEnded c1 WRP-3",
                "00:02:30 do-not-disturb -> available, Capacity, CAP-1",
                "01:00:00 available -> away, Manual, MAN-1"
            )
            .WithDue(2);
        Assert.Equal("01:00:00", Story.Time(story.Last<WrapUpBlockEnded>().DetectedAt));
    }

    [Fact, Trait("Rule", Rules.Wrp1), Trait("Rule", Rules.Wrp2)]
    public void WRP_1_A_custom_block_ends_at_close_where_that_comes_first() =>
        SignedIn()
            .Given(Start("c1", 100, BlockFor(90)), EndOf("c1"))
            .At("00:01:00")
            .When(Close("c1"))
            .Then("00:01:00 ConversationClosed c1 WRP-2", "00:01:00 do-not-disturb -> available, Capacity, CAP-1")
            .At("00:10:00")
            .When(Settle())
            .ThenNothing();

    [Fact, Trait("Rule", Rules.Trf1)]
    public void TRF_1_A_transfer_gives_back_here_and_is_assigned_there_unchanged()
    {
        var work = Work(100, BlockFor(60), "voice");
        SignedIn()
            .Given(new AssignConversation("c1", work, AutoAccept: true))
            .When(Transfer("c1", "ben"))
            .Then("00:00:00 ConversationTransferred c1 TRF-1", "00:00:00 do-not-disturb -> available, Capacity, CAP-1")
            .When(new AssignConversation("c2", work, FromAgentId: "ben"))
            .Then("00:00:00 ConversationAssigned c2 TRF-1")
            .And(ana => Assert.Equal(work, ana.Conversations["c2"].Work))
            .And(ana => Assert.Equal(ConversationState.Assigned, ana.Conversations["c2"].State));
    }

    [Fact, Trait("Rule", Rules.Trf2)]
    public void TRF_2_A_transfer_to_a_queue_or_an_external_number_gives_back_at_once() =>
        SignedIn()
            .Given(Start("c1", 60), Start("c2", 40))
            .When(Transfer("c1"))
            .Then("00:00:00 ConversationTransferred c1 TRF-2", "00:00:00 do-not-disturb -> busy, Capacity, CAP-2")
            .When(new TransferConversation("c2", null, null, "+49"))
            .Then("00:00:00 ConversationTransferred c2 TRF-2", "00:00:00 busy -> available, Capacity, CAP-1");

    [Fact, Trait("Rule", Rules.Trf1)]
    public void TRF_1_A_transfer_to_oneself_is_refused() =>
        SignedIn().Given(Start("c1")).When(Transfer("c1", "ana")).ThenRefused("validation");

    [Fact, Trait("Rule", Rules.Stk1)]
    public void STK_1_Activity_is_an_event_once_a_minute_at_most()
    {
        var story = SignedIn().Given(Start("c1"));
        story.At("00:00:59.999").When(Activity("c1")).ThenNothing();
        story.At("00:01:00").When(Activity("c1")).Then("00:01:00 ConversationActivity c1 STK-1");
        story.At("00:01:59.999").When(Activity("c1")).ThenNothing();
        story.At("00:02:00").When(Activity("c1")).Then("00:02:00 ConversationActivity c1 STK-1");
        story.When(Activity("c2")).ThenRefused("conversation-unknown");
        story.And(ana => Assert.Equal("00:02:00", Story.Time(ana.Conversations["c1"].LastActivityAt)));
    }

    [Fact, Trait("Rule", Rules.Stk1)]
    public void STK_1_The_threshold_is_that_of_the_channel_or_else_the_default()
    {
        var policy = new Policy();
        policy = policy with { StuckAfter = policy.StuckAfter.Add("voice", TimeSpan.FromMinutes(30)) };
        Assert.Equal(TimeSpan.FromMinutes(30), policy.StuckThreshold("voice"));
        Assert.Equal(TimeSpan.FromHours(4), policy.StuckThreshold("chat"));
        Assert.Equal(TimeSpan.FromHours(4), policy.StuckThreshold(null));
        Assert.Null((policy with { StuckAfter = policy.StuckAfter.Remove(Policy.AnyChannel) }).StuckThreshold("chat"));
    }

    [Fact, Trait("Rule", Rules.Stk2)]
    public void STK_2_A_forced_release_is_a_fact_of_its_own_and_capacity_decides() =>
        SignedIn()
            .Given(Start("c1", 100), EndOf("c1"))
            .At("09:00:00")
            .When(ForceRelease("c1"))
            .Then("09:00:00 ConversationForceReleased c1 STK-2", "09:00:00 do-not-disturb -> available, Capacity, CAP-1");

    [Fact, Trait("Rule", Rules.Who2)]
    public void WHO_2_The_ways_a_conversation_ends_are_different_facts()
    {
        var story = SignedIn().Policy(p => p with { MissedNotificationSetsInactive = false, RejectedNotificationSetsDoNotDisturb = false });
        story.Given(Assign("c1"), Miss("c1"), Assign("c2"), Reject("c2"), Assign("c3"), Close("c3"), Assign("c4"), Release("c4"));
        story.Given(Assign("c5"), Transfer("c5"), Assign("c6"), ForceRelease("c6"), Start("c7"), Close("c7"));
        Assert.Equal(
            [
                typeof(ConversationMissed),
                typeof(ConversationRejected),
                typeof(ConversationAbandoned),
                typeof(ConversationReleased),
                typeof(ConversationTransferred),
                typeof(ConversationForceReleased),
                typeof(ConversationClosed),
            ],
            story.Recorded.OfType<ConversationEnded>().Select(e => e.GetType())
        );
    }
}
