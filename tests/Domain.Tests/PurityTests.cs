using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using PresenceLedger.Domain.Agents;

namespace PresenceLedger.Domain.Tests;

/// <summary>The domain is arithmetic: what it answers depends on what it is given, and on nothing else.</summary>
public class PurityTests
{
    private static readonly string[] Impure =
    [
        "System.DateTime.get_Now",
        "System.DateTime.get_UtcNow",
        "System.DateTime.get_Today",
        "System.DateTimeOffset.get_Now",
        "System.DateTimeOffset.get_UtcNow",
        "System.TimeProvider.",
        "System.TimeZoneInfo.",
        "System.Environment.",
        "System.Random.",
        "System.Guid.NewGuid",
        "System.Guid.CreateVersion7",
        "System.Console.",
        "System.IO.",
        "System.Net.",
        "System.Diagnostics.Stopwatch.",
        "System.Diagnostics.Process.",
        "System.Threading.",
    ];

    /// <summary>The compiler writes it into every iterator.</summary>
    private const string OfIterators = "System.Environment.get_CurrentManagedThreadId";

    [Fact, Trait("Rule", Rules.Tim1)]
    public void The_domain_references_the_base_class_library_alone() =>
        Assert.All(typeof(Agent).Assembly.GetReferencedAssemblies(), a => Assert.StartsWith("System.", a.Name, StringComparison.Ordinal));

    [Fact, Trait("Rule", Rules.Tim1)]
    public void The_domain_uses_no_clock_no_chance_no_file_and_no_network()
    {
        var used = MembersUsedBy(typeof(Agent).Assembly.Location);
        Assert.Contains("System.DateTimeOffset.get_UtcTicks", used);
        used.Remove(OfIterators);
        Assert.DoesNotContain(used, member => Impure.Any(impure => member.StartsWith(impure, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_clock_would_be_found()
    {
        Assert.NotEqual(default, DateTimeOffset.UtcNow);
        Assert.Contains("System.DateTimeOffset.get_UtcNow", MembersUsedBy(typeof(PurityTests).Assembly.Location));
    }

    private static HashSet<string> MembersUsedBy(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        var metadata = file.GetMetadataReader();
        return metadata
            .MemberReferences.Select(metadata.GetMemberReference)
            .Where(member => member.Parent.Kind is HandleKind.TypeReference)
            .Select(member => (Type: metadata.GetTypeReference((TypeReferenceHandle)member.Parent), member.Name))
            .Select(m => $"{metadata.GetString(m.Type.Namespace)}.{metadata.GetString(m.Type.Name)}.{metadata.GetString(m.Name)}")
            .ToHashSet(StringComparer.Ordinal);
    }
}
