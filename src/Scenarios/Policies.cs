using System.Globalization;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Ledger.Calendars;
using YamlDotNet.RepresentationModel;

namespace PresenceLedger.Scenarios;

/// <summary>The policy in scenario files.</summary>
public static class Policies
{
    private static readonly Dictionary<string, Func<Policy, YamlNode, Policy>> Members = new(StringComparer.Ordinal)
    {
        ["restoreWindow"] = (p, v) => p with { RestoreWindow = Seconds(v) },
        ["heartbeatTimeout"] = (p, v) => p with { HeartbeatTimeout = Seconds(v) },
        ["refreshGrace"] = (p, v) => p with { RefreshGrace = Seconds(v) },
        ["heartbeatSeconds"] = (p, v) => p with { HeartbeatInterval = Seconds(v) },
        ["flappingTimes"] = (p, v) => p with { FlappingTimes = v.Whole() },
        ["flappingWindow"] = (p, v) => p with { FlappingWindow = Seconds(v) },
        ["maxOpenSessions"] = (p, v) => p with { MaxOpenSessions = v.Whole() },
        ["missedNotificationSetsInactive"] = (p, v) => p with { MissedNotificationSetsInactive = v.Flag() },
        ["missedLimit"] = (p, v) => p with { MissedLimit = Limit(v, 1) },
        ["undeliveredLimit"] = (p, v) => p with { UndeliveredLimit = Limit(v, 0) },
        ["rejectedNotificationSetsDoNotDisturb"] = (p, v) => p with { RejectedNotificationSetsDoNotDisturb = v.Flag() },
        ["zeroCapacityWorkSetsBusy"] = (p, v) => p with { ZeroCapacityWorkSetsBusy = v.Flag() },
        ["stuckAfterSeconds"] = (p, v) =>
            p with
            {
                StuckAfter = Mapping(v, "stuckAfterSeconds")
                    .Aggregate(p.StuckAfter.Clear(), (all, one) => all.SetItem(one.Key.Scalar(), Seconds(one.Value))),
            },
        ["offerAfterSeconds"] = (p, v) => p with { OfferAfter = Seconds(v) },
        ["endOfDay"] = (p, v) => p with { EndOfDay = ReadEndOfDay(Mapping(v, "endOfDay")) },
    };

    // A policy step is a step too.
    private static readonly string[] OfAnyStep = ["at", "do", "expect", "error", "by"];

    /// <summary>What a policy may have.</summary>
    public static IReadOnlySet<string> PolicyMembers { get; } = Members.Keys.ToHashSet(StringComparer.Ordinal);

    /// <summary>What a policy step may have.</summary>
    internal static HashSet<string> StepMembers { get; } = new([.. Members.Keys, .. OfAnyStep], StringComparer.Ordinal);

    /// <summary>A policy, with what the node says in place of what stood.</summary>
    public static Policy Read(YamlMappingNode node, Policy present)
    {
        foreach (var (keyNode, value) in node.Children)
            if (Members.TryGetValue(keyNode.Scalar(), out var set))
                present = set(present, value);
            else if (!OfAnyStep.Contains(keyNode.Scalar()))
                throw keyNode.Wrong($"the policy has no '{keyNode}'");
        return present;
    }

    private static YamlMappingNode Mapping(YamlNode node, string key) =>
        node as YamlMappingNode ?? throw node.Wrong($"'{key}' must be a mapping");

    private static EndOfDay ReadEndOfDay(YamlMappingNode node)
    {
        var zone = node.Text("timeZone") ?? "UTC";
        if (Zones.Find(zone) is null)
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

    private static int Limit(YamlNode node, int least) =>
        node.Whole() is var limit && limit >= least ? limit : throw node.Wrong($"'{node}' is less than {least}");

    private static TimeSpan Seconds(YamlNode node) =>
        node.Number() is >= 0 and <= 1e9 and var seconds
            ? TimeSpan.FromMilliseconds(Math.Round(seconds * 1000))
            : throw node.Wrong($"'{node}' is not a duration in seconds");
}
