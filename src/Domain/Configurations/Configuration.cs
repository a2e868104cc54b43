using System.Collections.Immutable;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;

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
            PolicyChanged e => this with { Policy = e.Policy },
            _ => throw new InvalidOperationException($"Unknown configuration event {@event.GetType().Name}."),
        };
        return next with { Version = Version + 1, LastOccurredAt = @event.OccurredAt };
    }

    private Configuration WithStatus(Status status) => this with { Statuses = Statuses.SetItem(status.Id, status) };
}
