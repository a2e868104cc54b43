using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;
using static PresenceLedger.Domain.Tests.Commands;

namespace PresenceLedger.Domain.Tests.Agents;

public class PermissionTests
{
    /// <summary>Who may besides an administrator: a for agent, s for supervisor, r for service (routing).</summary>
    public static TheoryData<AgentCommand, string> Table =>
        new()
        {
            { SignIn(), "a" },
            { CloseConnection(), "a" },
            { SignOut(), "as" },
            { Set("away"), "as" },
            { Reset(), "as" },
            { Assign("c1"), "rs" },
            { Accept("c1"), "ra" },
            { Reject("c1"), "ra" },
            { Miss("c1"), "ra" },
            { Wait("c1"), "ra" },
            { Resume("c1"), "ra" },
            { EndOf("c1"), "ra" },
            { Close("c1"), "ra" },
            { Release("c1"), "ra" },
            { Activity("c1"), "ra" },
            { Transfer("c1"), "ras" },
            { ForceRelease("c1"), "s" },
            { Join("c1"), "asr" },
            { Leave("c1"), "asr" },
            { Configure(s => s), "" },
            { ResetCapacity("calls"), "" },
            { Dispute(0), "a" },
            { Answer(0), "s" },
            { Erase(), "" },
            { Settle(), "" },
        };

    [Theory, Trait("Rule", Rules.Dia1)]
    [MemberData(nameof(Table))]
    public void DIA_1_Who_may_do_what(AgentCommand command, string who)
    {
        Assert.Equal(who.Contains('a', StringComparison.Ordinal), May(Persona.Agent));
        Assert.Equal(who.Contains('s', StringComparison.Ordinal), May(Persona.Supervisor));
        Assert.Equal(who.Contains('r', StringComparison.Ordinal), May(Persona.Service));
        Assert.False(May(Persona.Auditor));
        Assert.True(May(Persona.Administrator));
        Assert.True(May(Persona.System));

        bool May(Persona persona) => Permissions.Check(new Actor(persona, "ana"), "ana", command) is null;
    }

    [Theory, Trait("Rule", Rules.Dia1)]
    [InlineData(Persona.Agent, "ana", true, false)]
    [InlineData(Persona.Agent, "ben", false, false)]
    [InlineData(Persona.Supervisor, "sue", false, true)]
    [InlineData(Persona.Service, "routing", false, false)]
    [InlineData(Persona.Auditor, "al", true, true)]
    [InlineData(Persona.Administrator, "root", true, true)]
    public void DIA_1_Who_sees_who_read_the_audit_of_ana_and_who_the_disputes_of_all(
        Persona persona,
        string id,
        bool readers,
        bool disputes
    )
    {
        Assert.Equal(readers, Permissions.CheckReaders(new Actor(persona, id), "ana") is null);
        Assert.Equal(disputes, Permissions.CheckDisputes(new Actor(persona, id)) is null);
    }

    [Theory, Trait("Rule", Rules.Dia1), Trait("Rule", Rules.Man1)]
    [InlineData(Persona.Agent, "forbidden")]
    [InlineData(Persona.Supervisor, null)]
    public void DIA_1_An_agent_acts_on_itself_only_and_a_supervisor_for_others(Persona persona, string? code) =>
        Assert.Equal(code, Permissions.Check(new Actor(persona, "ben"), "ana", Set("away"))?.Code);
}
