using System.Globalization;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Domain.Configurations;

/// <summary>What an administrator may ask of the configuration.</summary>
public abstract record ConfigurationCommand;

/// <summary>Add a custom status, or edit it (CAT-2).</summary>
public sealed record DefineStatus(string StatusId, string Name, string Text, BaseStatus Base, string? Description) : ConfigurationCommand;

/// <summary>Retire a custom status (CAT-5).</summary>
public sealed record RetireStatus(string StatusId) : ConfigurationCommand;

/// <summary>Note that a custom status stands for an agent (CAT-2).</summary>
public sealed record UseStatus(string StatusId) : ConfigurationCommand;

/// <summary>Add or change a capacity profile.</summary>
public sealed record SetCapacityProfile(CapacityProfile Profile) : ConfigurationCommand;

/// <summary>Replace the policy.</summary>
public sealed record ChangePolicy(Policy Policy) : ConfigurationCommand;

/// <summary>Change part of the policy, whatever the rest of it is by then.</summary>
/// <param name="Change">The new policy from the present one.</param>
public sealed record AmendPolicy(Func<Policy, Policy> Change) : ConfigurationCommand;

/// <summary>Decides commands on the configuration. Pure.</summary>
public static class ConfigurationDecider
{
    /// <summary>The events of a command (none where nothing changes), or why it is refused.</summary>
    public static Decision<ConfigurationEvent> Decide(Configuration configuration, ConfigurationCommand command, DateTimeOffset now)
    {
        var decision = command switch
        {
            DefineStatus c => Decide(configuration, c),
            RetireStatus c => Decide(configuration, c),
            UseStatus c => configuration.Status(c.StatusId) is { BuiltIn: false, Used: false } ? Of(new StatusUsed(c.StatusId)) : Nothing,
            SetCapacityProfile c => configuration.Profiles.GetValueOrDefault(c.Profile.Id) == c.Profile
                ? Nothing
                : Of(new CapacityProfileSet(c.Profile)),
            ChangePolicy c => Decide(configuration, c.Policy),
            AmendPolicy c => c.Change(configuration.Policy) is var amended && Contradiction(configuration.Policy, amended) is { } refusal
                ? new([], refusal)
                : Decide(configuration, amended),
            _ => throw new InvalidOperationException($"Unknown configuration command {command.GetType().Name}."),
        };
        var at = now.ToMillisecond() > configuration.LastOccurredAt ? now.ToMillisecond() : configuration.LastOccurredAt;
        return decision with { Events = [.. decision.Events.Select(e => e with { OccurredAt = at })] };
    }

    /// <summary>
    /// Why a policy contradicts itself; null where it does not, or did before and the change is of something else.
    /// </summary>
    public static Refusal? Contradiction(Policy present, Policy amended) =>
        amended.HeartbeatTimeout < 2 * amended.HeartbeatInterval
        && (amended.HeartbeatTimeout, amended.HeartbeatInterval) != (present.HeartbeatTimeout, present.HeartbeatInterval)
            ? new Refusal(
                RefusalCodes.Validation,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"must be at least two heartbeatSeconds, or one late heartbeat is a loss: {amended.HeartbeatTimeout.TotalSeconds} s with a heartbeat every {amended.HeartbeatInterval.TotalSeconds} s. Change both."
                )
            )
            {
                Field = "heartbeatTimeout",
            }
            : null;

    private static Decision<ConfigurationEvent> Decide(Configuration configuration, DefineStatus c)
    {
        var existing = configuration.Status(c.StatusId);
        if (existing is null)
            return Of(new StatusDefined(c.StatusId, c.Name, c.Text, c.Base, c.Description) { Rule = Rules.Cat2 });
        if (existing.BuiltIn)
            return BuiltIn(c.StatusId);
        if (existing.Used && existing.Base != c.Base)
            return Refused(
                RefusalCodes.StatusInUse,
                $"Status '{c.StatusId}' has been used, so its base status is fixed (CAT-2). Retire it and add another."
            );
        var changed = existing with { Name = c.Name, Text = c.Text, Base = c.Base, Description = c.Description };
        return changed == existing
            ? Nothing
            : Of(new StatusChanged(c.StatusId, c.Name, c.Text, c.Base, c.Description) { Rule = Rules.Cat2 });
    }

    private static Decision<ConfigurationEvent> Decide(Configuration configuration, Policy policy) =>
        configuration.Policy.Equals(policy) ? Nothing : Of(new PolicyChanged(policy));

    private static Decision<ConfigurationEvent> Decide(Configuration configuration, RetireStatus c) =>
        configuration.Status(c.StatusId) switch
        {
            null => new([], Refusal.StatusUnknown(c.StatusId)),
            { BuiltIn: true } => BuiltIn(c.StatusId),
            { Retired: true } => Nothing,
            _ => Of(new StatusRetired(c.StatusId) { Rule = Rules.Cat5 }),
        };

    private static Decision<ConfigurationEvent> Nothing => new([], null);

    private static Decision<ConfigurationEvent> Of(ConfigurationEvent e) => new([e], null);

    private static Decision<ConfigurationEvent> Refused(string code, string detail) => new([], new Refusal(code, detail));

    private static Decision<ConfigurationEvent> BuiltIn(string statusId) =>
        Refused(
            RefusalCodes.StatusBuiltIn,
            $"Status '{statusId}' is one of the six out-of-the-box statuses and cannot be changed (CAT-1). Add a custom status."
        );
}
