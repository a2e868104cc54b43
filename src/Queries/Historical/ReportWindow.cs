using NodaTime;
using PresenceLedger.Domain.Reporting;

namespace PresenceLedger.Queries.Historical;

/// <summary>Of which time a report is, and how it looks at it.</summary>
public sealed record ReportWindow
{
    public const string CorrectedView = "corrected";
    public const string RawView = "raw";

    public DateTimeOffset? From { get; init; }

    public DateTimeOffset? To { get; init; }

    public DateTimeZone Zone { get; init; } = DateTimeZone.Utc;

    /// <summary>Without the supervisors' corrections.</summary>
    public bool IsRaw { get; init; }

    /// <summary>Only what was recorded by then; null for all that is.</summary>
    public DateTimeOffset? KnownAt { get; init; }

    public string View => IsRaw ? RawView : CorrectedView;

    /// <summary>The facts as this view has them.</summary>
    public AgentFacts See(AgentFacts facts, DateTimeOffset asOf) => IsRaw ? facts : facts.Corrected(asOf);

    /// <summary>From where to where, where both have to be given.</summary>
    /// <exception cref="InvalidQueryException">One is not.</exception>
    public (DateTimeOffset From, DateTimeOffset To) Bounds() =>
        From is { } from && To is { } to
            ? (from, to)
            : throw new InvalidQueryException(
                From is null ? "from" : "to",
                "must be given: an RFC 3339 instant, or a date in the time zone"
            );
}
