namespace PresenceLedger.Ledger;

/// <summary>One stream per agent, and one for statuses, capacity profiles and policy.</summary>
public static class StreamNames
{
    /// <summary>The stream of statuses, capacity profiles and policy.</summary>
    public const string Configuration = "configuration";

    private const string AgentPrefix = "agent-";

    /// <summary>What the names of all streams begin with.</summary>
    internal static IReadOnlyList<string> Prefixes { get; } = [AgentPrefix, Configuration];

    /// <summary>The stream of an agent.</summary>
    public static string Agent(string agentId) => AgentPrefix + agentId;

    /// <summary>The agent of a stream; null where it is not an agent's.</summary>
    public static string? AgentId(string stream) =>
        stream.StartsWith(AgentPrefix, StringComparison.Ordinal) ? stream[AgentPrefix.Length..] : null;

    /// <summary>Whether a stream is one of the ledger's, where others may have streams beside it.</summary>
    internal static bool IsOfLedger(string stream) => stream == Configuration || stream.StartsWith(AgentPrefix, StringComparison.Ordinal);
}
