using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace PresenceLedger.Scenarios;

/// <summary>A scenario as it is written: docs/scenarios.md has the format. Nodes are read where they are used, so that an error names its line.</summary>
/// <param name="File">The file.</param>
/// <param name="Root">The document.</param>
public sealed record Scenario(string File, YamlMappingNode Root)
{
    private static readonly DateTimeOffset DefaultStart = new(2026, 1, 5, 8, 0, 0, TimeSpan.Zero);

    private const DateTimeStyles Universal = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;

    private static readonly HashSet<string> Members = new(StringComparer.Ordinal)
    {
        "name",
        "rules",
        "start",
        "policy",
        "statuses",
        "profiles",
        "agents",
        "steps",
        "end",
        "durations",
    };

    private static readonly HashSet<string> StepMembers = new(StringComparer.Ordinal)
    {
        "at",
        "do",
        "agent",
        "by",
        "reason",
        "expect",
        "error",
        "connection",
        "conversation",
        "units",
        "profiles",
        "wrapUp",
        "channel",
        "queue",
        "autoAccept",
        "direction",
        "to",
        "mode",
        "status",
        "until",
        "default",
        "profile",
        "name",
        "text",
        "base",
        "description",
        "limit",
        "blocking",
        "reset",
    };

    /// <summary>What it is called.</summary>
    public string Name => (Root.Node("name") as YamlScalarNode)?.Value ?? "(no name)";

    /// <summary>The rules it is about.</summary>
    public IEnumerable<string> Rules => Root.Sequence("rules").Select(r => r.Scalar());

    /// <summary>When it begins.</summary>
    public DateTimeOffset Start =>
        Root.Node("start") is not { } node ? DefaultStart
        : DateTimeOffset.TryParse(node.Scalar(), CultureInfo.InvariantCulture, Universal, out var start)
        && start.Year is >= 1970 and <= 2200
            ? start
        : throw node.Wrong($"'{node}' is not an instant such as 2026-01-05T08:00:00Z");

    /// <summary>Every scenario of a file; several documents are several scenarios.</summary>
    /// <exception cref="ScenarioException">It cannot be read.</exception>
    public static IReadOnlyList<Scenario> Load(string file)
    {
        try
        {
            using var reader = System.IO.File.OpenText(file);
            return Read(file, reader);
        }
        catch (IOException e)
        {
            throw new ScenarioException($"{file}: {e.Message}");
        }
        catch (UnauthorizedAccessException e)
        {
            throw new ScenarioException($"{file}: {e.Message}");
        }
    }

    /// <summary>Every scenario of a text.</summary>
    /// <exception cref="ScenarioException">It cannot be read.</exception>
    public static IReadOnlyList<Scenario> Read(string file, TextReader text)
    {
        return
        [
            .. Nodes
                .Documents(file, text)
                .Select(node =>
                    node is YamlMappingNode root
                        ? new Scenario(file, root)
                        : throw new ScenarioException($"{file}:{node.Start.Line}: a scenario is a mapping with name, agents and steps.")
                ),
        ];
    }

    /// <summary>That it has what a scenario needs, and nothing that is not known: what is misspelt would test nothing.</summary>
    /// <exception cref="ScenarioException">It has not.</exception>
    public void Check()
    {
        Root.RequireKnown(Members, "a scenario");
        _ = Root.Text("name");
        if (!Root.Sequence("steps").Any())
            throw Root.Wrong("a scenario needs 'steps'");
        foreach (var step in Root.Sequence("steps").OfType<YamlMappingNode>())
            step.RequireKnown(step.Text("do") == "policy" ? Policies.StepMembers : StepMembers, "a step");
    }
}

/// <summary>A scenario that cannot be read or run as it is written.</summary>
public sealed class ScenarioException(string message) : Exception(message);

