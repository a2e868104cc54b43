using System.Text.Json;
using System.Text.Json.Nodes;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Queries.WhatIf;

/// <summary>What would have been other: for one agent after another, in all, and by queue.</summary>
public sealed record WhatIfAnswer
{
    private const string Assumption =
        "What left no event is not known: heartbeats, and what was repeated or refused. People and routing do what they did.";

    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }

    /// <summary>What would have been other of the settings, as of the end of the window.</summary>
    public required IReadOnlyList<SettingAnswer> Settings { get; init; }

    /// <summary>How many agents were looked at.</summary>
    public required int AgentsCompared { get; init; }

    /// <summary>How many of them show any difference.</summary>
    public required int AgentsOther { get; init; }

    /// <summary>Of all agents.</summary>
    public required TimesAnswer Total { get; init; }
    public required IReadOnlyList<QueueAnswer> Queues { get; init; }
    public required TransitionsAnswer Transitions { get; init; }
    public required RefusedAnswer Refused { get; init; }

    /// <summary>What the ledger cannot tell.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
    public required IReadOnlyList<AgentAnswer> Agents { get; init; }

    /// <summary>Adds up what was compared.</summary>
    public static WhatIfAnswer Of(
        IReadOnlyList<AgentComparison> agents,
        Alternative alternative,
        IEnumerable<(string What, string Is)> settings,
        DateTimeOffset from,
        DateTimeOffset to,
        int first
    )
    {
        var (recorded, other) = (alternative.Recorded.AsOf(to), alternative.Other.AsOf(to));
        var refused = agents.SelectMany(a => a.Refused.Select(r => (a.AgentId, Fact: r))).ToArray();
        return new WhatIfAnswer
        {
            From = from,
            To = to,
            Settings = [.. Differences(recorded, other), .. settings.Select(s => new SettingAnswer(s.What, null, s.Is))],
            AgentsCompared = agents.Count,
            AgentsOther = agents.Count(a => a.Differs),
            Total = TimesOf(agents),
            Queues =
            [
                .. QueueComparison.Of(agents, from, to).Select(q => new QueueAnswer(q.Queue, Seconds(q.Routable), Seconds(q.Nobody))),
            ],
            Transitions = new(
                agents.Sum(a => a.Transitions.Recorded),
                agents.Sum(a => a.Transitions.Other),
                agents.Sum(a => a.Other.Count),
                [
                    .. agents
                        .SelectMany(a => a.Other.Select(t => new TransitionAnswer(a.AgentId, t.At, Change(t.Recorded), Change(t.Other))))
                        .OrderBy(t => t.At)
                        .ThenBy(t => t.AgentId, StringComparer.Ordinal)
                        .Take(first),
                ]
            ),
            Refused = new(
                refused.Length,
                refused
                    .GroupBy(r => r.Fact.Refusal.Code, StringComparer.Ordinal)
                    .OrderBy(r => r.Key, StringComparer.Ordinal)
                    .ToDictionary(r => r.Key, r => r.Count(), StringComparer.Ordinal),
                [
                    .. refused
                        .OrderBy(r => r.Fact.At)
                        .ThenBy(r => r.AgentId, StringComparer.Ordinal)
                        .Take(first)
                        .Select(r => new RefusedFactAnswer(
                            r.AgentId,
                            r.Fact.At,
                            r.Fact.Version,
                            WireNames.Short(WireNames.Of(r.Fact.Event)),
                            r.Fact.Refusal.Code,
                            r.Fact.Refusal.Detail
                        )),
                ]
            ),
            Notes = [Assumption, .. NotesOn(recorded, other)],
            Agents = [.. agents.Select(a => new AgentAnswer(a.AgentId, TimesOf([a]), a.Other.Count, a.Refused.Count))],
        };
    }

    private static IEnumerable<string> NotesOn(Configuration recorded, Configuration other)
    {
        if (other.Policy.HeartbeatTimeout < recorded.Policy.HeartbeatTimeout)
            yield return "A shorter heartbeat timeout would also have lost connections that were silent for a while and came back in time; "
                + "the ledger does not know of them, and they are not counted.";
        if (other.Policy.RefreshGrace < recorded.Policy.RefreshGrace)
            yield return "A connection that said it closes and was heard again by a heartbeat alone counts as never gone.";
    }

    /// <summary>What of the configuration is other, member by member.</summary>
    private static IEnumerable<SettingAnswer> Differences(Configuration recorded, Configuration other)
    {
        foreach (var difference in Differences("policy", PolicyAnswer.Of(recorded), PolicyAnswer.Of(other)))
            yield return difference;
        foreach (var (id, profile) in other.Profiles)
        foreach (
            var difference in Differences(
                $"profiles.{id}",
                recorded.Profiles.GetValueOrDefault(id) is { } was ? CapacityProfileAnswer.Of(was) : null,
                CapacityProfileAnswer.Of(profile)
            )
        )
            yield return difference;
    }

    private static IEnumerable<SettingAnswer> Differences<T>(string what, T? recorded, T other)
        where T : class
    {
        var before = JsonSerializer.SerializeToNode(recorded, WireJson.Options)?.AsObject();
        foreach (var (name, value) in JsonSerializer.SerializeToNode(other, WireJson.Options)!.AsObject())
            if (!JsonNode.DeepEquals(before?[name], value))
                yield return new SettingAnswer($"{what}.{name}", before?[name]?.ToJsonString(), value?.ToJsonString() ?? "null");
    }

    private static TimesAnswer TimesOf(IReadOnlyCollection<AgentComparison> agents) =>
        new(
            agents
                .SelectMany(a => a.Statuses)
                .GroupBy(s => s.Key, StringComparer.Ordinal)
                .OrderBy(s => s.Key, StringComparer.Ordinal)
                .ToDictionary(s => s.Key, s => Seconds(Sum(s.Select(t => t.Value))), StringComparer.Ordinal),
            Seconds(Sum(agents.Select(a => a.SignedIn))),
            Seconds(Sum(agents.Select(a => a.Routable)))
        );

    private static Compared Sum(IEnumerable<Compared> all) => all.Aggregate(default(Compared), (sum, one) => sum + one);

    private static Amount Seconds(Compared of) => new(of.Recorded / 1000.0, of.Other / 1000.0, of.Difference / 1000.0);

    private static NewStatusAnswer? Change(PresenceChanged? change) =>
        change is null ? null : new NewStatusAnswer(change.To.StatusId, change.To.Origin, change.Rule);
}

