using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Domain.WhatIf;

/// <summary>
/// What would have been other: each version of the configuration, and the settings of agents. What it does not name is as it was
/// recorded, changes in the middle included.
/// </summary>
public sealed class Alternative
{
    private readonly Func<string, AgentSettings, AgentSettings> _settings;

    /// <summary>Another configuration and other settings.</summary>
    /// <param name="recorded">The configuration as it was recorded.</param>
    /// <param name="calendar">When a day ends.</param>
    /// <param name="configuration">Makes the other one of a recorded version; policy and profiles may differ.</param>
    /// <param name="settings">Makes the other settings of an agent of the recorded ones.</param>
    public Alternative(
        ConfigurationHistory recorded,
        ICalendar calendar,
        Func<Configuration, Configuration> configuration,
        Func<string, AgentSettings, AgentSettings> settings
    ) => (Recorded, Calendar, Other, _settings) = (recorded, calendar, recorded.Select(configuration), settings);

    /// <summary>The configuration as it was recorded.</summary>
    public ConfigurationHistory Recorded { get; }

    /// <summary>When a day ends.</summary>
    public ICalendar Calendar { get; }

    /// <summary>The configuration as it would have been.</summary>
    public ConfigurationHistory Other { get; }

    /// <summary>Everything as it was recorded.</summary>
    public static Alternative None(ConfigurationHistory recorded, ICalendar calendar) => new(recorded, calendar, c => c, (_, s) => s);

    /// <summary>
    /// The settings that an agent would have had. What the catalogue does not have yet, or not any more, cannot be set: there the
    /// recorded settings stand.
    /// </summary>
    public AgentSettings SettingsOf(string agentId, AgentSettings recorded, Configuration configuration)
    {
        var other = _settings(agentId, recorded);
        if (other.Equals(recorded))
            return recorded;
        return other with
        {
            DefaultStatusId =
                other.DefaultStatusId is { } id
                && id != recorded.DefaultStatusId
                && !(configuration.Status(id) is { Retired: false } status && status.Id != Statuses.BuiltInStatuses.Inactive.Id)
                    ? recorded.DefaultStatusId
                    : other.DefaultStatusId,
            Profiles = other.Profiles.RemoveRange(other.Profiles.Keys.Where(p => !configuration.Profiles.ContainsKey(p))),
        };
    }
}
