namespace PresenceLedger.Domain.Statuses;

/// <summary>What routing and the rules look at (CAT-4).</summary>
public enum BaseStatus
{
    Available,
    Busy,
    DoNotDisturb,
    Away,
    Offline,
}

/// <summary>A status of the catalogue: out of the box, or added by an administrator (CAT-2).</summary>
/// <param name="Id">Opaque, stable identifier; history keeps pointing at it.</param>
/// <param name="Name">The administrator's name for it.</param>
/// <param name="Text">What agents and supervisors see.</param>
/// <param name="Base">One of the five base statuses.</param>
/// <param name="Description">What it is for.</param>
/// <param name="BuiltIn">One of the six that always exist (CAT-1).</param>
/// <param name="Retired">Cannot be chosen any more (CAT-5).</param>
/// <param name="Used">It stood for an agent once, so its base is fixed (CAT-2).</param>
public sealed record Status(
    string Id,
    string Name,
    string Text,
    BaseStatus Base,
    string? Description = null,
    bool BuiltIn = false,
    bool Retired = false,
    bool Used = false
);

/// <summary>The six statuses that always exist (CAT-1).</summary>
public static class BuiltInStatuses
{
    public static readonly Status Available = BuiltIn("available", "Available", BaseStatus.Available);
    public static readonly Status Busy = BuiltIn("busy", "Busy", BaseStatus.Busy);
    public static readonly Status DoNotDisturb = BuiltIn("do-not-disturb", "Do not disturb", BaseStatus.DoNotDisturb);
    public static readonly Status Away = BuiltIn("away", "Away", BaseStatus.Away);
    public static readonly Status Offline = BuiltIn("offline", "Offline", BaseStatus.Offline);

    /// <summary>Set by the system alone (CAT-3).</summary>
    public static readonly Status Inactive = BuiltIn("inactive", "Inactive", BaseStatus.Away);

    /// <summary>All six.</summary>
    public static IReadOnlyList<Status> All { get; } = [Available, Busy, DoNotDisturb, Away, Offline, Inactive];

    private static Status BuiltIn(string id, string text, BaseStatus @base) => new(id, text, text, @base, BuiltIn: true);
}
