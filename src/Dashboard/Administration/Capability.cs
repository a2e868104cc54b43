using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Authorization;

namespace PresenceLedger.Dashboard.Administration;

/// <summary>For whom somebody may do something.</summary>
internal enum Extent
{
    Nobody,

    /// <summary>For themselves alone.</summary>
    Oneself,
    Everybody,
}

/// <summary>Something that not everybody may do; who may is asked of the permissions themselves, so that what is shown is what holds.</summary>
/// <param name="Name">What it is, by the key of its words.</param>
/// <param name="Check">Whether an actor may do it to an agent.</param>
internal sealed record Capability(string Name, Func<Actor, string, Refusal?> Check)
{
    private const string Own = "one";
    private const string Other = "another";

    /// <summary>The personas that people and programs have.</summary>
    public static IReadOnlyList<Persona> Personas { get; } =
    [Persona.Agent, Persona.Supervisor, Persona.Administrator, Persona.Auditor, Persona.Service];

    /// <summary>All of it, in the order in which it is shown.</summary>
    public static IReadOnlyList<Capability> All { get; } =
    [
        Of("may sign in", new SignIn("connection", null)),
        Of("may set presence", new SetPresence("available")),
        Of("may assign", new AssignConversation("conversation", new Work(null, null, null, 0, [], WrapUp.Default, null))),
        Of("may move", new MoveConversation("conversation", ConversationVerb.Accept)),
        Of("may transfer", new TransferConversation("conversation", Other, null, null)),
        Of("may consult", new JoinConsult("conversation", ConsultMode.Consult)),
        Of("may release", new ForceReleaseConversation("conversation")),
        Of("may correct", new CorrectPresence(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddSeconds(1), "available")),
        Of("may dispute", new DisputeEntry(0)),
        Of("may answer disputes", new AnswerDispute(0, true)),
        new("may see disputes", (actor, _) => Permissions.CheckDisputes(actor)),
        new("may read audit", Permissions.CheckAudit),
        new("may see readers", Permissions.CheckReaders),
        new("may read reports", (actor, agentId) => Permissions.CheckReport(actor, agentId)),
        new("may verify", (actor, _) => Permissions.CheckLedgerAudit(actor)),
        new("may seal", (actor, _) => Permissions.CheckSeal(actor)),
        new("may see setup", (actor, _) => Permissions.CheckSetup(actor)),
        new("may configure", (actor, _) => Permissions.CheckConfigure(actor)),
        Of("may register", new ConfigureAgent(settings => settings)),
        Of("may erase", new ErasePerson()),
    ];

    /// <summary>How far a persona may.</summary>
    public Extent For(Persona persona)
    {
        var actor = new Actor(persona, Own);
        return Check(actor, Other) is null ? Extent.Everybody
            : Check(actor, Own) is null ? Extent.Oneself
            : Extent.Nobody;
    }

    private static Capability Of(string name, AgentCommand command) =>
        new(name, (actor, agentId) => Permissions.Check(actor, agentId, command));
}
