using System.Collections.Immutable;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Agents;

/// <summary>What capacity decides, by which rule, and what it looked at.</summary>
public sealed record CapacityVerdict(Status Status, string Rule, CapacityInputs Inputs);

/// <summary>One capacity profile of an agent, as the agent has it.</summary>
public sealed record ProfileInUse(CapacityProfile Profile, int Limit, int Used, bool CustomLimit);

/// <summary>CAP: the status that an agent's capacity gives. Pure arithmetic over the state.</summary>
public static class CapacityRules
{
    /// <summary>
    /// The agent's profiles with what is in use of each. An immediate profile is used by every counting conversation that
    /// needs it; an end-of-day profile by what it counted since its reset (CAP-7, CAP-11, CAP-12).
    /// </summary>
    public static ImmutableArray<ProfileInUse> ProfilesInUse(Agent agent, Configuration configuration)
    {
        var builder = ImmutableArray.CreateBuilder<ProfileInUse>(agent.Settings.Profiles.Count);
        foreach (var (profileId, customLimit) in agent.Settings.Profiles)
        {
            if (configuration.Profiles.GetValueOrDefault(profileId) is not { } profile)
                continue;
            var used =
                profile.Reset is ProfileReset.EndOfDay
                    ? agent.DayCounts.GetValueOrDefault(profileId)?.Items ?? 0
                    : agent.Conversations.Values.Count(c => c.HoldsCapacity && c.Work.Profiles.Contains(profileId));
            builder.Add(new ProfileInUse(profile, customLimit ?? profile.Limit, used, customLimit is not null));
        }
        return builder.ToImmutable();
    }

    /// <summary>The first rule of CAP-6, CAP-5, CAP-3/CAP-8, CAP-2, CAP-1 that applies.</summary>
    public static CapacityVerdict Decide(Agent agent, Configuration configuration)
    {
        var policy = configuration.Policy;
        var profiles = ProfilesInUse(agent, configuration);
        var total = agent.Settings.Units;
        var used = agent.UnitsUsed;
        var sessions = agent.Conversations.Values.Count(c => c.IsOpenSession || c.State is ConversationState.Assigned);
        var inputs = new CapacityInputs(
            total,
            used,
            [.. profiles.Select(p => new ProfileInputs(p.Profile.Id, p.Used, p.Limit, p.Profile.Blocking))],
            sessions,
            policy.MaxOpenSessions
        );

        if (used > total || profiles.Any(p => p.Used > p.Limit))
            return new(BuiltInStatuses.DoNotDisturb, Rules.Cap6, inputs);
        if (sessions > policy.MaxOpenSessions)
            return new(BuiltInStatuses.DoNotDisturb, Rules.Cap5, inputs);
        if (IsExhausted(agent, used, profiles))
            return new(BuiltInStatuses.DoNotDisturb, total == 0 ? Rules.Cap8 : Rules.Cap3, inputs);
        if (profiles.Any(p => p.Used > 0) || agent.Conversations.Values.Any(c => Counts(c, agent, policy.ZeroCapacityWorkSetsBusy)))
            return new(BuiltInStatuses.Busy, Rules.Cap2, inputs);
        return new(BuiltInStatuses.Available, Rules.Cap1, inputs);
    }

    /// <summary>CAP-4, with CAP-8 for a total of zero units.</summary>
    public static bool IsExhausted(Agent agent, Configuration configuration) =>
        IsExhausted(agent, agent.UnitsUsed, ProfilesInUse(agent, configuration));

    /// <summary>CAP-4.</summary>
    /// <param name="units">Whether the units are exhausted; null where none are configured.</param>
    /// <param name="profiles">The agent's profiles: whether each is blocking, and whether it is full.</param>
    public static bool IsExhausted(bool? units, IReadOnlyCollection<(bool Blocking, bool Full)> profiles)
    {
        bool? byProfiles =
            profiles.Count == 0 ? null
            : profiles.Any(p => p.Blocking) ? profiles.Any(p => p.Blocking && p.Full)
            : profiles.All(p => p.Full);
        return (units ?? byProfiles ?? false) && (byProfiles ?? true);
    }

    private static bool IsExhausted(Agent agent, int used, ImmutableArray<ProfileInUse> profiles) =>
        IsExhausted(
            agent.Settings.Units switch
            {
                null => null,
                0 => agent.AssignedSinceSignIn,
                var total => used >= total,
            },
            [.. profiles.Select(p => (p.Profile.Blocking, p.Used >= p.Limit))]
        );

    /// <summary>CAP-14: with the policy off, a conversation that takes nothing counts for nothing here.</summary>
    private static bool Counts(Conversation conversation, Agent agent, bool zeroCounts) =>
        conversation.HoldsCapacity
        && (zeroCounts || conversation.Work.Units > 0 || conversation.Work.Profiles.Any(agent.Settings.Profiles.ContainsKey));
}
