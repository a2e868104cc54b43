using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;
using NodaTime;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Ledger;

namespace PresenceLedger.Api.Reports;

/// <summary>What the historical reports are asked for, as it came: of what time, and how they look at it.</summary>
public class WindowParameters
{
    /// <summary>Beginning of the window.</summary>
    [FromQuery(Name = "from"), Description("Beginning of the window: an instant, or a date in the time zone.")]
    public string? From { get; init; }

    /// <summary>End of the window, not part of it.</summary>
    [FromQuery(Name = "to"), Description("End of the window, not part of it: an instant, or a date in the time zone.")]
    public string? To { get; init; }

    /// <summary>IANA name.</summary>
    [FromQuery(Name = "timeZone"), Description("IANA time zone (UTC).")]
    public string? TimeZone { get; init; }

    /// <summary>With or without corrections.</summary>
    [FromQuery(Name = "view"), Description("corrected (default) or raw: with or without the supervisors' corrections.")]
    public string? View { get; init; }

    /// <summary>An instant of the past.</summary>
    [FromQuery(Name = "asKnownAt"), Description("Only what was recorded by this instant.")]
    public string? AsKnownAt { get; init; }

    /// <summary>How to write it.</summary>
    [FromQuery(Name = "format"), Description("json, csv or ndjson, in the place of Accept.")]
    public string? Format { get; init; }

    /// <summary>Reads them; the problem where one is bad.</summary>
    internal IResult? Read(TimeProvider clock, out ReportWindow window)
    {
        window = new ReportWindow();
        if (ZoneQuery.Read(TimeZone, out var zone) is { } badZone)
            return badZone;
        if (ZoneQuery.ReadInstant(From, "from", zone, out var from) is { } badFrom)
            return badFrom;
        if (ZoneQuery.ReadInstant(To, "to", zone, out var to) is { } badTo)
            return badTo;
        if (from >= to)
            return Problems.Validation(
                new Dictionary<string, string[]> { ["from"] = ["must be earlier than 'to'"], ["to"] = ["must be later than 'from'"] }
            );
        if (View is not (null or "" or ReportWindow.CorrectedView or ReportWindow.RawView))
            return Problems.Validation("view", "must be corrected or raw");
        if (InstantQuery.Read(AsKnownAt, "asKnownAt", out var knownAt) is { } badKnownAt)
            return badKnownAt;
        if (knownAt > clock.Now())
            return Problems.Validation("asKnownAt", "must not be in the future");
        window = new ReportWindow
        {
            From = from,
            To = to,
            Zone = zone,
            IsRaw = View == ReportWindow.RawView,
            KnownAt = knownAt,
        };
        return null;
    }
}

/// <summary>The window, and which sessions and statuses count.</summary>
public class FilterParameters : WindowParameters
{
    /// <summary>Queues.</summary>
    [FromQuery(Name = "queues"), QueryList("queue"), Description("Only sessions of these queues, with commas between them.")]
    public string? Queues { get; init; }

    /// <summary>Channels.</summary>
    [FromQuery(Name = "channels"), QueryList("channel"), Description("Only sessions of these channels.")]
    public string? Channels { get; init; }

    /// <summary>Workstreams.</summary>
    [FromQuery(Name = "workstreams"), QueryList("workstream"), Description("Only sessions of these workstreams.")]
    public string? Workstreams { get; init; }

    /// <summary>Reads the filter of sessions; the problem where it is bad.</summary>
    internal static IResult? ReadFilter(HttpContext http, out SessionFilter filter)
    {
        filter = SessionFilter.All;
        if (QueryLists.Read(http, "queues", "queue", QueryLists.Identifier, out var queues) is { } badQueues)
            return badQueues;
        if (QueryLists.Read(http, "channels", "channel", QueryLists.Identifier, out var channels) is { } badChannels)
            return badChannels;
        if (QueryLists.Read(http, "workstreams", "workstream", QueryLists.Identifier, out var workstreams) is { } badWorkstreams)
            return badWorkstreams;
        filter = new SessionFilter(queues, channels, workstreams);
        return null;
    }
}

/// <summary>Of which time a report is, and how it looks at it.</summary>
internal sealed record ReportWindow
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

    /// <summary>The facts as this view has them.</summary>
    public AgentFacts See(AgentFacts facts, DateTimeOffset asOf) => IsRaw ? facts : facts.Corrected(asOf);

    public string View => IsRaw ? RawView : CorrectedView;
}
