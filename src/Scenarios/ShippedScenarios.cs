using System.Collections.Concurrent;
using System.Reflection;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Scenarios;

/// <summary>The scenarios that say how presence is expected to behave, as the service brings them along: which of them another policy changes.</summary>
public static class ShippedScenarios
{
    private const string Folder = "scenarios/";
    private const int MostChanges = 20;

    private static readonly Lazy<IReadOnlyList<Scenario>> Read = new(ReadAll);

    /// <summary>All of them, file by file.</summary>
    public static IReadOnlyList<Scenario> All => Read.Value;

    /// <summary>
    /// Runs every scenario with both policies and tells those that go otherwise. What a scenario itself says of the policy holds with either:
    /// it is about that.
    /// </summary>
    /// <param name="present">The policy as it is.</param>
    /// <param name="tried">The other one.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task<IReadOnlyList<ScenarioChange>> CompareAsync(Policy present, Policy tried, CancellationToken ct)
    {
        var changes = new ConcurrentDictionary<int, ScenarioChange>();
        var half = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, Environment.ProcessorCount / 2), CancellationToken = ct };
        await Parallel.ForAsync(
            0,
            All.Count,
            half,
            async (n, _) =>
            {
                if (await CompareAsync(All[n], present, tried) is { } change)
                    changes[n] = change;
            }
        );
        return [.. changes.OrderBy(c => c.Key).Select(c => c.Value)];
    }

    private static async Task<ScenarioChange?> CompareAsync(Scenario scenario, Policy present, Policy tried)
    {
        var (before, after) = (await RunAsync(scenario, present), await RunAsync(scenario, tried));
        var transitions = before
            .Changes.Concat(after.Changes)
            .Select(changes => changes.Key)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .SelectMany(agentId =>
                OtherTransition
                    .Between([.. before.Changes[agentId]], [.. after.Changes[agentId]])
                    .Select(t => new ScenarioTransition(
                        agentId,
                        (t.At - scenario.Start).TotalSeconds,
                        ScenarioStatus.Of(t.Recorded),
                        ScenarioStatus.Of(t.Other)
                    ))
            )
            .OrderBy(t => t.AtSeconds)
            .ToArray();
        return transitions.Length == 0 && before.Failures.SequenceEqual(after.Failures, StringComparer.Ordinal)
            ? null
            : new ScenarioChange(
                scenario.Name,
                Path.GetFileNameWithoutExtension(scenario.File),
                [.. scenario.Rules],
                before.Failures.Count == 0,
                after.Failures.Count == 0,
                [.. after.Failures.Except(before.Failures, StringComparer.Ordinal)],
                transitions.Length,
                [.. transitions.Take(MostChanges)]
            );
    }

    private static async Task<Outcome> RunAsync(Scenario scenario, Policy policy)
    {
        try
        {
            var (steps, log, _) = await ScenarioRun.RecordAsync(scenario, policy);
            var all = await log.ReadAllAsync(LogPosition.Start, int.MaxValue, CancellationToken.None);
            return new Outcome(
                [.. steps.SelectMany(s => s.Failures.Select(f => $"{ScenarioCommand.Clock(s.At)} {f}"))],
                all.Select(e => (AgentId: StreamNames.AgentId(e.Record.Stream), Event: WireNames.Read(e.Record)))
                    .Where(e => e is { AgentId: not null, Event: PresenceChanged })
                    .ToLookup(e => e.AgentId!, e => (PresenceChanged)e.Event, StringComparer.Ordinal)
            );
        }
        catch (ScenarioException e)
        {
            return new Outcome([e.Message], Array.Empty<PresenceChanged>().ToLookup(_ => ""));
        }
    }

    private static IReadOnlyList<Scenario> ReadAll()
    {
        var assembly = typeof(ShippedScenarios).Assembly;
        return
        [
            .. assembly
                .GetManifestResourceNames()
                .Where(name => name.StartsWith(Folder, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .SelectMany(name => ReadOne(assembly, name)),
        ];
    }

    private static IReadOnlyList<Scenario> ReadOne(Assembly assembly, string name)
    {
        using var text = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return Scenario.Read(name[Folder.Length..], text);
    }

    /// <summary>What does not hold, and the changes of presence of each agent.</summary>
    private sealed record Outcome(IReadOnlyList<string> Failures, ILookup<string, PresenceChanged> Changes);
}

/// <summary>A scenario that goes otherwise with another policy.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="File">The file that it is in, without the ending.</param>
/// <param name="Rules">The rules that it is about.</param>
/// <param name="HoldsNow">Whether everything that it expects holds with the policy as it is.</param>
/// <param name="HoldsThen">Whether it would.</param>
/// <param name="NoLonger">Expectations that would not hold and do now.</param>
/// <param name="Changes">How many changes of presence would be other.</param>
/// <param name="First">The first of them.</param>
public sealed record ScenarioChange(
    string Name,
    string File,
    IReadOnlyList<string> Rules,
    bool HoldsNow,
    bool HoldsThen,
    IReadOnlyList<string> NoLonger,
    int Changes,
    IReadOnlyList<ScenarioTransition> First
);

/// <summary>A change of presence in a scenario, now and then; null where there is or would be none.</summary>
/// <param name="AgentId">The agent.</param>
/// <param name="AtSeconds">When, from the start of the scenario.</param>
/// <param name="Now">With the policy as it is.</param>
/// <param name="Then">With the other one.</param>
public sealed record ScenarioTransition(string AgentId, double AtSeconds, ScenarioStatus? Now, ScenarioStatus? Then);

/// <summary>A status, and the rule that leads to it.</summary>
public sealed record ScenarioStatus(string StatusId, string? Rule)
{
    internal static ScenarioStatus? Of(PresenceChanged? change) =>
        change is null ? null : new ScenarioStatus(change.To.StatusId, change.Rule);
}
