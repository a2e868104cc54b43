using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace PresenceLedger.Domain.Tests;

/// <summary>Which project builds on which. A new reference is added here too, on purpose.</summary>
public partial class ArchitectureTests
{
    /// <summary>Every project of <c>src</c>, and those that it references. What these reference it may use as well.</summary>
    private static readonly SortedDictionary<string, string[]> References = new(StringComparer.Ordinal)
    {
        ["Api"] = ["Dashboard", "Embedded", "Queries", "Scenarios", "Simulation"],
        ["Client"] = [],
        ["Contracts"] = ["Domain"],
        ["Dashboard"] = ["Contracts"],
        ["Domain"] = [],
        ["Embedded"] = ["Ledger"],
        ["Ledger"] = ["Domain"],
        ["Projections"] = ["Ledger"],
        ["Queries"] = ["Contracts", "Projections"],
        ["Scenarios"] = ["Ledger"],
        ["Simulation"] = ["Ledger"],
    };

    private static readonly string Root = Path.GetFullPath("../..", Path.GetDirectoryName(ThisFile())!);

    [Fact]
    public void Projects_reference_those_of_the_table_and_no_others() =>
        Assert.Equal(
            References.Select(p => Line(p.Key, p.Value)),
            Sources("*.csproj").Select(p => Line(NameOf(p), ReferencesOf(p))).Order(StringComparer.Ordinal)
        );

    [Fact]
    public void The_tests_of_the_domain_need_no_more_than_scenarios() =>
        Assert.Equal(["Scenarios"], ReferencesOf(Path.Combine(Root, "tests/Domain.Tests/Domain.Tests.csproj")));

    [Fact]
    public void Nothing_in_src_refers_to_a_file_of_the_tests() =>
        Assert.Empty(
            Sources("*").Where(file => OfTests().IsMatch(File.ReadAllText(file))).Select(file => Path.GetRelativePath(Root, file))
        );

    [Theory]
    [InlineData("""<EmbeddedResource Include="../../tests/Scenarios/*.yaml" />""")]
    [InlineData("""<Compile Include="..\..\Tests\Testing\Node.cs" />""")]
    [InlineData("[the story](/tests/Domain.Tests/Story.cs)")]
    public void A_file_of_the_tests_would_be_found(string text) => Assert.Matches(OfTests(), text);

    private static IEnumerable<string> Sources(string pattern) =>
        Directory
            .EnumerateFiles(Path.Combine(Root, "src"), pattern, SearchOption.AllDirectories)
            .Where(file => !Made().IsMatch(Path.GetRelativePath(Root, file)));

    private static IEnumerable<string> ReferencesOf(string project) =>
        XDocument
            .Load(project)
            .Descendants("ProjectReference")
            .Select(r => NameOf(r.Attribute("Include")!.Value.Replace('\\', '/')))
            .Order(StringComparer.Ordinal);

    private static string NameOf(string project) => Path.GetFileNameWithoutExtension(project);

    private static string Line(string project, IEnumerable<string> references) => $"{project}: {string.Join(", ", references)}";

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"(?<!\w)tests[/\\]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex OfTests();

    /// <summary>What building makes.</summary>
    [GeneratedRegex(@"[/\\](bin|obj)[/\\]", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Made();
}
