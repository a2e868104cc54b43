using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Domain.Authorization;

/// <summary>Who may do what: the last column of the API's tables. An agent acts on itself only; an administrator may do everything.</summary>
public static class Permissions
{
    /// <summary>Whether an actor may give this command to this agent; the refusal says who may.</summary>
    public static Refusal? Check(Actor actor, string agentId, AgentCommand command) => Check(actor, agentId, command.GetType());

    /// <summary>Whether an actor may give a command of this kind to this agent, whatever it says; so it can be asked before it is read.</summary>
    public static Refusal? Check<TCommand>(Actor actor, string agentId)
        where TCommand : AgentCommand => Check(actor, agentId, typeof(TCommand));

    private static Refusal? Check(Actor actor, string agentId, Type command)
    {
        var allowed = Allowed(command);
        if (actor.Kind is Persona.Administrator or Persona.System)
            return null;
        if (!allowed.Contains(actor.Kind))
            return new(
                RefusalCodes.Forbidden,
                $"{actor} may not do this; {string.Join(", ", allowed.Select(p => p.ToString().ToLowerInvariant()))} or administrator may."
            );
        if (actor.Kind is Persona.Agent && actor.Id != agentId)
            return new(RefusalCodes.Forbidden, $"{actor} acts on itself only, not on agent '{agentId}'. A supervisor may act for others.");
        return null;
    }

    /// <summary>Configuration is the administrator's.</summary>
    public static Refusal? CheckConfigure(Actor actor) =>
        actor.Kind is Persona.Administrator
            ? null
            : new(RefusalCodes.Forbidden, $"{actor} may not change statuses, capacity profiles or policy; an administrator may.");

    /// <summary>Why a profile is not reset, whoever has it: first whether the actor may, then whether there is one.</summary>
    public static Refusal? CheckReset(Actor actor, Configuration configuration, string profileId) =>
        CheckConfigure(actor) ?? (configuration.Profiles.ContainsKey(profileId) ? null : Refusal.ProfileUnknown(profileId));

    /// <summary>
    /// How the service is set up and how it does is for supervisors, auditors and administrators; so is trying a policy, which records
    /// nothing.
    /// </summary>
    public static Refusal? CheckSetup(Actor actor) =>
        actor.Kind is Persona.Supervisor or Persona.Auditor or Persona.Administrator
            ? null
            : new(
                RefusalCodes.Forbidden,
                $"{actor} may not see how the service is set up, nor try a policy; supervisor, auditor or administrator may."
            );

    /// <summary>Anybody reads presence; the audit of an agent is for the agent, supervisors, services, auditors and administrators.</summary>
    public static Refusal? CheckAudit(Actor actor, string agentId) =>
        actor.Kind is Persona.Agent && actor.Id != agentId
            ? new(RefusalCodes.Forbidden, $"{actor} reads its own audit only, not that of agent '{agentId}'.")
            : null;

    /// <summary>Signs of life of many agents at once are a gateway's.</summary>
    public static Refusal? CheckGateway(Actor actor) =>
        actor.Kind is Persona.Service or Persona.Administrator
            ? null
            : new(RefusalCodes.Forbidden, $"{actor} may not do this; service or administrator may.");

    /// <summary>A seal is recorded, so it is an administrator's to make: an auditor changes nothing.</summary>
    public static Refusal? CheckSeal(Actor actor) =>
        actor.Kind is Persona.Administrator or Persona.System
            ? null
            : new(RefusalCodes.Forbidden, $"{actor} may not seal the ledger; an administrator may.");

    /// <summary>Proof of the ledger as a whole is for auditors and administrators.</summary>
    public static Refusal? CheckLedgerAudit(Actor actor) =>
        actor.Kind is Persona.Auditor or Persona.Administrator or Persona.System
            ? null
            : new(RefusalCodes.Forbidden, $"{actor} may not verify the ledger; an auditor or an administrator may.");

    /// <summary>Reports of agents are for supervisors, services, auditors and administrators; an agent reads what is about itself.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="agentId">Whom it is about; null for all agents.</param>
    public static Refusal? CheckReport(Actor actor, string? agentId = null) =>
        actor.Kind is Persona.Agent && actor.Id != agentId
            ? new(
                RefusalCodes.Forbidden,
                $"{actor} reads reports on itself only; supervisor, service, auditor or administrator may read those on others."
            )
            : null;

    /// <summary>Who read the audit of an agent is for the agent, auditors and administrators.</summary>
    public static Refusal? CheckReaders(Actor actor, string agentId) =>
        actor.Kind is Persona.Auditor or Persona.Administrator || (actor.Kind is Persona.Agent && actor.Id == agentId)
            ? null
            : new(
                RefusalCodes.Forbidden,
                $"{actor} may not see who read the audit of agent '{agentId}'; the agent, an auditor or an administrator may."
            );

    /// <summary>Disputes of all agents are for those who answer them, and for auditors.</summary>
    public static Refusal? CheckDisputes(Actor actor) =>
        actor.Kind is Persona.Supervisor or Persona.Auditor or Persona.Administrator
            ? null
            : new(RefusalCodes.Forbidden, $"{actor} may not see the disputes of all agents; supervisor, auditor or administrator may.");

    private static Persona[] Allowed(Type command) =>
        command == typeof(SignIn) || command == typeof(CloseConnection) || command == typeof(DisputeEntry) ? [Persona.Agent]
        : command == typeof(SignOut) || command == typeof(SetPresence) || command == typeof(ResetPresence)
            ? [Persona.Agent, Persona.Supervisor]
        : command == typeof(AssignConversation) ? [Persona.Service, Persona.Supervisor]
        : command == typeof(MoveConversation) ? [Persona.Service, Persona.Agent]
        : command == typeof(TransferConversation) ? [Persona.Service, Persona.Agent, Persona.Supervisor]
        : command == typeof(ForceReleaseConversation) || command == typeof(CorrectPresence) || command == typeof(AnswerDispute)
            ? [Persona.Supervisor]
        : command == typeof(JoinConsult) || command == typeof(LeaveConsult) ? [Persona.Agent, Persona.Supervisor, Persona.Service]
        // What changes settings, erases, or happens by itself: administrators, and the ledger.
        : [];
}
