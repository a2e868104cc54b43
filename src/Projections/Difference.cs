using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PresenceLedger.Projections;

/// <summary>A member that is not the same in two documents.</summary>
/// <param name="Path">
/// Where: names with dots between them, as in <c>conversations.c1.state</c>; one that is not of letters, digits, <c>-</c> and <c>_</c> alone
/// as <c>["a.b"]</c>; empty for the whole.
/// </param>
/// <param name="From">What it is in the first one; null where it is not there.</param>
/// <param name="To">What it is in the second one.</param>
public sealed partial record Difference(string Path, JsonNode? From, JsonNode? To)
{
    /// <summary>What differs, in the order of the paths. Arrays are compared as a whole; a member that is null is as one that is not there.</summary>
    public static IReadOnlyList<Difference> Between(JsonNode? from, JsonNode? to)
    {
        var found = new List<Difference>();
        Compare("", from, to, found);
        return found;
    }

    private static void Compare(string path, JsonNode? from, JsonNode? to, List<Difference> found)
    {
        if (from is JsonObject before && to is JsonObject after)
        {
            var names = before.Select(m => m.Key).Union(after.Select(m => m.Key), StringComparer.Ordinal).Order(StringComparer.Ordinal);
            foreach (var name in names)
                Compare(Within(path, name), before[name], after[name], found);
        }
        else if (!JsonNode.DeepEquals(from, to))
        {
            // Copies: a node is of one document only.
            found.Add(new Difference(path, from?.DeepClone(), to?.DeepClone()));
        }
    }

    private static string Within(string path, string name) =>
        !Plain().IsMatch(name) ? $"{path}[\"{name.Replace("\"", "\\\"", StringComparison.Ordinal)}\"]"
        : path.Length == 0 ? name
        : $"{path}.{name}";

    [GeneratedRegex("^[A-Za-z0-9_-]+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Plain();
}
