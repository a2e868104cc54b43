using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Ledger;

/// <summary>
/// One stream per agent, one for who read the agent's audit, one for statuses, capacity profiles and policy, and one for the seals over all
/// of them. The identifier of an agent stands percent-encoded in the name: any server takes it, and it can be read back.
/// </summary>
public static class StreamNames
{
    /// <summary>The stream of statuses, capacity profiles and policy.</summary>
    public const string Configuration = "configuration";

    /// <summary>The stream of seals and of the keys that they are signed with.</summary>
    public const string Seals = "seals";

    private const string AgentPrefix = "agent-";
    private const string AccessPrefix = "access-";

    /// <summary>What the names of all streams begin with.</summary>
    internal static IReadOnlyList<string> Prefixes { get; } = [AgentPrefix, AccessPrefix, Configuration, Seals];

    /// <summary>The stream of an agent.</summary>
    public static string Agent(string agentId) => AgentPrefix + Identifier.Encode(agentId);

    /// <summary>The stream of who read the audit of an agent.</summary>
    public static string Access(string agentId) => AccessPrefix + Identifier.Encode(agentId);

    /// <summary>The agent of a stream; null where it is not an agent's.</summary>
    public static string? AgentId(string stream) =>
        stream.StartsWith(AgentPrefix, StringComparison.Ordinal) && Identifier.TryDecode(stream[AgentPrefix.Length..], out var agentId)
            ? agentId
            : null;

    /// <summary>Whether presence comes from a stream; read models and whoever else follows the whole log pass over the others.</summary>
    public static bool HasPresence(string stream) => stream == Configuration || stream.StartsWith(AgentPrefix, StringComparison.Ordinal);

    /// <summary>Whether a stream is one of the ledger's, where others may have streams beside it.</summary>
    internal static bool IsOfLedger(string stream) =>
        stream == Seals || HasPresence(stream) || stream.StartsWith(AccessPrefix, StringComparison.Ordinal);
}
