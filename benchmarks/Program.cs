using PresenceLedger.Benchmarks;

// Runs the benchmarks named, or all, and writes the section of each into the document: PresenceLedger.Benchmarks DOCUMENT [NAME…]
IBenchmark[] benchmarks =
[
    new LogBenchmark(),
    new HeartbeatBenchmark(),
    new ReportsBenchmark(),
    new LagBenchmark(),
    new AsOfBenchmark(),
    new VerifyBenchmark(),
    new WallBenchmark(),
];

if (args is not [var document, .. var names] || !File.Exists(document))
{
    await Console.Error.WriteLineAsync("The first argument is the document to write the sections into.");
    return 2;
}
if (names.FirstOrDefault(n => !Array.Exists(benchmarks, b => b.Name == n)) is { } unknown)
{
    await Console.Error.WriteLineAsync(
        $"No benchmark is called '{unknown}'; there are: {string.Join(", ", benchmarks.Select(b => b.Name))}"
    );
    return 2;
}
foreach (var benchmark in benchmarks.Where(b => names.Length == 0 || names.Contains(b.Name)))
{
    var section = await benchmark.RunAsync();
    await Console.Out.WriteLineAsync(section);
    await Document.WriteAsync(document, benchmark.Name, section);
}
return 0;
