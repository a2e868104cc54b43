using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;
using NodaTime;
using PresenceLedger.Api.Http;
using PresenceLedger.Queries;

namespace PresenceLedger.Api.Reports;

/// <summary>How a CSV is asked for, as it came.</summary>
public sealed class CsvParameters
{
    /// <summary>Between cells.</summary>
    [
        FromQuery(Name = "separator"),
        Description("CSV: what separates cells: , (default), ; (default where the decimal is a comma), | or tab.")
    ]
    public string? Separator { get; init; }

    /// <summary>Within numbers.</summary>
    [FromQuery(Name = "decimal"), Description("CSV: the decimal sign of numbers: . (default) or ,")]
    public string? Decimal { get; init; }

    /// <summary>Which columns.</summary>
    [QueryList, FromQuery(Name = "columns"), Description("CSV: only these columns, in this order, with commas between their names.")]
    public string? Columns { get; init; }

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidQueryException">One is bad, or it is no CSV that they are given for.</exception>
    internal (CsvStyle Style, IReadOnlyList<CsvColumn<T>> Columns) Read<T>(
        ReportFormat format,
        DateTimeZone zone,
        IReadOnlyList<CsvColumn<T>> all
    )
    {
        if (CsvStyle.Read(Separator, Decimal, zone, out var style) is { } bad)
            throw new InvalidQueryException(bad.Field, bad.Error);
        if (CsvColumns.Choose(all, Columns, out var columns) is { } badColumns)
            throw new InvalidQueryException("columns", badColumns);
        if (format is not ReportFormat.Csv)
            foreach (var (name, given) in new[] { ("separator", Separator), ("decimal", Decimal), ("columns", Columns) })
                if (given is not null)
                    throw new InvalidQueryException(name, "goes with CSV only (format=csv)");
        return (style, columns);
    }
}
