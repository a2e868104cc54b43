namespace PresenceLedger.Benchmarks;

/// <summary>The document with the results; each benchmark has what is between its markers, the rest is written by hand.</summary>
internal static class Document
{
    /// <summary>Puts a section between the markers of a benchmark.</summary>
    /// <exception cref="InvalidDataException">The document has no such markers.</exception>
    public static async Task WriteAsync(string path, string name, string section)
    {
        var (begin, end) = ($"<!-- {name}:begin -->", $"<!-- {name}:end -->");
        var text = await File.ReadAllTextAsync(path);
        var from = text.IndexOf(begin, StringComparison.Ordinal);
        var to = text.IndexOf(end, StringComparison.Ordinal);
        if (from < 0 || to < from)
            throw new InvalidDataException($"{path} has no markers {begin} and {end}.");
        await File.WriteAllTextAsync(path, $"{text[..(from + begin.Length)]}\n{section.Trim()}\n{text[to..]}");
    }
}
