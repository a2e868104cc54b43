using PresenceLedger.Domain.Capacity;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class CapacityTests
{
    [Fact, Trait("Rule", Rules.Cap11)]
    public void CAP_11_A_profile_named_twice_takes_one_item() =>
        new Story()
            .Profile("calls", 3, reset: ProfileReset.EndOfDay)
            .Ana(profiles: "calls")
            .Given(SignIn())
            .When(Start("c1", profiles: ["calls", "calls"]))
            .And(ana => Assert.Equal(1, ana.DayCounts["calls"].Items));
}
