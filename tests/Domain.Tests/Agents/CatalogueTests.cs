using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

/// <summary>CAT: the configuration, and what agents may do with it.</summary>
public class CatalogueTests
{
    private static readonly Configuration WithTraining = After(Configuration.Initial, Define("away-training", BaseStatus.Away));

    [Fact, Trait("Rule", Rules.Cat1)]
    public void CAT_1_The_six_out_of_the_box_statuses_exist_from_the_beginning() =>
        Assert.Equal(
            ["available", "away", "busy", "do-not-disturb", "inactive", "offline"],
            Configuration.Initial.Statuses.Values.Where(s => s.BuiltIn).Select(s => s.Id)
        );

    public static TheoryData<string> BuiltIn => [.. BuiltInStatuses.All.Select(s => s.Id)];

    [Theory, Trait("Rule", Rules.Cat1)]
    [MemberData(nameof(BuiltIn))]
    public void CAT_1_They_cannot_be_changed_or_retired(string id)
    {
        Refused(Configuration.Initial, Define(id, BaseStatus.Away), "status-built-in");
        Refused(Configuration.Initial, new RetireStatus(id), "status-built-in");
    }

    [Fact, Trait("Rule", Rules.Cat2)]
    public void CAT_2_A_custom_status_can_be_added_edited_and_retired()
    {
        Assert.Equal(new Status("away-training", "away-training", "In training", BaseStatus.Away), WithTraining.Status("away-training"));
        var edited = After(WithTraining, new DefineStatus("away-training", "T", "Training", BaseStatus.Busy, "for courses"));
        Assert.Equal(new Status("away-training", "T", "Training", BaseStatus.Busy, "for courses"), edited.Status("away-training"));
        Assert.True(After(edited, new RetireStatus("away-training")).Status("away-training")!.Retired);
        Refused(Configuration.Initial, new RetireStatus("away-training"), "status-unknown");
    }

    [Fact, Trait("Rule", Rules.Cat2)]
    public void CAT_2_Its_base_cannot_change_once_it_has_been_used_and_its_text_can()
    {
        var used = After(WithTraining, new UseStatus("away-training"));
        Refused(used, Define("away-training", BaseStatus.Busy), "status-in-use");
        var edited = After(used, new DefineStatus("away-training", "T", "Training", BaseStatus.Away, null)).Status("away-training")!;
        Assert.Equal(("Training", true), (edited.Text, edited.Used));
    }

    public static TheoryData<ConfigurationCommand> Repeats =>
        new()
        {
            Define("away-training", BaseStatus.Away),
            new UseStatus("away-training"),
            new RetireStatus("away-training"),
            new SetCapacityProfile(new CapacityProfile("voice", "Voice", 1, true, ProfileReset.Immediate)),
            new ChangePolicy(new Policy { EndOfDay = new EndOfDay(new TimeOnly(18, 0), "Europe/Berlin"), MaxOpenSessions = 3 }),
        };

    [Theory, Trait("Rule", Rules.Cat2)]
    [MemberData(nameof(Repeats))]
    public void CAT_2_A_configuration_command_that_repeats_what_holds_is_a_no_op(ConfigurationCommand command)
    {
        var after = After(Configuration.Initial, Define("away-training", BaseStatus.Away));
        var once = After(after, command);
        Assert.Same(once, After(once, command));
    }

    [Fact, Trait("Rule", Rules.Cat2)]
    public void CAT_2_Using_an_out_of_the_box_or_unknown_status_is_no_event()
    {
        Assert.Same(WithTraining, After(WithTraining, new UseStatus("away")));
        Assert.Same(WithTraining, After(WithTraining, new UseStatus("nowhere")));
    }

    [Fact, Trait("Rule", Rules.Cat3)]
    public void CAT_3_Inactive_is_no_manual_choice_and_no_default() =>
        new Story()
            .Ana()
            .Given(SignIn())
            .When(Set("inactive"))
            .ThenRefused("status-not-selectable")
            .When(Configure(s => s with { DefaultStatusId = "inactive" }))
            .ThenRefused("status-not-selectable");

    [Theory, Trait("Rule", Rules.Cat4)]
    [InlineData(BaseStatus.Available, "do-not-disturb")]
    [InlineData(BaseStatus.Busy, "do-not-disturb")]
    [InlineData(BaseStatus.DoNotDisturb, "lunch")]
    [InlineData(BaseStatus.Away, "lunch")]
    [InlineData(BaseStatus.Offline, "lunch")]
    public void CAT_4_Rules_look_at_the_base(BaseStatus @base, string afterAccept) =>
        new Story().Status("lunch", @base).Ana(10).Given(SignIn(), Set("lunch"), Start("c1", 10)).Stands(afterAccept);

    [Fact, Trait("Rule", Rules.Cat5)]
    public void CAT_5_A_retired_status_cannot_be_made_a_default_and_as_a_default_gives_available()
    {
        var story = new Story().Status("away-training", BaseStatus.Away).Ana(@default: "away-training");
        story.Given(SignIn()).Stands("away-training").Retired("away-training");
        story.At("00:01:00").Given(Start("c1"), Settle()).Stands("away-training");
        story.When(Configure(s => s with { Queues = ["q"] })).Then("00:01:00 AgentConfigured");
        story.Given(Close("c1"), SignOut()).At("00:10:00").Given(SignIn()).Stands("available", Origin.Default, "SGN-1");
        story.Given(Configure(s => s with { DefaultStatusId = null }));
        story.When(Configure(s => s with { DefaultStatusId = "away-training" })).ThenRefused("status-retired");
    }

    [Fact, Trait("Rule", Rules.Cat5), Trait("Rule", Rules.Sgn2)]
    public void CAT_5_A_retired_default_counts_as_available_also_with_open_conversations() =>
        new Story()
            .Status("away-training", BaseStatus.Away)
            .Ana(100, "away-training")
            .Retired("away-training")
            .Given(Assign("c1", 40), SignIn())
            .Stands("busy", Origin.Capacity, "SGN-2");

    private static DefineStatus Define(string id, BaseStatus @base) => new(id, id, "In training", @base, null);

    private static Configuration After(Configuration configuration, ConfigurationCommand command)
    {
        var decision = ConfigurationDecider.Decide(configuration, command, Story.Start);
        Assert.Null(decision.Refusal);
        return decision.Events.Aggregate(configuration, (c, e) => c.Evolve(e));
    }

    private static void Refused(Configuration configuration, ConfigurationCommand command, string code)
    {
        var decision = ConfigurationDecider.Decide(configuration, command, Story.Start);
        Assert.Equal(code, decision.Refusal?.Code);
        Assert.Empty(decision.Events);
    }
}
