using System.Globalization;
using Microsoft.Net.Http.Headers;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Historical;

namespace PresenceLedger.Api.Reports;

/// <summary>How a report is written.</summary>
internal enum ReportFormat
{
    /// <summary>A page of items, with what they are of.</summary>
    Json,

    /// <summary>All items, a line each.</summary>
    Csv,

    /// <summary>All items, a JSON object a line.</summary>
    Ndjson,
}

/// <summary>Which one a caller wants, and how its answer begins.</summary>
internal static class ReportFormats
{
    public const string Csv = "text/csv";
    public const string Ndjson = "application/x-ndjson";

    /// <summary>By <c>format</c> in the query, else by <c>Accept</c>, else JSON.</summary>
    /// <exception cref="InvalidQueryException">It is none.</exception>
    public static ReportFormat Read(HttpContext http, string? format)
    {
        if (!string.IsNullOrEmpty(format))
            return Enum.TryParse<ReportFormat>(format, ignoreCase: true, out var named) && format.All(char.IsAsciiLetter)
                ? named
                : throw new InvalidQueryException("format", "must be json, csv or ndjson");
        foreach (var accepted in http.Request.GetTypedHeaders().Accept.OrderByDescending(a => a.Quality ?? 1))
            switch (accepted.MediaType.Value?.ToLowerInvariant())
            {
                case Csv:
                    return ReportFormat.Csv;
                case Ndjson or "application/ndjson":
                    return ReportFormat.Ndjson;
                case "application/json" or "application/*" or "*/*":
                    return ReportFormat.Json;
            }
        return ReportFormat.Json;
    }

    /// <summary>Begins a report of all items: what they are of stands in headers, since the body is nothing but items.</summary>
    public static Task StartAsync(HttpContext http, ReportFormat format, ReportWindow window, string name)
    {
        var response = http.Response;
        response.ContentType = format is ReportFormat.Csv ? Csv + "; charset=utf-8; header=present" : Ndjson;
        response.Headers["Time-Zone"] = window.Zone.Id;
        response.Headers["Time-Zone-Version"] = Zones.Version;
        response.Headers["View"] = window.View;
        response.Headers["Definitions"] = ReportMetrics.Path;
        response.Headers.CacheControl = "no-store";
        // Proxies are not to hold lines back.
        response.Headers["X-Accel-Buffering"] = "no";
        if (format is ReportFormat.Csv)
            response.Headers.ContentDisposition = new ContentDispositionHeaderValue("attachment")
            {
                FileName = string.Create(CultureInfo.InvariantCulture, $"{name}.csv"),
            }.ToString();
        return response.StartAsync(http.RequestAborted);
    }
}
