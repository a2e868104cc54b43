using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;

namespace PresenceLedger.Dashboard.Service;

/// <summary>How pages show parts of answers.</summary>
public static class Shown
{
    /// <summary>Who it was; of the ledger itself only that.</summary>
    public static string InReports(this Actor actor) => actor.Kind is Persona.System ? "system" : actor.ToString();

    /// <summary>As it is typed in: <c>german=native</c>, or <c>billing</c>.</summary>
    public static string Typed(this SkillBody skill) =>
        string.IsNullOrEmpty(skill.Proficiency) ? skill.Skill : $"{skill.Skill}={skill.Proficiency}";

    /// <summary>All open conversations.</summary>
    public static int Total(this ConversationCounts counts) => counts.Ringing + counts.Active + counts.Waiting + counts.WrapUp;

    /// <summary>What the others in a conflict are called.</summary>
    public static string With(this ConflictAnswer conflict, string agentId) =>
        string.Join(", ", conflict.Agents.Where(a => a.AgentId != agentId).Select(a => a.DisplayName ?? a.AgentId));
}
