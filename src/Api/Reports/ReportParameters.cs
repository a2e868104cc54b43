using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;
using PresenceLedger.Api.Http;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;

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

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidQueryException">One is bad.</exception>
    internal ReportWindow Read(TimeProvider clock)
    {
        var zone = ZoneQuery.Read(TimeZone);
        var window = new ReportWindow
        {
            From = ZoneQuery.ReadInstant(From, "from", zone),
            To = ZoneQuery.ReadInstant(To, "to", zone),
            Zone = zone,
            IsRaw = View == ReportWindow.RawView,
            KnownAt = InstantQuery.ReadPast(AsKnownAt, "asKnownAt", clock),
        };
        if (window.From >= window.To)
            throw new InvalidQueryException(("from", "must be earlier than 'to'"), ("to", "must be later than 'from'"));
        return View is null or "" or ReportWindow.CorrectedView or ReportWindow.RawView
            ? window
            : throw new InvalidQueryException("view", "must be corrected or raw");
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

    /// <summary>Reads the filter of sessions.</summary>
    /// <exception cref="InvalidQueryException">It is bad.</exception>
    internal static SessionFilter ReadFilter(HttpContext http) =>
        new(
            QueryLists.Identifiers(http, "queues", alsoCalled: "queue"),
            QueryLists.Identifiers(http, "channels", alsoCalled: "channel"),
            QueryLists.Identifiers(http, "workstreams", alsoCalled: "workstream")
        );
}
