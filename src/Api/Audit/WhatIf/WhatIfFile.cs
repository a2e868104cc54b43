using System.Collections.Immutable;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Scenarios;
using YamlDotNet.RepresentationModel;

namespace PresenceLedger.Api.Audit.WhatIf;

/// <summary>
/// What would have been other, as it is written: <c>policy</c>, <c>profiles</c> and <c>agents</c> of scenario files
/// (docs/what-if.md). What is not named is as it was recorded.
/// </summary>
internal sealed class WhatIfFile
{
    /// <summary>Stands for every agent.</summary>
    public const string Anybody = "*";

    private static readonly TimeSpan ShortestTimeout = TimeSpan.FromSeconds(0.5);
    private static readonly HashSet<string> Members = new(StringComparer.Ordinal) { "name", "policy", "profiles", "agents" };
    private static readonly HashSet<string> ProfileMembers = new(StringComparer.Ordinal) { "name", "limit", "blocking", "reset" };

    private static readonly HashSet<string> AgentMembers = new(StringComparer.Ordinal)
    {
        "default",
        "defaultStatusId",
        "units",
        "profiles",
    };

    private readonly string _file;
    private readonly YamlMappingNode _policy;
    private readonly ImmutableSortedDictionary<string, YamlMappingNode> _profiles;
    private readonly ImmutableSortedDictionary<string, YamlMappingNode> _agents;

    private WhatIfFile(string file, YamlMappingNode root)
    {
        _file = file;
        root.RequireKnown(Members, "a what-if");
        _policy = root.Map("policy") ?? [];
        _policy.RequireKnown(Policies.PolicyMembers, "a policy");
        _profiles = Entries(root, "profiles", ProfileMembers, "a profile");
        _agents = Entries(root, "agents", AgentMembers, "an agent");
    }

    /// <summary>The agents that it names.</summary>
    public IEnumerable<string> AgentIds => _agents.Keys.Where(id => id != Anybody);

    /// <summary>What it says of agents' settings, each in words.</summary>
    public IEnumerable<(string What, string Is)> Settings =>
        from agent in _agents
        from member in agent.Value.Children
        select ($"agents.{agent.Key}.{member.Key}", Show(member.Value));

    /// <summary>Reads a file.</summary>
    /// <exception cref="MisconfiguredException">It cannot be read, or says something that is not known.</exception>
    public static WhatIfFile Load(string file)
    {
        try
        {
            using var text = File.OpenText(file);
            return Read(file, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MisconfiguredException($"{file}: {e.Message}");
        }
    }

    /// <summary>Reads a text.</summary>
    /// <exception cref="MisconfiguredException">It says something that is not known.</exception>
    public static WhatIfFile Read(string file, TextReader text)
    {
        try
        {
            return Nodes.Documents(file, text).ToArray() is [YamlMappingNode root]
                ? new WhatIfFile(file, root)
                : throw new MisconfiguredException($"{file}: one mapping with policy, profiles or agents is expected.");
        }
        catch (ScenarioException e)
        {
            throw Wrong(file, e);
        }
    }

    /// <summary>What would have been other than recorded.</summary>
    /// <exception cref="MisconfiguredException">It names a status or a profile that there is not.</exception>
    public Alternative AlternativeTo(ConfigurationHistory recorded)
    {
        try
        {
            var alternative = new Alternative(recorded, TzdbCalendar.Instance, Of, Of);
            Check(alternative.Other.At(alternative.Other.Last));
            return alternative;
        }
        catch (ScenarioException e)
        {
            throw Wrong(_file, e);
        }
    }

    private Configuration Of(Configuration recorded) =>
        recorded with
        {
            Policy = Policies.Read(_policy, recorded.Policy),
            Profiles = _profiles.Aggregate(
                recorded.Profiles,
                (all, one) =>
                    recorded.Profiles.ContainsKey(one.Key) || one.Value.Has("limit")
                        ? all.SetItem(one.Key, Capacities.ReadProfile(one.Key, one.Value, recorded.Profiles.GetValueOrDefault(one.Key)))
                        : all
            ),
        };

    /// <summary>What is said of anybody, and over it what is said of the agent.</summary>
    private AgentSettings Of(string agentId, AgentSettings recorded)
    {
        var settings = recorded;
        foreach (var id in new[] { Anybody, agentId })
            if (_agents.TryGetValue(id, out var node))
            {
                settings = Capacities.Read(node, settings);
                if (node.Has("defaultStatusId"))
                    settings = settings with { DefaultStatusId = node.Text("defaultStatusId") };
            }
        return settings;
    }

    /// <summary>What is misspelt would show no difference, and be believed.</summary>
    private void Check(Configuration configuration)
    {
        if (configuration.Policy.HeartbeatTimeout < ShortestTimeout)
            throw _policy.Wrong("'heartbeatTimeout' is at least 0.5 seconds");
        if (configuration.Policy.MaxOpenSessions < 0)
            throw _policy.Wrong("'maxOpenSessions' cannot be negative");
        foreach (var (id, node) in _profiles)
            if (configuration.Profiles.GetValueOrDefault(id) is not { Limit: >= 0 })
                throw node.Wrong($"profile '{id}' needs a 'limit' that is not negative, for there is no such profile in the ledger");
        foreach (var (id, node) in _agents)
        {
            var settings = Of(id, AgentSettings.None);
            if (settings.Units < 0 || settings.Profiles.Values.Any(limit => limit < 0))
                throw node.Wrong($"units and custom limits of agent '{id}' cannot be negative");
            if (settings.Profiles.Keys.FirstOrDefault(p => !configuration.Profiles.ContainsKey(p)) is { } profile)
                throw node.Wrong($"there is no profile '{profile}', neither in the ledger nor here");
            if (
                settings.DefaultStatusId is { } status
                && (configuration.Status(status) is not { Retired: false } || status == BuiltInStatuses.Inactive.Id)
            )
                throw node.Wrong($"status '{status}' cannot be a default: it is not known, retired, or the system's own");
        }
    }

    private static ImmutableSortedDictionary<string, YamlMappingNode> Entries(
        YamlMappingNode root,
        string section,
        HashSet<string> members,
        string what
    )
    {
        var entries = ImmutableSortedDictionary.CreateBuilder<string, YamlMappingNode>(StringComparer.Ordinal);
        foreach (var (key, value) in (root.Map(section) ?? []).Children)
        {
            var node = value as YamlMappingNode ?? throw value.Wrong($"{what} is a mapping with {string.Join(", ", members)}");
            node.RequireKnown(members, what);
            entries[key.Scalar()] = node;
        }
        return entries.ToImmutable();
    }

    private static string Show(YamlNode node) =>
        node switch
        {
            YamlMappingNode map => string.Join(", ", map.Children.Select(c => $"{c.Key}: {Show(c.Value)}".TrimEnd(' ', ':'))),
            YamlSequenceNode list => string.Join(", ", list.Select(Show)),
            YamlScalarNode { Value: null or "" or "~" or "null" } => "",
            _ => node.ToString(),
        };

    private static MisconfiguredException Wrong(string file, ScenarioException e) =>
        new(e.Message.StartsWith(file, StringComparison.Ordinal) ? e.Message : $"{file}: {e.Message}");
}
