using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

/// <summary>What somebody should look at in open conversations: STK-1, STK-3.</summary>
public class FlagTests
{
    private static Story SignedIn(string agentId = "ana") => new Story(agentId).Ana(100).Given(SignIn());

    private static IEnumerable<string> FlagsOf(Story story) =>
        Flags.Of(story.Agent, story.Configuration.Policy, story.Now).Select(f => $"{f.ConversationId} {f.Flag}");

    /// <summary>Each agent with what it has in common with whom.</summary>
    private static IEnumerable<string> ConflictsOf(params Story[] stories) =>
        from agent in Flags.Conflicts(stories.Select(s => s.Agent)).OrderBy(c => c.Key, StringComparer.Ordinal)
        from conflict in agent.Value
        select $"{agent.Key}: {conflict.ConversationId} with {string.Join(" and ", conflict.Others)}";

    [Fact, Trait("Rule", Rules.Stk1)]
    public void STK_1_An_offer_has_a_threshold_of_its_own()
    {
        var story = SignedIn().Given(Assign("c1", 10), Start("c2", 10)).At("00:02:00");
        Assert.Empty(FlagsOf(story));
        story.At("00:02:00.001");
        Assert.Equal(["c1 Offer"], FlagsOf(story));
        Assert.Equal(["c1 Offer", "c2 Stuck"], FlagsOf(story.At("04:00:00.001")));
    }

    [Fact, Trait("Rule", Rules.Stk1)]
    public void STK_1_Accepting_an_offer_or_a_sign_of_life_ends_the_flag()
    {
        var story = SignedIn().Given(Assign("c1", 10), Assign("c2", 10)).At("00:03:00").Given(Accept("c1"), Activity("c2"));
        Assert.Empty(FlagsOf(story));
        Assert.Equal(["c2 Offer"], FlagsOf(story.At("00:05:00.001")));
    }

    [Fact, Trait("Rule", Rules.Stk1)]
    public void STK_1_The_threshold_of_offers_is_the_policys_whatever_that_of_the_channel()
    {
        var story = SignedIn().Policy(p => p with { OfferAfter = TimeSpan.FromSeconds(20), StuckAfter = p.StuckAfter.Clear() });
        Assert.Equal(["c1 Offer"], FlagsOf(story.Given(Assign("c1"), Start("c2")).At("00:00:20.001")));
    }

    [Fact, Trait("Rule", Rules.Stk3)]
    public void STK_3_A_conversation_that_is_open_with_two_is_a_conflict_of_both()
    {
        var (ana, ben, cid) = (SignedIn(), SignedIn("ben"), SignedIn("cid"));
        ana.Given(Start("c1"), Start("c2"));
        ben.Given(Assign("c1"), Start("c3"));
        cid.Given(Start("c4"));
        Assert.Equal(["ana: c1 with ben", "ben: c1 with ana"], ConflictsOf(ana, ben, cid));
        cid.Given(Assign("c1"));
        Assert.Equal(["ana: c1 with ben and cid", "ben: c1 with ana and cid", "cid: c1 with ana and ben"], ConflictsOf(cid, ben, ana));
    }

    [Fact, Trait("Rule", Rules.Stk3), Trait("Rule", Rules.Stk2)]
    public void STK_3_Nothing_is_decided_by_it_and_a_forced_release_ends_it()
    {
        var (ana, ben) = (SignedIn().Given(Start("c1", 40)), SignedIn("ben").Given(Assign("c1", 40)));
        ben.When(Accept("c1")).ThenAccepted().Stands("busy", rule: "CAP-2");
        ana.Stands("busy").Given(ForceRelease("c1"));
        Assert.Empty(ConflictsOf(ana, ben));
    }

    [Fact, Trait("Rule", Rules.Stk3), Trait("Rule", Rules.Trf1)]
    public void STK_3_A_transfer_that_is_under_way_is_none_and_a_conversation_that_came_back_meanwhile_is()
    {
        var work = Work(40);
        var (ana, ben) = (SignedIn().Given(Start("c1", 40)), SignedIn("ben").At("00:01:00"));
        ben.Given(new AssignConversation("c1", work, FromAgentId: "ana"));
        Assert.Empty(ConflictsOf(ana, ben));
        ana.At("00:01:00.005").Given(new HandOver("c1", "ben", ben.Now));
        Assert.Empty(ConflictsOf(ana, ben));
        ana.At("00:02:00").Given(Start("c1", 40));
        Assert.Equal(["ana: c1 with ben", "ben: c1 with ana"], ConflictsOf(ana, ben));
    }

    [Fact, Trait("Rule", Rules.Dia2), Trait("Rule", Rules.Stk1), Trait("Rule", Rules.Stk3)]
    public void DIA_2_Both_are_prerequisites_that_fail_and_name_what_it_is()
    {
        var (ana, ben) = (SignedIn().Given(Assign("c1"), Start("c2")).At("00:03:00"), SignedIn("ben").Given(Start("c2")));
        var conflicts = Flags.Conflicts([ana.Agent, ben.Agent])["ana"];
        var failing = Prerequisites
            .Of(ana.Agent, Configuration.Initial, ana.Signs, conflicts, id => $"Ben ({id})", ana.Now)
            .Where(p => !p.Passes)
            .Select(p => $"{p.Check}: {p.Finding}");
        Assert.Equal(
            [
                "no-stuck-conversation: Awaiting acceptance for long: c1 (STK-1).",
                "no-conversation-conflict: Open with others at once: c2 with Ben (ben) (STK-3).",
            ],
            failing
        );
    }
}
