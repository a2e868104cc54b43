using ArchUnitNET.Fluent.Slices;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnit;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Queries;

namespace PresenceLedger.Projections.Tests;

/// <summary>Folders build on one another in one direction, so that each can be read with those below it alone.</summary>
public sealed class FolderTests
{
    private static readonly ArchUnitNET.Domain.Architecture Architecture = new ArchLoader()
        .LoadAssemblies(typeof(Agent).Assembly, typeof(ILog).Assembly, typeof(IReadModel).Assembly, typeof(RefusedException).Assembly)
        .Build();

    [Theory]
    [InlineData("Domain")]
    [InlineData("Ledger")]
    [InlineData("Projections")]
    [InlineData("Queries")]
    public void Folders_of_a_project_form_no_cycle(string project) =>
        SliceRuleDefinition.Slices().Matching($"PresenceLedger.{project}.(*)").Should().BeFreeOfCycles().Check(Architecture);
}
