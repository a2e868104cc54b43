using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;
using NodaTime;
using PresenceLedger.Api.Http;

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

    /// <summary>Reads them; the problem where one is bad, or where it is no CSV that they are given for.</summary>
    internal IResult? Read<T>(
        ReportFormat format,
        DateTimeZone zone,
        IReadOnlyList<CsvColumn<T>> all,
        out CsvStyle style,
        out IReadOnlyList<CsvColumn<T>> columns
    )
    {
        columns = all;
        var bad = CsvStyle.Read(Separator, Decimal, zone, out style);
        if (bad is null && CsvColumns.Choose(all, Columns, out columns) is { } badColumns)
            bad = ("columns", badColumns);
        if (bad is null && format is not ReportFormat.Csv)
            foreach (var (name, given) in new[] { ("separator", Separator), ("decimal", Decimal), ("columns", Columns) })
                if (given is not null)
                    bad ??= (name, "goes with CSV only (format=csv)");
        return bad is { } found ? Problems.Validation(found.Field, found.Error) : null;
    }
}
