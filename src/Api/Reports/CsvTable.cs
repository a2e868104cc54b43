using PresenceLedger.Domain.Naming;

namespace PresenceLedger.Api.Reports;

/// <summary>A column of a CSV.</summary>
/// <param name="Name">By which it is asked for.</param>
/// <param name="Write">Writes its cell of a row.</param>
public sealed record CsvColumn<T>(string Name, Action<CsvWriter, T> Write)
{
    /// <summary>What people call it, where its name does not say so; stands beside the name.</summary>
    public string? Text { get; init; }

    /// <summary>The columns that are asked for by one name, such as those of all statuses; null for none.</summary>
    public string? Group { get; init; }
}

/// <summary>A CSV of rows with columns.</summary>
/// <param name="csv">Writes it.</param>
/// <param name="columns">Its columns, in order.</param>
public sealed class CsvTable<T>(CsvWriter csv, IReadOnlyList<CsvColumn<T>> columns)
{
    /// <summary>Begins it: the names of the columns.</summary>
    public void WriteHeader()
    {
        csv.ByteOrderMark();
        foreach (var column in columns)
            csv.Text(column.Text is null ? column.Name : $"{column.Name} ({column.Text})");
        csv.End();
    }

    /// <summary>Writes a row.</summary>
    public void Write(T row)
    {
        foreach (var column in columns)
            column.Write(csv, row);
        csv.End();
    }
}

/// <summary>Chooses columns.</summary>
public static class CsvColumns
{
    /// <summary>The columns of these names, in their order; what is wrong with the names where something is.</summary>
    /// <param name="all">What there is.</param>
    /// <param name="names">With commas between, as lists of identifiers are; null for all.</param>
    /// <param name="chosen">Those.</param>
    public static string? Choose<T>(IReadOnlyList<CsvColumn<T>> all, string? names, out IReadOnlyList<CsvColumn<T>> chosen)
    {
        chosen = all;
        if (names is null)
            return null;
        var wanted = Identifier.SplitList(names).Where(name => name.Length > 0).ToArray();
        if (wanted.Length == 0)
            return "must be names of columns, with commas between them";
        var found = new List<CsvColumn<T>>();
        foreach (var name in wanted)
        {
            var columns = all.Where(c => c.Name == name || c.Group == name).Except(found).ToArray();
            if (columns.Length == 0)
                return found.Exists(c => c.Name == name || c.Group == name)
                    ? $"has '{name}' twice"
                    : $"there is no column '{name}'; there are {string.Join(", ", all.Select(c => c.Name))}";
            found.AddRange(columns);
        }
        chosen = found;
        return null;
    }
}
