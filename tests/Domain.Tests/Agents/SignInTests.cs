using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class SignInTests
{
    [Fact, Trait("Rule", Rules.Sgn1)]
    public void SGN_1_Sign_in_without_open_conversations_gives_the_default_presence() =>
        new Story()
            .Status("busy-email", BaseStatus.Busy)
            .Ana(@default: "busy-email")
            .At("00:01:00")
            .When(SignIn())
            .Then("00:01:00 AgentSignedIn main", "00:01:00 offline -> busy-email, Default, SGN-1");

    [Fact, Trait("Rule", Rules.Sgn1)]
    public void SGN_1_The_default_presence_is_available_where_none_is_configured() =>
        new Story().Ana().Given(SignIn()).Stands("available", Origin.Default, "SGN-1");

    [Fact, Trait("Rule", Rules.Sgn1)]
    public void SGN_1_A_default_presence_offline_is_a_change_of_origin() =>
        new Story()
            .Ana(@default: "offline")
            .At("00:01:00")
            .When(SignIn())
            .Then("00:01:00 AgentSignedIn main", "00:01:00 offline -> offline, Default, SGN-1")
            .Stands("offline", since: "00:00:00")
            .And(ana => Assert.True(ana.SignedIn));

    [Theory, Trait("Rule", Rules.Sgn2)]
    [InlineData("away", "away", Origin.Default)]
    [InlineData("do-not-disturb", "do-not-disturb", Origin.Default)]
    [InlineData("offline", "offline", Origin.Default)]
    [InlineData("available", "busy", Origin.Capacity)]
    [InlineData("busy", "busy", Origin.Capacity)]
    public void SGN_2_Sign_in_with_open_conversations(string @default, string status, Origin origin) =>
        new Story().Ana(100, @default).Given(Assign("c1", 40), SignIn()).Stands(status, origin, "SGN-2");

    [Fact, Trait("Rule", Rules.Sgn2)]
    public void SGN_2_A_waiting_conversation_is_open_and_takes_nothing() =>
        new Story().Ana(100, "busy").Given(Start("c1", 100), Wait("c1"), SignIn()).Stands("available", Origin.Capacity, "SGN-2");

    [Fact, Trait("Rule", Rules.Sgn3)]
    public void SGN_3_A_further_connection_changes_nothing_about_presence() =>
        new Story()
            .Ana()
            .Given(SignIn("edge"), Set("away"))
            .At("00:01:00")
            .When(SignIn("firefox"))
            .Then("00:01:00 ConnectionOpened firefox SGN-3")
            .Stands("away", Origin.Manual);

    [Fact, Trait("Rule", Rules.Sgn3)]
    public void SGN_3_Signing_in_again_over_a_live_connection_is_a_no_op() =>
        new Story().Ana().Given(SignIn()).At("00:01:00").When(SignIn()).ThenNothing();

    [Fact, Trait("Rule", Rules.Sgn4)]
    public void SGN_4_Sign_out_closes_every_connection_and_sets_offline() =>
        new Story()
            .Ana()
            .Given(SignIn("edge"), SignIn("firefox"), Set("away"))
            .At("00:01:00")
            .When(SignOut())
            .Then("00:01:00 AgentSignedOut SGN-4", "00:01:00 away -> offline, Connection, SGN-4")
            .And(ana => Assert.Empty(ana.Connections));

    [Theory, Trait("Rule", Rules.Sgn4), Trait("Rule", Rules.Con4), Trait("Rule", Rules.Con5)]
    [InlineData("00:03:30", "away", Origin.Manual, "CON-4")]
    [InlineData("00:03:30.001", "available", Origin.Default, "SGN-1")]
    public void SGN_4_Signing_in_again_within_the_restore_window_restores(string at, string status, Origin origin, string rule) =>
        new Story().Ana().Given(SignIn(), Set("away")).At("00:01:00").Given(SignOut()).At(at).Given(SignIn()).Stands(status, origin, rule);

    [Fact, Trait("Rule", Rules.Sgn5)]
    public void SGN_5_Nothing_happens_by_itself_because_a_day_begins_or_ends() =>
        new Story().Ana(100).Given(SignIn()).At("47:00:00").When(Settle()).ThenNothing();

    public static TheoryData<AgentCommand> NeedSignIn => new() { SignOut(), Set("away"), Reset(), Accept("c1"), Join("c9") };

    [Theory, Trait("Rule", Rules.Sgn6)]
    [MemberData(nameof(NeedSignIn))]
    public void SGN_6_Needs_a_signed_in_agent(AgentCommand command) =>
        new Story().Ana().Given(Assign("c1")).When(command).ThenRefused("agent-not-signed-in");

    [Fact, Trait("Rule", Rules.Sgn6)]
    public void SGN_6_The_other_verbs_are_facts_and_are_accepted_in_any_state()
    {
        var story = new Story().Ana(100);
        story.Given(Start("c1", 10), Wait("c1"), Resume("c1"), EndOf("c1"), Close("c1"));
        story.Given(Assign("c2"), Miss("c2"), Assign("c3"), Reject("c3"), Assign("c4"), Release("c4"));
        story.Given(Assign("c5"), Transfer("c5", "ben"), Assign("c6"), ForceRelease("c6"));
        story.Stands("offline", Origin.Connection).And(ana => Assert.Empty(ana.Conversations));
        Assert.DoesNotContain(story.Recorded, e => e is PresenceChanged);
    }

    [Fact, Trait("Rule", Rules.Sgn6)]
    public void SGN_6_Signed_in_comes_before_known_and_known_before_allowed()
    {
        var story = new Story().Ana();
        story.When(Set("nowhere")).ThenRefused("agent-not-signed-in");
        story.When(Accept("nothing")).ThenRefused("agent-not-signed-in");
        story.Given(SignIn()).When(Set("nowhere")).ThenRefused("status-unknown");
        story.When(Accept("nothing")).ThenRefused("conversation-unknown");
        story.Given(Start("c1")).When(Miss("c1")).ThenRefused("conversation-not-assigned");
    }

    [Fact, Trait("Rule", Rules.Sgn6)]
    public void SGN_6_An_agent_that_was_never_registered_is_unknown()
    {
        var story = new Story();
        story.When(SignIn()).ThenRefused("agent-unknown");
        story.When(Set("away")).ThenRefused("agent-unknown");
        story.When(Settle()).ThenRefused("agent-unknown");
    }

    [Fact, Trait("Rule", Rules.Sgn6)]
    public void SGN_6_An_unknown_status_is_named_before_an_unknown_profile_and_that_before_a_status_that_cannot_be_chosen()
    {
        var story = new Story().Ana();
        story.When(Configure(_ => Story.Settings(null, "nowhere", "nothing"))).ThenRefused("status-unknown");
        story.When(Configure(_ => Story.Settings(null, "inactive", "nothing"))).ThenRefused("profile-unknown");
        story.When(Configure(_ => Story.Settings(null, "inactive"))).ThenRefused("status-not-selectable");
    }
}
