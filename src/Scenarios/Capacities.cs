using System.Collections.Immutable;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using YamlDotNet.RepresentationModel;

namespace PresenceLedger.Scenarios;

/// <summary>Capacity profiles and the settings of agents in scenario files.</summary>
public static class Capacities
{
    /// <summary>Settings, with what the node says in place of what stood.</summary>
    public static AgentSettings Read(YamlMappingNode node, AgentSettings present) =>
        present with
        {
            DefaultStatusId = node.Has("default") ? node.Text("default") : present.DefaultStatusId,
            Units = node.Has("units") ? node.Node("units")?.Whole() : present.Units,
            Profiles = node.Has("profiles") ? ReadProfiles(node) : present.Profiles,
        };

    /// <summary>A capacity profile, with what the node says in place of what stood, where one did.</summary>
    public static CapacityProfile ReadProfile(string id, YamlMappingNode node, CapacityProfile? present = null) =>
        new(
            id,
            node.Text("name") ?? present?.Name ?? id,
            node.Node("limit")?.Whole() ?? present?.Limit ?? throw node.Wrong("a profile needs 'limit'"),
            node.Node("blocking")?.Flag() ?? present?.Blocking ?? false,
            node.Node("reset")?.Enumeration<ProfileReset>() ?? present?.Reset ?? ProfileReset.Immediate
        );

    private static ImmutableSortedDictionary<string, int?> ReadProfiles(YamlMappingNode node) =>
        node.Node("profiles") switch
        {
            null => AgentSettings.None.Profiles,
            YamlSequenceNode list => list.ToImmutableSortedDictionary(p => p.Scalar(), _ => (int?)null, StringComparer.Ordinal),
            YamlMappingNode map => map.Children.Keys.ToImmutableSortedDictionary(
                k => k.Scalar(),
                k => map.Node(k.Scalar())?.Whole(),
                StringComparer.Ordinal
            ),
            var other => throw other.Wrong("'profiles' maps a profile to a custom limit, or to nothing"),
        };
}
