namespace PresenceLedger.Benchmarks;

/// <summary>A benchmark; it has a file of its own, a line in <see cref="Program"/>, and a section between markers in the document.</summary>
internal interface IBenchmark
{
    /// <summary>What it is called on the command line and in the markers.</summary>
    string Name { get; }

    /// <summary>Measures; the section, as Markdown.</summary>
    Task<string> RunAsync();
}
