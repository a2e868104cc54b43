using System.Text.RegularExpressions;

namespace PresenceLedger.Client.Tests;

/// <summary>What the README shows.</summary>
[Collection(ServiceCollection.Name)]
public sealed partial class ExampleTests(OneNode service)
{
    [Fact]
    public async Task The_example_runs()
    {
        await service.RegisterAsync("ana");
        await Example.RunAsync(service.Nodes[0].Url).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Contains("conversation-accepted", await service.EventsAsync("ana"));
        Assert.Equal("connection-closing", (await service.EventsAsync("ana"))[^1]);
    }

    [Fact]
    public async Task The_readme_says_the_same()
    {
        var shown = CodeOfReadme()
            .Match(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "README.md")))
            .Groups["code"]
            .Value;
        var run = BodyOfMethod()
            .Match(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Example.cs")))
            .Groups["code"]
            .Value;
        Assert.NotEmpty(run);
        Assert.Equal(
            Lines(run, indented: 8),
            Lines(shown, indented: 0).SkipWhile(l => !l.StartsWith("// An agent", StringComparison.Ordinal))
        );
    }

    private static IEnumerable<string> Lines(string code, int indented) =>
        code.TrimEnd().Split('\n').Select(line => line.Length > indented ? line[indented..] : "");

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex CodeOfReadme();

    [GeneratedRegex(@"RunAsync\(Uri url\)\n    \{\n(?<code>.*)    \}\n\}", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex BodyOfMethod();
}
