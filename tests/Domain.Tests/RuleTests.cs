using System.Reflection;

namespace PresenceLedger.Domain.Tests;

public class RuleTests
{
    /// <summary>Decided outside of the domain, by the query of the diagnostics.</summary>
    private static readonly string[] Elsewhere = [Rules.Dia2];

    [Fact]
    public void Every_rule_has_one_constant_and_one_place_in_the_list()
    {
        var constants = typeof(Rules)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(f => f.IsLiteral)
            .Select(f => (string)f.GetRawConstantValue()!);
        Assert.Equal(constants, Rules.All);
        Assert.Equal(Rules.All.Length, Rules.All.Distinct().Count());
    }

    [Fact]
    public void Every_rule_leads_to_a_test_of_the_domain()
    {
        var tested = typeof(RuleTests)
            .Assembly.GetTypes()
            .SelectMany(t => t.GetMethods())
            .SelectMany(m => m.CustomAttributes)
            .Where(a => a.AttributeType == typeof(TraitAttribute))
            .Select(a => (string)a.ConstructorArguments[1].Value!);
        Assert.Empty(Rules.All.Except(tested).Except(Elsewhere));
    }
}
