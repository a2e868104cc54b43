using System.Collections.Immutable;
using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;
using NodaTime;
using NodaTime.TimeZones;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>What the viewer asks the report for: all of it stands in the page's address.</summary>
public sealed record ReportQuery
{
    /// <summary>Where the page is.</summary>
    public const string Page = "/reports";

    /// <summary>The period between two instants of the viewer's choice; all others are counted from today.</summary>
    public const string Custom = "custom";

    private const string LocalPattern = "yyyy-MM-dd'T'HH:mm";

    private const string DefaultPeriod = "7-days";
    private const string DefaultColumns = "time";
    private const string DefaultHeat = "availableSeconds";

    /// <summary>The periods to choose from.</summary>
    public static ImmutableArray<string> Periods { get; } = ["today", "yesterday", "week", DefaultPeriod, "month", "30-days", Custom];

    /// <summary>The lengths of buckets to choose from; without one it follows from the window.</summary>
    public static ImmutableArray<string> Buckets { get; } = ["15m", "30m", "hour", "day", "week", "month", "total"];

    /// <summary>The pictures and tables to choose from.</summary>
    public static ImmutableArray<ReportView> Views { get; } = [.. Enum.GetValues<ReportView>()];

    /// <summary>One of <see cref="Periods"/>.</summary>
    public string Period { get; init; } = DefaultPeriod;

    /// <summary>With <see cref="Custom"/>: the beginning, by the clock of the zone.</summary>
    public DateTime? From { get; init; }

    /// <summary>With <see cref="Custom"/>: the end, which is not part of it.</summary>
    public DateTime? To { get; init; }

    /// <summary>One of <see cref="Buckets"/>; null for what suits the window.</summary>
    public string? Bucket { get; init; }

    /// <summary>IANA name of the zone; null for the viewer's own.</summary>
    public string? Zone { get; init; }

    /// <summary>Only these agents, with commas between their ids.</summary>
    public string? Agents { get; init; }

    /// <summary>Only sessions of these queues.</summary>
    public string? Queues { get; init; }

    /// <summary>Only sessions of these channels.</summary>
    public string? Channels { get; init; }

    /// <summary>Only sessions of these workstreams.</summary>
    public string? Workstreams { get; init; }

    /// <summary>Only these statuses, where statuses are told apart.</summary>
    public string? Statuses { get; init; }

    /// <summary>Without the supervisors' corrections.</summary>
    public bool IsRaw { get; init; }

    /// <summary>Only what was recorded by then, by the clock of the zone.</summary>
    public DateTime? AsKnownAt { get; init; }

    /// <summary>Which picture or table.</summary>
    public ReportView View { get; init; }

    /// <summary>Which columns the table of agents has.</summary>
    public string Columns { get; init; } = DefaultColumns;

    /// <summary>By which metric the table is sorted, with a minus in front where the least comes first; null for by agent and bucket.</summary>
    public string? Sort { get; init; }

    /// <summary>Whether the bars have the time offline, too.</summary>
    public bool WithOffline { get; init; }

    /// <summary>Which metric the hours show, or <c>statusSeconds.ID</c>.</summary>
    public string Heat { get; init; } = DefaultHeat;

    /// <summary>Where the list goes on.</summary>
    public string? Cursor { get; init; }

    /// <summary>Of whom each status is listed.</summary>
    public string? Agent { get; init; }

    /// <summary>Of which queue the coverage is shown.</summary>
    public string? Queue { get; init; }

    /// <summary>The coverage: fewer agents than these were too few.</summary>
    public int Below { get; init; } = 1;

    /// <summary>The number that is explained; null where none is.</summary>
    public Drill? Drill { get; init; }

