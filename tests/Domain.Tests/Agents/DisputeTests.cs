using PresenceLedger.Domain.Agents;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

/// <summary>What an agent says against an entry, and the erasure of the person: events that change nothing of the presence.</summary>
public class DisputeTests
{
    private static Story SignedIn() => new Story().Ana().Given(SignIn());

    [Fact]
    public void An_entry_of_the_own_stream_can_be_disputed_and_presence_stays_as_it_is()
    {
        var story = SignedIn();
        var before = story.Agent;

        story.At("00:01:00").When(Dispute(1)).Then("00:01:00 EntryDisputed");

        Assert.Equal(new Dispute(DisputeState.Open, story.Now, RaisedBy: 3), story.Agent.Disputes![1]);
        Assert.Equal(before with { Version = 3, LastOccurredAt = story.Now, Disputes = story.Agent.Disputes }, story.Agent);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    public void An_entry_that_there_is_not_cannot_be_disputed(long version) =>
        SignedIn().When(Dispute(version)).ThenRefused("entry-unknown");

    [Fact]
    public void Who_is_signed_out_may_dispute_too() => SignedIn().Given(SignOut()).When(Dispute(0)).ThenAccepted();

    [Fact]
    public void An_open_dispute_awaits_its_answer_before_there_is_another() =>
        SignedIn().Given(Dispute(1)).When(Dispute(1)).ThenRefused("dispute-open");

    [Fact]
    public void More_than_a_hundred_open_disputes_are_refused()
    {
        var story = SignedIn();
        for (var n = 0; n < Domain.Agents.Dispute.MostOpen; n++)
            story.Given(Dispute(n));

        story.When(Dispute(101)).ThenRefused("too-many-disputes");
        story.Given(Answer(7)).When(Dispute(101)).ThenAccepted();
    }

    [Theory]
    [InlineData(true, DisputeState.Accepted)]
    [InlineData(false, DisputeState.Rejected)]
    public void A_dispute_is_answered_once_and_may_be_raised_again(bool accepted, DisputeState state)
    {
        var story = SignedIn().Given(Dispute(1)).At("00:02:00").When(Answer(1, accepted)).Then("00:02:00 DisputeAnswered");

        var dispute = story.Agent.Disputes![1];
        Assert.Equal((state, 3L, (long?)4), (dispute.State, dispute.RaisedBy, dispute.AnsweredBy));
        Assert.Equal(story.Now, dispute.AnsweredAt);
        story.When(Answer(1)).ThenRefused("dispute-unknown");
        story.When(Dispute(1)).ThenAccepted();
        Assert.Equal(new Dispute(DisputeState.Open, story.Now, RaisedBy: 5), story.Agent.Disputes![1]);
    }

    [Fact]
    public void What_nobody_disputed_has_no_answer() => SignedIn().When(Answer(0)).ThenRefused("dispute-unknown");

    [Fact, Trait("Rule", Rules.Who3)]
    public void WHO_3_A_person_is_erased_when_signed_out_and_as_often_as_asked_for()
    {
        var story = SignedIn();
        story.When(Erase()).ThenRefused("agent-signed-in");

        story.Given(SignOut()).At("01:00:00").When(Erase()).Then("01:00:00 PersonErased");
        Assert.Equal(story.Now, story.Agent.ErasedAt);

        story.At("02:00:00").When(Erase()).Then("02:00:00 PersonErased");
        Assert.Equal(story.Now, story.Agent.ErasedAt);
        story.When(SignIn()).ThenAccepted();
    }

    [Theory]
    [InlineData(typeof(DisputeEntry))]
    [InlineData(typeof(AnswerDispute))]
    [InlineData(typeof(ErasePerson))]
    public void Of_an_agent_whom_nobody_knows_nothing_is_recorded(Type command) =>
        new Story()
            .When(
                command == typeof(DisputeEntry) ? Dispute(0)
                : command == typeof(AnswerDispute) ? Answer(0)
                : (AgentCommand)Erase()
            )
            .ThenRefused("agent-unknown");
}