/// <summary>A setting as recorded (null where it was not, or of many agents) and as it would have been.</summary>
public sealed record SettingAnswer(string What, string? Recorded, string WhatIf);

/// <summary>Changes of presence, and the first of those that would have been other.</summary>
public sealed record TransitionsAnswer(long Recorded, long WhatIf, long Other, IReadOnlyList<TransitionAnswer> First);

/// <summary>A change of presence that would have been other; null where there was or would have been none.</summary>
public sealed record TransitionAnswer(string AgentId, DateTimeOffset At, NewStatusAnswer? Recorded, NewStatusAnswer? WhatIf);

/// <summary>What a change led to.</summary>
public sealed record NewStatusAnswer(string StatusId, Origin Origin, string? Rule);

/// <summary>What was done and would have been refused.</summary>
public sealed record RefusedAnswer(int Count, IReadOnlyDictionary<string, int> ByCode, IReadOnlyList<RefusedFactAnswer> First);

/// <summary>One of it: the event that it led to as recorded, and why there would have been none.</summary>
public sealed record RefusedFactAnswer(string AgentId, DateTimeOffset At, long Version, string Type, string Code, string Detail);

/// <summary>An agent.</summary>
public sealed record AgentAnswer(string AgentId, TimesAnswer Times, int OtherTransitions, int Refused);