    /// <summary>Reads an address; what cannot be read is as if it were not there.</summary>
    public static ReportQuery Parse(string uri)
    {
        var query = QueryHelpers.ParseQuery(new Uri(uri, UriKind.RelativeOrAbsolute) is { IsAbsoluteUri: true } whole ? whole.Query : uri);
        return new ReportQuery
        {
            Period = Of(Text("period"), Periods) ?? DefaultPeriod,
            From = Local("from"),
            To = Local("to"),
            Bucket = Of(Text("bucket"), Buckets),
            Zone = Text("zone"),
            Agents = Text("agents"),
            Queues = Text("queues"),
            Channels = Text("channels"),
            Workstreams = Text("workstreams"),
            Statuses = Text("statuses"),
            IsRaw = Text("view") == "raw",
            AsKnownAt = Local("asKnownAt"),
            View = Enum.TryParse<ReportView>(Text("show"), ignoreCase: true, out var view) && Enum.IsDefined(view) ? view : default,
            Columns = Text("columns") ?? DefaultColumns,
            Sort = Text("sort"),
            WithOffline = Text("offline") == "true",
            Heat = Text("heat") ?? DefaultHeat,
            Cursor = Text("cursor"),
            Agent = Text("agent"),
            Queue = Text("queue"),
            Below = int.TryParse(Text("below"), NumberStyles.None, CultureInfo.InvariantCulture, out var below) && below > 0 ? below : 1,
            Drill =
                Text("drill") is { } agent && Text("metric") is { } metric && At("drillFrom") is { } from && At("drillTo") is { } to
                    ? new Drill(agent, metric, from, to)
                    : null,
        };

        string? Text(string name) =>
            query.TryGetValue(name, out var values) && values.ToString().Trim() is { Length: > 0 } text ? text : null;

        DateTime? Local(string name) =>
            DateTime.TryParseExact(Text(name), LocalPattern, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local)
                ? local
                : null;

        DateTimeOffset? At(string name) =>
            DateTimeOffset.TryParse(Text(name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : null;
    }

    /// <summary>The address of the page with it; what is as it is without being said is left out.</summary>
    public string ToAddress() =>
        LedgerApi.Path(
            $"/reports",
            ("period", Unless(Period, DefaultPeriod)),
            ("from", Period == Custom ? Local(From) : null),
            ("to", Period == Custom ? Local(To) : null),
            ("bucket", Bucket),
            ("zone", Zone),
            ("agents", Agents),
            ("queues", Queues),
            ("channels", Channels),
            ("workstreams", Workstreams),
            ("statuses", Statuses),
            ("view", IsRaw ? "raw" : null),
            ("asKnownAt", Local(AsKnownAt)),
            ("show", View is default(ReportView) ? null : Word(View)),
            ("columns", Unless(Columns, DefaultColumns)),
            ("sort", Sort),
            ("offline", WithOffline ? true : null),
            ("heat", Unless(Heat, DefaultHeat)),
            ("cursor", Cursor),
            ("agent", Agent),
            ("queue", Queue),
            ("below", Below == 1 ? null : Below),
            ("drill", Drill?.AgentId),
            ("metric", Drill?.Metric),
            ("drillFrom", Drill?.From),
            ("drillTo", Drill?.To)
        );

    /// <summary>The zone of the report; null where there is none of that name.</summary>
    public DateTimeZone? ZoneOr(DateTimeZone viewers) => Zone is null ? viewers : DateTimeZoneProviders.Tzdb.GetZoneOrNull(Zone);

    /// <summary>The window; null where it has no beginning or no end, or ends before it begins.</summary>
    public ReportWindow? Window(DateTimeZone zone, DateTimeOffset now)
    {
        var today = Instant.FromDateTimeOffset(now).InZone(zone).Date;
        var (from, to) = Period switch
        {
            "today" => (today, today.PlusDays(1)),
            "yesterday" => (today.PlusDays(-1), today),
            "week" => (today.With(DateAdjusters.PreviousOrSame(IsoDayOfWeek.Monday)), today.PlusDays(1)),
            "month" => (today.With(DateAdjusters.StartOfMonth), today.PlusDays(1)),
            "30-days" => (today.PlusDays(-29), today.PlusDays(1)),
            _ => (today.PlusDays(-6), today.PlusDays(1)),
        };
        if (Period != Custom)
            return new ReportWindow(StartOf(from, zone), StartOf(to, zone), zone);
        return From is { } first && To is { } last && At(first, zone) is var start && At(last, zone) is var end && start < end
            ? new ReportWindow(start, end, zone)
            : null;
    }

    /// <summary>The instant that a clock of the zone shows as this; of two the earlier, and of none the first after it.</summary>
    public static DateTimeOffset At(DateTime local, DateTimeZone zone) =>
        zone.ResolveLocal(LocalDateTime.FromDateTime(local), Earlier).ToDateTimeOffset().ToUniversalTime();

    /// <summary>What of it the API takes: the filters.</summary>
    public IEnumerable<(string Name, object? Value)> Filters(DateTimeZone zone) =>
        [
            ("queues", Queues),
            ("channels", Channels),
            ("workstreams", Workstreams),
            ("view", IsRaw ? "raw" : null),
            ("asKnownAt", AsKnownAt is { } at ? At(at, zone) : null),
        ];

    /// <summary>What of it the API takes: window, filters and agents.</summary>
    public IEnumerable<(string Name, object? Value)> Parameters(ReportWindow window, string? bucket = null) =>
        [
            ("from", window.From),
            ("to", window.To),
            ("timeZone", window.Zone.Id),
            ("bucket", bucket ?? Bucket ?? window.SuitingBucket),
            ("agents", Agents),
            ("statuses", Statuses),
            .. Filters(window.Zone),
        ];

    /// <summary>As a view is called in addresses.</summary>
    public static string Word(ReportView view) => view.ToString().ToLowerInvariant();

    private static readonly ZoneLocalMappingResolver Earlier = Resolvers.CreateMappingResolver(
        Resolvers.ReturnEarlier,
        Resolvers.ReturnStartOfIntervalAfter
    );

    private static DateTimeOffset StartOf(LocalDate date, DateTimeZone zone) => At(date.ToDateTimeUnspecified(), zone);

    private static string? Local(DateTime? local) => local?.ToString(LocalPattern, CultureInfo.InvariantCulture);

    private static string? Unless(string value, string usual) => value == usual ? null : value;

    private static string? Of(string? text, ImmutableArray<string> known) => text is not null && known.Contains(text) ? text : null;
}

/// <summary>The pictures and tables of the report.</summary>
public enum ReportView
{
    /// <summary>Bars of time by status, and the table of agents.</summary>
    Agents,

    /// <summary>One metric by day and hour.</summary>
    Hours,

    /// <summary>Each status of an agent with its start and end.</summary>
    Statuses,

    /// <summary>When too few agents of a queue were routable.</summary>
    Coverage,
}

/// <summary>A number that is to be explained.</summary>
/// <param name="AgentId">Whose.</param>
/// <param name="Metric">Name of the metric; <c>statusSeconds.ID</c> for a status.</param>
/// <param name="From">Its bucket.</param>
/// <param name="To">Where that ends.</param>
public sealed record Drill(string AgentId, string Metric, DateTimeOffset From, DateTimeOffset To);

/// <summary>Of which time a report is.</summary>
/// <param name="From">Its beginning.</param>
/// <param name="To">Its end, not part of it.</param>
/// <param name="Zone">Whose days and hours it is cut by.</param>
public sealed record ReportWindow(DateTimeOffset From, DateTimeOffset To, DateTimeZone Zone)
{
    private static readonly TimeSpan ShownByHours = TimeSpan.FromHours(50);
    private static readonly TimeSpan ShownByDays = TimeSpan.FromDays(62);
    private static readonly TimeSpan ShownByWeeks = TimeSpan.FromDays(366);

    /// <summary>The bucket that makes a picture of it.</summary>
    public string SuitingBucket =>
        To - From <= ShownByHours ? "hour"
        : To - From <= ShownByDays ? "day"
        : To - From <= ShownByWeeks ? "week"
        : "month";

    /// <summary>The clock of the zone at an instant.</summary>
    public DateTime Local(DateTimeOffset at) => Instant.FromDateTimeOffset(at).InZone(Zone).ToDateTimeUnspecified();

    /// <summary>As <c>2026-03-29 10:42</c> by that clock; with seconds where there are any.</summary>
    public string Text(DateTimeOffset at) =>
        Local(at) is { Second: 0, Millisecond: 0 } local
            ? local.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)
            : Local(at).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>A bucket in few words: a date, a clock time, or both.</summary>
    public string Short(DateTimeOffset at, string bucket) =>
        Local(at)
            .ToString(
                bucket switch
                {
                    "15m" or "30m" or "hour" => To - From <= ShownByHours ? "HH:mm" : "MM-dd HH:mm",
                    "month" => "yyyy-MM",
                    _ => "MM-dd",
                },
                CultureInfo.InvariantCulture
            );
}
