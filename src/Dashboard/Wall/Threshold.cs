namespace PresenceLedger.Dashboard.Wall;

/// <summary>
/// From how long in a status on a row is coloured. The browser keeps a viewer's own, and colours: time that passes costs the service nothing.
/// </summary>
/// <param name="Amber">Minutes until amber; null for never.</param>
/// <param name="Red">Minutes until red; null for never.</param>
public sealed record Threshold(double? Amber, double? Red)
{
    /// <summary>Those by base, for a status that the viewer has said nothing of.</summary>
    public static IReadOnlyDictionary<string, Threshold> OfBases { get; } =
        new Dictionary<string, Threshold>
        {
            ["available"] = new(null, null),
            ["busy"] = new(30, 60),
            ["do-not-disturb"] = new(30, 60),
            ["away"] = new(15, 30),
            ["offline"] = new(null, null),
        };
}
