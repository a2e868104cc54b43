using System.CommandLine;
using NodaTime;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Api.Reports;
using PresenceLedger.Ledger.Calendars;

namespace PresenceLedger.Api.Audit;

/// <summary>The options of a verb that can write CSV.</summary>
/// <param name="withTimes">Whether there are instants in it.</param>
internal sealed class CsvOptions(bool withTimes)
{
    private readonly Option<string?> _zone = new("--time-zone")
    {
        Description = "csv: by whose clock instants are written; IANA name (UTC).",
    };
    private readonly Option<string?> _separator = new("--separator")
    {
        Description = "csv: what separates cells: , (default), ; (default where the decimal is a comma), | or tab.",
    };
    private readonly Option<string?> _decimal = new("--decimal") { Description = "csv: the decimal sign of numbers: . (default) or ,." };
    private readonly Option<string?> _columns = new("--columns")
    {
        Description = "csv: only these columns, in this order, with commas between their names.",
    };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb)
    {
        foreach (var option in All)
            verb.Add(option);
    }

    /// <summary>Reads them.</summary>
    /// <exception cref="MisconfiguredException">One is bad, or it is no CSV that is written.</exception>
    public (CsvStyle Style, IReadOnlyList<CsvColumn<T>> Columns) Read<T>(ParseResult parsed, bool isCsv, IReadOnlyList<CsvColumn<T>> all)
    {
        if (!isCsv && All.FirstOrDefault(option => parsed.GetValue(option) is not null) is { } useless)
            throw new MisconfiguredException($"{useless.Name} goes with --format csv only.");
        var zone = DateTimeZone.Utc;
        if (withTimes && parsed.GetValue(_zone) is { } name)
            zone =
                Zones.Find(name)
                ?? throw new MisconfiguredException($"--time-zone '{name}' is no IANA time zone; one is Europe/Berlin, for instance.");
        if (CsvStyle.Read(parsed.GetValue(_separator), parsed.GetValue(_decimal), zone, out var style) is { } bad)
            throw new MisconfiguredException($"--{bad.Field} {bad.Error}.");
        if (CsvColumns.Choose(all, parsed.GetValue(_columns), out var columns) is { } badColumns)
            throw new MisconfiguredException($"--columns: {badColumns}.");
        return (style, columns);
    }

    private IEnumerable<Option<string?>> All => withTimes ? [_zone, _separator, _decimal, _columns] : [_separator, _decimal, _columns];
}
