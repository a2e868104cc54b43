using System.Text.Json.Nodes;

namespace PresenceLedger.Projections.Tests;

/// <summary>What differs between two documents.</summary>
public sealed class DifferenceTests
{
    [Theory]
    [InlineData("""{"a":1}""", """{"a":1}""", "")]
    [InlineData("""{"a":1,"b":2}""", """{"b":2,"a":1}""", "")]
    [InlineData("""{"a":null}""", "{}", "")]
    [InlineData("""{"a":1}""", """{"a":2}""", "a: 1, 2")]
    [InlineData("""{"a":1}""", "{}", "a: 1,")]
    [InlineData("{}", """{"a":{"b":1}}""", """a: , {"b":1}""")]
    [InlineData("""{"a":{"b":1,"c":"x"}}""", """{"a":{"b":2,"c":"y"}}""", """a.b: 1, 2; a.c: "x", "y" """)]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""", "a: [1,2], [2,1]")]
    [InlineData("""{"a":{"x.y":{"é":1}}}""", """{"a":{"x.y":{"é":2}}}""", """a["x.y"]["é"]: 1, 2""")]
    [InlineData("""{"b":1,"a":1}""", """{"b":2,"a":2}""", "a: 1, 2; b: 1, 2")]
    [InlineData("""{"a":1}""", "[1]", """: {"a":1}, [1]""")]
    public void Each_member_that_differs_is_named_with_both_values(string from, string to, string expected)
    {
        var found = Difference.Between(JsonNode.Parse(from), JsonNode.Parse(to));

        Assert.Equal(
            expected.Trim(),
            string.Join("; ", found.Select(d => $"{d.Path}: {d.From?.ToJsonString()}, {d.To?.ToJsonString()}")).Trim()
        );
    }
}
