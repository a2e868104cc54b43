using System.Globalization;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>A metric by day and hour of a zone's clock.</summary>
public sealed class HeatMap
{
    private readonly string _metric;
    private readonly double _greatest;

    private HeatMap(IReadOnlyList<HeatDay> days, IReadOnlyList<HeatHour> hours, string metric, double greatest)
    {
        (Days, Hours) = (days, hours);
        (_metric, _greatest) = (metric, greatest);
    }

    /// <summary>The rows.</summary>
    public IReadOnlyList<HeatDay> Days { get; }

    /// <summary>The columns; an hour that the clock shows twice on some day has two.</summary>
    public IReadOnlyList<HeatHour> Hours { get; }

    /// <summary>Of the buckets of an hour each.</summary>
    public static HeatMap Of(IReadOnlyList<ReportItem> items, string metric, ReportWindow window)
    {
        var days = new List<HeatDay>();
        foreach (var item in items)
        {
            var local = window.Local(item.BucketStart);
            if (days.Count == 0 || days[^1].Date != local.Date)
                days.Add(new HeatDay(local.Date, []));
            var hour = new HeatHour(local.Hour, IsSecond: false);
            // What a change of the clock cuts in two is one bucket after the other of the same hour.
            if (!days[^1].Cells.TryAdd(hour, item))
                days[^1].Cells[hour with { IsSecond = true }] = item;
        }
        var hours = days.SelectMany(d => d.Cells.Keys).Distinct().OrderBy(h => h.Hour).ThenBy(h => h.IsSecond).ToArray();
        return new HeatMap(days, hours, metric, items.Max(i => i[metric]) ?? 0);
    }

    /// <summary>How much of the greatest number a cell is.</summary>
    public int Percent(ReportItem cell) => _greatest <= 0 ? 0 : (int)Math.Round((cell[_metric] ?? 0) / _greatest * 100);
}

/// <summary>A day of it.</summary>
/// <param name="Date">By the clock of the zone.</param>
/// <param name="Cells">Its hours; a day may have 23 or 25.</param>
public sealed record HeatDay(DateTime Date, Dictionary<HeatHour, ReportItem> Cells)
{
    /// <summary>As <c>03-29</c>.</summary>
    public string Text => Date.ToString("MM-dd", CultureInfo.InvariantCulture);

    /// <summary>The key of its name in the words.</summary>
    public string Weekday => Date.DayOfWeek.ToString();
}

/// <summary>An hour of the clock.</summary>
/// <param name="Hour">0 to 23.</param>
/// <param name="IsSecond">Whether the clock shows it the second time on that day.</param>
public sealed record HeatHour(int Hour, bool IsSecond)
{
    /// <summary>As <c>02</c>; the second one as <c>02′</c>.</summary>
    public string Text => Hour.ToString("00", CultureInfo.InvariantCulture) + (IsSecond ? "′" : "");
}
