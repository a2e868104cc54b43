namespace PresenceLedger.Domain.Reporting;

/// <summary>Which sessions count; null for any.</summary>
public sealed record SessionFilter(
    IReadOnlySet<string>? Queues = null,
    IReadOnlySet<string>? Channels = null,
    IReadOnlySet<string>? Workstreams = null
)
{
    /// <summary>All of them.</summary>
    public static SessionFilter All { get; } = new();

    /// <summary>Whether a session counts.</summary>
    public bool Has(Session session) =>
        Allows(Queues, session.Queue) && Allows(Channels, session.Channel) && Allows(Workstreams, session.Workstream);

    private static bool Allows(IReadOnlySet<string>? allowed, string? value) =>
        allowed is null || (value is not null && allowed.Contains(value));
}
