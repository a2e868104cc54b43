using System.Collections.Immutable;
using System.Globalization;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Routing;

/// <summary>What a piece of work needs of an agent.</summary>
public sealed record Need
{
    /// <summary>Base statuses in which an agent is given it.</summary>
    public ImmutableArray<BaseStatus> Allowed { get; init; } = [BaseStatus.Available, BaseStatus.Busy];

    /// <summary>Capacity units it takes.</summary>
    public int Units { get; init; }

    /// <summary>Capacity profiles it takes an item of, where the agent has them (CAP-11).</summary>
    public ImmutableArray<string> Profiles { get; init; } = [];

    /// <summary>The queue it came through; null for any.</summary>
    public string? Queue { get; init; }

    /// <summary>Skills that the agent needs, all of them.</summary>
    public ImmutableArray<string> Skills { get; init; } = [];
}

/// <summary>Why an agent is not eligible.</summary>
/// <param name="Code">Stable.</param>
/// <param name="Detail">In words.</param>
public sealed record Obstacle(string Code, string Detail);

/// <summary>How available an eligible agent is.</summary>
/// <param name="FreeShare">Share of the units that is free; without units the least free share of a profile; 1 where there is neither.</param>
/// <param name="Conversations">Open conversations.</param>
/// <param name="Since">When the last of them was assigned; without any, since when the status stands.</param>
/// <param name="AgentId">The agent.</param>
public readonly record struct Availability(double FreeShare, int Conversations, DateTimeOffset Since, string AgentId)
{
    /// <summary>Whoever is most available comes first.</summary>
    public static Comparer<Availability> MostFirst { get; } =
        Comparer<Availability>.Create(
            (a, b) =>
                (b.FreeShare.CompareTo(a.FreeShare), a.Conversations.CompareTo(b.Conversations), a.Since.CompareTo(b.Since)) switch
                {
                    (0, 0, 0) => string.CompareOrdinal(a.AgentId, b.AgentId),
                    (0, 0, var bySince) => bySince,
                    (0, var byConversations, _) => byConversations,
                    (var byShare, _, _) => byShare,
                }
        );

    /// <summary>Of an agent.</summary>
    public static Availability Of(Agent agent, Configuration configuration)
    {
        var free = agent.Settings.Units is { } total
            ? Share(agent.UnitsUsed, total)
            : CapacityRules.ProfilesInUse(agent, configuration).Select(p => Share(p.Used, p.Limit)).DefaultIfEmpty(1).Min();
        var since = agent.Conversations.IsEmpty ? agent.Since : agent.Conversations.Values.Max(c => c.AssignedAt);
        return new Availability(free, agent.Conversations.Count, since, agent.AgentId);
    }

    private static double Share(int used, int total) => total == 0 ? 0 : (total - used) / (double)total;
}

/// <summary>Which agents a piece of work may be given to.</summary>
public static class Eligibility
{
    public const string NotSignedIn = "not-signed-in";
    public const string BaseNotAllowed = "base-not-allowed";
    public const string UnitsInsufficient = "units-insufficient";
    public const string ProfileExhausted = "profile-exhausted";
    public const string CapacityExhausted = "capacity-exhausted";
    public const string QueueMissing = "queue-missing";
    public const string SkillMissing = "skill-missing";

    /// <summary>
    /// Everything that stands against an agent; nothing where it is eligible. Work that takes nothing of what the agent's capacity is
    /// counted in goes to an agent who is not exhausted (CAP-4).
    /// </summary>
    public static IEnumerable<Obstacle> Of(Agent agent, Configuration configuration, Need need)
    {
        if (!agent.SignedIn)
            yield return new(NotSignedIn, "The agent is not signed in: no connection lives.");
        if (!need.Allowed.Contains(agent.Status.Base))
            yield return new(
                BaseNotAllowed,
                $"The status is {configuration.StatusText(agent.Status.StatusId)}, which is not of an allowed base."
            );
        foreach (var obstacle in OfCapacity(agent, configuration, need))
            yield return obstacle;
        if (need.Queue is { } queue && !agent.Settings.Queues.Contains(queue, StringComparer.Ordinal))
            yield return new(QueueMissing, $"The agent does not work in queue '{queue}'.");
        foreach (var skill in need.Skills)
            if (!agent.Settings.Skills.Any(s => s.Name == skill))
                yield return new(SkillMissing, $"The agent does not have skill '{skill}'.");
    }

    private static IEnumerable<Obstacle> OfCapacity(Agent agent, Configuration configuration, Need need)
    {
        var takesUnits = agent.Settings.Units is not null && need.Units > 0;
        var (total, used) = (agent.Settings.Units, agent.UnitsUsed);
        if (need.Units > total - used)
            yield return new(
                UnitsInsufficient,
                string.Create(CultureInfo.InvariantCulture, $"{need.Units} units are needed, and {total - used} of {total} are free.")
            );
        var taken = CapacityRules.ProfilesInUse(agent, configuration).Where(p => need.Profiles.Contains(p.Profile.Id)).ToArray();
        foreach (var profile in taken.Where(p => p.Used >= p.Limit))
            yield return new(
                ProfileExhausted,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Of profile '{profile.Profile.Id}' {profile.Used} of {profile.Limit} are in use."
                )
            );
        if (!takesUnits && taken.Length == 0 && CapacityRules.IsExhausted(agent, configuration))
            yield return new(CapacityExhausted, "The agent's capacity is exhausted (CAP-4).");
    }
}
