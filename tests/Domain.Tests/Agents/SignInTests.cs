using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class SignInTests
{
    [Fact, Trait("Rule", Rules.Sgn6)]
    public void SGN_6_An_unknown_status_is_named_before_an_unknown_profile_and_that_before_a_status_that_cannot_be_chosen()
    {
        var story = new Story().Ana();
        story.When(Configure(_ => Story.Settings(null, "nowhere", "nothing"))).ThenRefused("status-unknown");
        story.When(Configure(_ => Story.Settings(null, "inactive", "nothing"))).ThenRefused("profile-unknown");
        story.When(Configure(_ => Story.Settings(null, "inactive"))).ThenRefused("status-not-selectable");
    }
}
