using System.Reflection;
using PresenceLedger.Domain.Agents;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class ProvenanceTests
{
    [Fact, Trait("Rule", Rules.Who1)]
    public void WHO_1_A_change_of_presence_names_before_after_rule_and_the_event_it_follows_from()
    {
        var story = new Story().Ana(100).Given(SignIn(), Start("c1", 40), Set("away"), SignOut());
        var status = StandingStatus.NotConnected;
        foreach (var change in story.Recorded.OfType<PresenceChanged>())
        {
            Assert.Equal(status, change.From);
            Assert.Contains(change.Rule, Rules.All);
            status = change.To;
        }
        Assert.Equal(
            [typeof(AgentSignedIn), typeof(ConversationAccepted), null, typeof(AgentSignedOut)],
            story.Recorded.OfType<PresenceChanged>().Select(p => p.Follows is { } at ? story.Recorded[(int)at].GetType() : null)
        );
    }

    [Fact, Trait("Rule", Rules.Who3)]
    public void WHO_3_No_event_has_room_for_a_name_or_an_address_of_a_person()
    {
        string[] allowed =
        [
            "AgentId",
            "ConversationId",
            "ConnectionId",
            "ProfileId",
            "StatusId",
            "FromAgentId",
            "ToAgentId",
            "DefaultStatusId",
            "Client",
            "Rule",
            "Channel",
            "Queue",
            "Workstream",
            "ToQueue",
            "External",
        ];
        var texts = typeof(AgentEvent)
            .Assembly.GetTypes()
            .Where(t =>
                t.IsAssignableTo(typeof(AgentEvent)) || t == typeof(AgentSettings) || t == typeof(Work) || t == typeof(StandingStatus)
            )
            .SelectMany(t => t.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            .Where(p => p.PropertyType == typeof(string))
            .Select(p => p.Name)
            .Distinct();
        Assert.Empty(texts.Except(allowed));
    }
}
