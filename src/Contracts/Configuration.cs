using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Statuses;

namespace PresenceLedger.Contracts;

/// <summary>A custom status. Of name and text one may be left out; it is the other then.</summary>
public sealed record StatusBody : BodyWithReason
{
    /// <summary>The administrator's name for it.</summary>
    public string? Name { get; init; }

    /// <summary>What agents and supervisors see.</summary>
    public string? Text { get; init; }

    /// <summary>One of the five base statuses.</summary>
    public BaseStatus? Base { get; init; }
    public string? Description { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (string.IsNullOrWhiteSpace(Name) && string.IsNullOrWhiteSpace(Text))
            yield return ("text", "is needed");
        foreach (var (field, value) in new[] { ("name", Name), ("text", Text) })
            if (value is not null && (string.IsNullOrWhiteSpace(value) || BodyChecks.Text(value) is not null))
                yield return (field, "must be 1 to 200 characters, " + BodyChecks.NoneOfThem);
        if (Base is null)
            yield return ("base", "is needed: available, busy, do-not-disturb, away or offline");
        if (Description is { } description && (description.Length > 2000 || description.Any(BodyChecks.IsNoText)))
            yield return ("description", "must be at most 2000 characters, " + BodyChecks.NoneOfThem);
    }
}

/// <summary>A status of the catalogue.</summary>
public sealed record StatusAnswer(
    string StatusId,
    string Name,
    string Text,
    BaseStatus Base,
    string? Description,
    bool BuiltIn,
    bool Retired,
    bool Used
)
{
    public static StatusAnswer Of(Status s) => new(s.Id, s.Name, s.Text, s.Base, s.Description, s.BuiltIn, s.Retired, s.Used);
}

/// <summary>A capacity profile.</summary>
public sealed record CapacityProfileBody : BodyWithReason
{
    public string? Name { get; init; }

    /// <summary>Work items an agent may have at once, or a day.</summary>
    public int? Limit { get; init; }

    /// <summary>A full one alone makes its agent exhausted (CAP-4).</summary>
    public bool Blocking { get; init; }
    public ProfileReset Reset { get; init; }

    public override IEnumerable<(string, string)> Errors()
    {
        if (BodyChecks.Text(Name) is { } name)
            yield return ("name", name);
        if (Limit is not (>= 0 and <= 1_000_000))
            yield return ("limit", "is needed: 0 to 1000000");
    }
}

/// <summary>A capacity profile.</summary>
public sealed record CapacityProfileAnswer(string ProfileId, string Name, int Limit, bool Blocking, ProfileReset Reset)
{
    public static CapacityProfileAnswer Of(CapacityProfile p) => new(p.Id, p.Name, p.Limit, p.Blocking, p.Reset);
}

/// <summary>For how many agents something was given back.</summary>
public sealed record CapacityResetAnswer(string ProfileId, int Agents);

/// <summary>The version of statuses, capacity profiles and policy; -1 where nothing was ever configured.</summary>
public sealed record ConfigurationVersionAnswer(long Version);
