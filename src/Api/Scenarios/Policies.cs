using System.Globalization;
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
                    StuckAfter = Mapping(value, "stuckAfterSeconds")
                        .Aggregate(present.StuckAfter.Clear(), (all, one) => all.SetItem(one.Key.Scalar(), Seconds(one.Value))),
                },
                "endOfDay" => present with { EndOfDay = ReadEndOfDay(Mapping(value, "endOfDay")) },
                // A policy step is a step too.
                "at" or "do" or "expect" or "error" or "by" => present,
                var other => throw keyNode.Wrong($"the policy has no '{other}'"),
            };
        return present;
    }

    private static YamlMappingNode Mapping(YamlNode node, string key) =>
        node as YamlMappingNode ?? throw node.Wrong($"'{key}' must be a mapping");

    private static EndOfDay ReadEndOfDay(YamlMappingNode node)
    {
        var zone = node.Text("timeZone") ?? "UTC";
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            throw node.Wrong($"'{zone}' is not an IANA time zone");
        return TimeOnly.TryParseExact(
            node.Text("time") ?? "00:00",
            "HH:mm",
            CultureInfo.InvariantCulture,
            DateTimeStyles.None,
            out var time
        )
            ? new EndOfDay(time, zone)
            : throw node.Wrong($"'{node.Text("time")}' is not HH:MM");
    }

    private static TimeSpan Seconds(YamlNode node) => TimeSpan.FromMilliseconds(Math.Round(node.Number() * 1000));
}
