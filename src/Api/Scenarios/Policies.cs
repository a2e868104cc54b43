using PresenceLedger.Domain.Policies;
using YamlDotNet.RepresentationModel;

namespace PresenceLedger.Api.Scenarios;

/// <summary>The policy in scenario files.</summary>
internal static class Policies
{
    /// <summary>A policy, with what the node says in place of what stood.</summary>
    public static Policy Read(YamlMappingNode node, Policy present)
    {
        foreach (var (keyNode, value) in node.Children)
            present = keyNode.Scalar() switch
            {
                "restoreWindow" => present with { RestoreWindow = Seconds(value) },
                "heartbeatTimeout" => present with { HeartbeatTimeout = Seconds(value) },
                "refreshGrace" => present with { RefreshGrace = Seconds(value) },
                "heartbeatSeconds" => present with { HeartbeatInterval = Seconds(value) },
                "maxOpenSessions" => present with { MaxOpenSessions = value.Whole() },
                "missedNotificationSetsInactive" => present with { MissedNotificationSetsInactive = value.Flag() },
                "rejectedNotificationSetsDoNotDisturb" => present with { RejectedNotificationSetsDoNotDisturb = value.Flag() },
                "zeroCapacityWorkSetsBusy" => present with { ZeroCapacityWorkSetsBusy = value.Flag() },
                "stuckAfterSeconds" => present with
                {
                    StuckAfter = ((YamlMappingNode)value).Aggregate(
                        present.StuckAfter.Clear(),
                        (all, one) => all.SetItem(one.Key.Scalar(), Seconds(one.Value))
                    ),
                },
                "endOfDay" => present with { EndOfDay = ReadEndOfDay((YamlMappingNode)value) },
                // A policy step is a step too.
                "at" or "do" or "expect" or "error" or "by" => present,
                var other => throw keyNode.Wrong($"the policy has no '{other}'"),
            };
        return present;
    }

    private static EndOfDay ReadEndOfDay(YamlMappingNode node) =>
        new(
            TimeOnly.ParseExact(node.Text("time") ?? "00:00", "HH:mm", System.Globalization.CultureInfo.InvariantCulture),
            node.Text("timeZone") ?? "UTC"
        );

    private static TimeSpan Seconds(YamlNode node) => TimeSpan.FromMilliseconds(Math.Round(node.Number() * 1000));
}
