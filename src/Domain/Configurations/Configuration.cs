using System.Collections.Immutable;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;
using static PresenceLedger.Domain.Instants;

namespace PresenceLedger.Domain.Configurations;

/// <summary>Statuses, capacity profiles and policy: the state of the stream <c>configuration</c>.</summary>
/// <param name="Version">Version of the last event, -1 before the first; the policy version on events.</param>
/// <param name="Statuses">By id, the six out-of-the-box ones among them (CAT-1).</param>
/// <param name="Profiles">By id.</param>
/// <param name="Policy">The policy.</param>
public sealed record Configuration(
    long Version,
    ImmutableSortedDictionary<string, Status> Statuses,
    ImmutableSortedDictionary<string, CapacityProfile> Profiles,
    Policy Policy
)
{
    /// <summary>When the last event took effect: no later event takes effect before (TIM-1).</summary>
    public DateTimeOffset LastOccurredAt { get; init; } = DateTimeOffset.MinValue;

    /// <summary>
    /// The policies of before, oldest first, each with the instant at which the next one took its place; the newest <see cref="MostEarlier"/>.
    /// What is under way is measured by the policy of each time (TIM-6).
    /// </summary>
    public ImmutableArray<EarlierPolicy> Earlier { get; init; } = [];

    /// <summary>How many earlier policies are remembered.</summary>
    public const int MostEarlier = 32;

    /// <summary>Before any event: the six statuses and the default policy.</summary>
    public static Configuration Initial { get; } =
        new(
            -1,
            BuiltInStatuses.All.ToImmutableSortedDictionary(s => s.Id, s => s, StringComparer.Ordinal),
            ImmutableSortedDictionary.Create<string, CapacityProfile>(StringComparer.Ordinal),
            new Policy()
        );

    /// <summary>The status with this id, or null.</summary>
    public Status? Status(string id) => Statuses.GetValueOrDefault(id);

    /// <summary>What to show for a status id, also for one that this node does not know yet.</summary>
    public string StatusText(string id) => Status(id)?.Text ?? id;

    /// <summary>The configuration after one more event.</summary>
    public Configuration Evolve(ConfigurationEvent @event)
    {
        var next = @event switch
        {
            StatusDefined e => WithStatus(new Status(e.StatusId, e.Name, e.Text, e.Base, e.Description)),
            StatusChanged e => WithStatus(
                Statuses[e.StatusId] with
                {
                    Name = e.Name,
                    Text = e.Text,
                    Base = e.Base,
                    Description = e.Description,
                }
            ),
            StatusRetired e => WithStatus(Statuses[e.StatusId] with { Retired = true }),
            StatusUsed e => WithStatus(Statuses[e.StatusId] with { Used = true }),
            CapacityProfileSet e => this with { Profiles = Profiles.SetItem(e.Profile.Id, e.Profile) },
            PolicyChanged e => this with { Policy = e.Policy, Earlier = AllUntil(e.OccurredAt) },
            _ => throw new InvalidOperationException($"Unknown configuration event {@event.GetType().Name}."),
        };
        return next with { Version = Version + 1, LastOccurredAt = @event.OccurredAt };
    }

    /// <summary>
    /// When something that began at an instant falls due. A new policy applies to what is under way as well, but dates nothing before
    /// the change: a deadline that it puts into the past falls due at the change. One that had passed by then stays passed (TIM-6).
    /// </summary>
    /// <param name="began">When it began.</param>
    /// <param name="due">When it would fall due under a policy that had stood from the beginning; null where it never would.</param>
    public DateTimeOffset? FallsDue(DateTimeOffset began, Func<Policy, DateTimeOffset?> due)
    {
        var from = DateTimeOffset.MinValue;
        foreach (var earlier in Earlier)
        {
            if (earlier.Until > began && due(earlier.Policy) is { } at && Later(at, from) < earlier.Until)
                return Later(at, from);
            from = earlier.Until;
        }
        return due(Policy) is { } last ? Later(last, from) : null;
    }

    /// <summary>When a length of time that began at an instant is over (TIM-6).</summary>
    public DateTimeOffset After(DateTimeOffset began, Func<Policy, TimeSpan> length) =>
        FallsDue(began, policy => (began + length(policy)).ToMillisecond())!.Value;

    /// <summary>The policy that stood at an instant.</summary>
    public Policy PolicyAt(DateTimeOffset at) => Earlier.FirstOrDefault(earlier => earlier.Until > at)?.Policy ?? Policy;

    /// <summary>The last instant of the restore window of a status that was captured (CON-4).</summary>
    public DateTimeOffset RestoreUntil(DateTimeOffset capturedAt) => After(capturedAt, policy => policy.RestoreWindow);

    /// <summary>The same, with the policies that another configuration, which it took the place of, had gone through.</summary>
    internal Configuration Following(Configuration before) =>
        this with
        {
            Earlier = before.Policy.Equals(Policy) ? before.Earlier : before.AllUntil(LastOccurredAt),
        };

    private ImmutableArray<EarlierPolicy> AllUntil(DateTimeOffset until) =>
        (Earlier.Length < MostEarlier ? Earlier : Earlier.RemoveAt(0)).Add(new EarlierPolicy(Policy, until));

    private Configuration WithStatus(Status status) => this with { Statuses = Statuses.SetItem(status.Id, status) };
}

/// <summary>A policy that stood before.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Until">When the next one took its place.</param>
public sealed record EarlierPolicy(Policy Policy, DateTimeOffset Until);
