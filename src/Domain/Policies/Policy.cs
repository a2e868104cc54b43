using System.Collections.Immutable;

namespace PresenceLedger.Domain.Policies;

/// <summary>The settings of the rules that an administrator may change. A version of it is named on every event (WHO-1).</summary>
public sealed record Policy
{
    /// <summary>The channel that <see cref="StuckAfter"/> uses where a conversation's channel has no threshold of its own.</summary>
    public const string AnyChannel = "default";

    /// <summary>How long after a loss or sign-out a return restores the captured status (CON-4).</summary>
    public TimeSpan RestoreWindow { get; init; } = TimeSpan.FromSeconds(150);

    /// <summary>How long a connection lives without a sign of life (CON-1).</summary>
    public TimeSpan HeartbeatTimeout { get; init; } = TimeSpan.FromSeconds(75);

    /// <summary>How long a connection that said it closes may take to come back (CON-6).</summary>
    public TimeSpan RefreshGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often clients are asked to send heartbeats.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Connections that are lost and regained more often than this within <see cref="FlappingWindow"/> are flapping.</summary>
    public int FlappingTimes { get; init; } = 3;

    /// <summary>See <see cref="FlappingTimes"/>.</summary>
    public TimeSpan FlappingWindow { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>More open sessions than this make an agent do-not-disturb (CAP-5).</summary>
    public int MaxOpenSessions { get; init; } = 10;

    /// <summary>NOT-1.</summary>
    public bool MissedNotificationSetsInactive { get; init; } = true;

    /// <summary>How many misses in a row make an agent inactive (NOT-7); at least 1.</summary>
    public int MissedLimit { get; init; } = 1;

    /// <summary>How many offers in a row that could not be delivered make an agent inactive (NOT-6); 0 for never.</summary>
    public int UndeliveredLimit { get; init; } = 3;

    /// <summary>NOT-2.</summary>
    public bool RejectedNotificationSetsDoNotDisturb { get; init; } = true;

    /// <summary>CAP-14.</summary>
    public bool ZeroCapacityWorkSetsBusy { get; init; } = true;

    /// <summary>By channel, how long a conversation may be open without activity before it is flagged (STK-1).</summary>
    public ImmutableSortedDictionary<string, TimeSpan> StuckAfter { get; init; } =
        ImmutableSortedDictionary.Create<string, TimeSpan>(StringComparer.Ordinal).Add(AnyChannel, TimeSpan.FromHours(4));

    /// <summary>How long a conversation may await acceptance before it is flagged (STK-1).</summary>
    public TimeSpan OfferAfter { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>When end-of-day profiles are reset (CAP-7); null where only administrators reset them.</summary>
    public EndOfDay? EndOfDay { get; init; }

    /// <summary>The stuck threshold of a channel; null where none applies.</summary>
    public TimeSpan? StuckThreshold(string? channel)
    {
        if (channel is not null && StuckAfter.TryGetValue(channel, out var own))
            return own;
        return StuckAfter.TryGetValue(AnyChannel, out var any) ? any : null;
    }

    /// <inheritdoc />
    public bool Equals(Policy? other) =>
        other is not null
        && RestoreWindow == other.RestoreWindow
        && HeartbeatTimeout == other.HeartbeatTimeout
        && RefreshGrace == other.RefreshGrace
        && HeartbeatInterval == other.HeartbeatInterval
        && FlappingTimes == other.FlappingTimes
        && FlappingWindow == other.FlappingWindow
        && MaxOpenSessions == other.MaxOpenSessions
        && MissedNotificationSetsInactive == other.MissedNotificationSetsInactive
        && MissedLimit == other.MissedLimit
        && UndeliveredLimit == other.UndeliveredLimit
        && RejectedNotificationSetsDoNotDisturb == other.RejectedNotificationSetsDoNotDisturb
        && ZeroCapacityWorkSetsBusy == other.ZeroCapacityWorkSetsBusy
        && OfferAfter == other.OfferAfter
        && EndOfDay == other.EndOfDay
        && StuckAfter.SequenceEqual(other.StuckAfter);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(RestoreWindow, HeartbeatTimeout, RefreshGrace, MaxOpenSessions, EndOfDay);
}

/// <summary>A time of day in a time zone at which end-of-day profiles give back what they counted.</summary>
/// <param name="Time">Local time of day.</param>
/// <param name="TimeZone">IANA name.</param>
public sealed record EndOfDay(TimeOnly Time, string TimeZone);
