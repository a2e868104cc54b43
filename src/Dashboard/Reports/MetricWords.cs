using Microsoft.Extensions.Localization;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>What metrics are called, and how they are defined, in the viewer's language.</summary>
public static class MetricWords
{
    private const string OfFormula = "Formula of ";

    /// <summary>What it is called; its name where the service has one that the words do not know yet.</summary>
    public static string Label(string metric, IStringLocalizer words, Catalogue catalogue) =>
        metric.StartsWith(ReportItem.OfStatus, StringComparison.Ordinal)
            ? catalogue.Status(metric[ReportItem.OfStatus.Length..]).Text
            : words[metric].Value;

    /// <summary>How it is defined.</summary>
    public static string Formula(string metric, IStringLocalizer words, Catalogue catalogue)
    {
        if (metric.StartsWith(ReportItem.OfStatus, StringComparison.Ordinal))
            return words["Formula of a status", catalogue.Status(metric[ReportItem.OfStatus.Length..]).Text];
        var said = words[OfFormula + metric];
        return said.ResourceNotFound ? catalogue.Metric(metric)?.Formula ?? metric : said.Value;
    }
}
