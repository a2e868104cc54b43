using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Routing;
using PresenceLedger.Domain.Statuses;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Routing;

/// <summary>Which agents work may be given to, and in which order.</summary>
public class EligibilityTests
{
    private static readonly Need Anything = new();

    private static Story SignedIn(int? units = null, params string[] profiles) =>
        new Story()
            .Profile("chat", 2)
            .Profile("voice", 1, blocking: true)
            .Profile("calls", 1, reset: ProfileReset.EndOfDay)
            .Ana(units, null, profiles)
            .Given(SignIn());

    private static Need Units(int units) => new() { Units = units };

    private static Need Profiles(params string[] profiles) => new() { Profiles = [.. profiles] };

    private static void Is(Story story, Need need, params string[] codes) =>
        Assert.Equal(codes, Eligibility.Of(story.Agent, story.Configuration, need).Select(o => o.Code));

    [Fact]
    public void Who_is_not_signed_in_is_not_eligible_and_neither_is_its_base_allowed() =>
        Is(new Story().Ana(100), Anything, "not-signed-in", "base-not-allowed");

    [Fact]
    public void The_base_counts_and_not_the_status()
    {
        var story = SignedIn(100).Status("away-training", BaseStatus.Away).Given(Set("away-training"));
        Is(story, Anything, "base-not-allowed");
        Is(story, Anything with { Allowed = [BaseStatus.Away] });
        Is(story.Given(Set("busy")), Anything);
        Is(story, Anything with { Allowed = [BaseStatus.Available] }, "base-not-allowed");
    }

    [Fact]
    public void Units_suffice_up_to_what_is_free()
    {
        var story = SignedIn(100).Given(Start("c1", 40));
        Is(story, Units(60));
        Is(story, Units(61), "units-insufficient");
        Is(SignedIn(), Units(1_000));
    }

    [Fact]
    public void Work_that_takes_nothing_goes_to_who_is_not_exhausted()
    {
        // Ringing: the presence does not show it yet.
        var story = SignedIn(100).Given(Assign("c1", 100)).Stands("available");
        Is(story, Anything, "capacity-exhausted");
        Is(story, Units(1), "units-insufficient");
        Is(SignedIn(0), Anything);
        Is(SignedIn(null, "voice").Given(Assign("c1", 0, null, "voice")), Units(10), "capacity-exhausted");
    }

    [Fact]
    public void Beyond_the_limit_nothing_is_free() =>
        Is(
            SignedIn(100).Given(Assign("c1", 101)),
            Anything with
            {
                Allowed = [BaseStatus.DoNotDisturb],
            },
            "units-insufficient",
            "capacity-exhausted"
        );

    [Fact]
    public void Each_profile_that_the_agent_has_needs_an_item_free()
    {
        var story = SignedIn(100, "chat", "voice").Given(Start("c1", 0, null, "voice"));
        Is(story, Profiles("chat"));
        Is(story, Profiles("chat", "voice"), "profile-exhausted");
        Is(SignedIn(100, "chat"), Profiles("voice"));
        Is(
            SignedIn(null, "calls").Given(Start("c1", 0, null, "calls"), Close("c1")),
            Profiles("calls"),
            "base-not-allowed",
            "profile-exhausted"
        );
    }

    [Fact]
    public void The_queue_and_every_skill_are_needed()
    {
        var settings = AgentSettings.None with { Queues = ["q1"], Skills = [new Skill("de", null), new Skill("en", "high")] };
        var story = new Story().Given(new ConfigureAgent(_ => settings), SignIn());
        Is(story, Anything with { Queue = "q1", Skills = ["de", "en"] });
        Is(story, Anything with { Queue = "q2", Skills = ["en", "fr", "it"] }, "queue-missing", "skill-missing", "skill-missing");
    }

    [Fact]
    public void Most_available_first()
    {
        Agent Of(string id, Story story) => story.Agent with { AgentId = id };
        var free = Of("free", SignedIn(100));
        var longer = Of("longer", SignedIn(10)) with { Since = free.Since.AddMinutes(-5) };
        var ringsNothing = Of("rings-nothing", SignedIn(100).Given(Assign("c1")));
        var half = Of("half", SignedIn(100).Given(Start("c1", 50)));
        var halfOfTwo = Of("half-of-two", SignedIn(null, "chat").Given(Start("c1", 0, null, "chat")));
        var same = half with { AgentId = "half-too" };
        var later = Of("later", SignedIn(100).At("00:01:00").Given(Start("c1", 50)));
        Agent[] all = [same, later, half, ringsNothing, free, longer, halfOfTwo];
        var configuration = SignedIn().Configuration;
        Assert.Equal(
            ["longer", "free", "rings-nothing", "half", "half-of-two", "half-too", "later"],
            all.OrderBy(a => Availability.Of(a, configuration), Availability.MostFirst).Select(a => a.AgentId)
        );
    }
}