/// <summary>Reading of YAML nodes.</summary>
public static class Nodes
{
    // Seconds, units or whatever: beyond these nothing is meant, and arithmetic would overflow.
    private const double LargestNumber = 1e10;
    private const int LongestClock = 1_000_000;

    /// <summary>The documents of a text.</summary>
    /// <exception cref="ScenarioException">It is no YAML.</exception>
    public static IEnumerable<YamlNode> Documents(string file, TextReader text)
    {
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(YamlLimits.Read(file, text)));
        }
        catch (YamlException e)
        {
            throw new ScenarioException($"{file}:{e.Start.Line}: {e.Message}");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // The parser's own way of giving up on some texts.
            throw new ScenarioException($"{file}: it is no YAML: {e.Message}");
        }
        return yaml.Documents.Select(d => d.RootNode);
    }

    public static void RequireKnown(this YamlMappingNode map, IReadOnlySet<string> known, string what)
    {
        foreach (var key in map.Children.Keys)
            if (!known.Contains(key.Scalar()))
                throw key.Wrong($"'{key}' is not known; {what} has {string.Join(", ", known)}");
    }

    public static YamlNode? Node(this YamlMappingNode map, string key) =>
        map.Children.TryGetValue(new YamlScalarNode(key), out var node) && !node.IsNull() ? node : null;

    public static bool Has(this YamlMappingNode map, string key) => map.Children.ContainsKey(new YamlScalarNode(key));

    public static string? Text(this YamlMappingNode map, string key) => map.Node(key)?.Scalar();

    public static YamlMappingNode? Map(this YamlMappingNode map, string key) =>
        map.Node(key) switch
        {
            null => null,
            YamlMappingNode inner => inner,
            var other => throw other.Wrong($"'{key}' must be a mapping"),
        };

    public static IEnumerable<YamlNode> Sequence(this YamlMappingNode map, string key) =>
        map.Node(key) switch
        {
            null => [],
            YamlSequenceNode inner => inner.Children,
            var other => throw other.Wrong($"'{key}' must be a list"),
        };

    public static string Scalar(this YamlNode node) => (node as YamlScalarNode)?.Value ?? throw node.Wrong("a plain value is expected");

    public static double Number(this YamlNode node) =>
        double.TryParse(node.Scalar(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
        && Math.Abs(number) <= LargestNumber
            ? number
            : throw node.Wrong($"'{node}' is not a number");

    public static int Whole(this YamlNode node) =>
        int.TryParse(node.Scalar(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw node.Wrong($"'{node}' is not a whole number");

    public static bool Flag(this YamlNode node) =>
        node.Scalar().ToLowerInvariant() switch
        {
            "true" or "yes" or "on" => true,
            "false" or "no" or "off" => false,
            _ => throw node.Wrong($"'{node}' is neither true nor false"),
        };

    public static TEnum Enumeration<TEnum>(this YamlNode node)
        where TEnum : struct, Enum =>
        Enum.TryParse<TEnum>(node.Scalar().Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var value)
        && !int.TryParse(node.Scalar(), out _)
            ? value
            : throw node.Wrong($"'{node}' is none of {string.Join(", ", Enum.GetNames<TEnum>()).ToLowerInvariant()}");

    /// <summary><c>HH:MM:SS</c>, seconds with fractions, hours beyond a day.</summary>
    public static TimeSpan Clock(this YamlNode node)
    {
        var parts = node.Scalar().Split(':');
        if (
            parts.Length is not 3
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var hours)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minutes)
            || !decimal.TryParse(parts[2], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            || Math.Max(hours, Math.Max(minutes, seconds)) > LongestClock
        )
            throw node.Wrong($"'{node}' is not HH:MM:SS");
        return new TimeSpan(hours, minutes, 0) + TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
    }

    public static ScenarioException Wrong(this YamlNode node, string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"line {node.Start.Line}: {what}."));

    private static bool IsNull(this YamlNode node) =>
        node is YamlScalarNode { Style: ScalarStyle.Plain, Value: null or "" or "~" or "null" };
}
