using System.Collections.Immutable;
using PresenceLedger.Domain.Configurations;

namespace PresenceLedger.Domain.WhatIf;

/// <summary>Every version of the configuration.</summary>
public sealed class ConfigurationHistory
{
    private readonly Configuration _initial;
    private readonly ImmutableArray<Configuration> _versions;

    private ConfigurationHistory(Configuration initial, ImmutableArray<Configuration> versions) =>
        (_initial, _versions) = (initial, versions);

    /// <summary>The newest version; -1 where nothing was ever configured.</summary>
    public long Last => _versions.Length - 1;

    /// <summary>The versions that events lead to.</summary>
    public static ConfigurationHistory Of(IEnumerable<ConfigurationEvent> events)
    {
        var configuration = Configuration.Initial;
        return new(Configuration.Initial, [.. events.Select(e => configuration = configuration.Evolve(e))]);
    }

    /// <summary>The configuration after the event of a version; -1 for the one everything begins with.</summary>
    public Configuration At(long version) => version < 0 ? _initial : _versions[(int)version];

    /// <summary>The configuration that stood at an instant.</summary>
    public Configuration AsOf(DateTimeOffset at)
    {
        var version = _versions.Length - 1;
        while (version >= 0 && _versions[version].LastOccurredAt > at)
            version--;
        return At(version);
    }

    /// <summary>The same versions, each with something changed; the policies of before are changed with them.</summary>
    public ConfigurationHistory Select(Func<Configuration, Configuration> change)
    {
        var initial = change(_initial);
        var versions = ImmutableArray.CreateBuilder<Configuration>(_versions.Length);
        var before = initial;
        foreach (var version in _versions)
        {
            before = change(version).Following(before);
            versions.Add(before);
        }
        return new(initial, versions.MoveToImmutable());
    }
}
