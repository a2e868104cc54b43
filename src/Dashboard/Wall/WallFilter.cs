namespace PresenceLedger.Dashboard.Wall;

/// <summary>Which agents a wall lists; all of it stands in the address.</summary>
/// <param name="Text">Part of a name or id.</param>
/// <param name="Queue">Works in it.</param>
/// <param name="Skill">Has it.</param>
/// <param name="Tab">One of <see cref="Tabs"/>; null for all.</param>
/// <param name="Status">Has this status.</param>
/// <param name="Base">Has a status of this base.</param>
/// <param name="Stuck">Has a stuck conversation.</param>
/// <param name="AtCapacity">Capacity is exhausted.</param>
/// <param name="Routable">Can be given work.</param>
/// <param name="Conflicts">Has a conversation that is open with somebody else, too.</param>
public sealed record WallFilter(
    string? Text = null,
    string? Queue = null,
    string? Skill = null,
    string? Tab = null,
    string? Status = null,
    string? Base = null,
    bool Stuck = false,
    bool AtCapacity = false,
    bool Routable = false,
    bool Conflicts = false
)
{
    /// <summary>The tabs of the report.</summary>
    public static IReadOnlyList<string> Tabs { get; } = ["online", "offline", "with-sessions"];

    /// <summary>Whether anything is chosen.</summary>
    public bool IsAny => this != new WallFilter();

    /// <summary>
    /// Whether an agent is among those that the cards and the donut count: by who they are and where they work. How they stand is what is
    /// counted, so choosing a status does not empty the others.
    /// </summary>
    public bool Counts(AgentRow row) =>
        (Queue is null || row.Queues.Contains(Queue))
        && (Skill is null || row.Skills.Any(s => s.Skill == Skill))
        && (Text is null || Contains(row.AgentId) || Contains(row.DisplayName));

    /// <summary>Whether an agent is listed.</summary>
    public bool Lists(AgentRow row) =>
        Tab switch
        {
            "online" => row.IsOnline,
            "offline" => !row.IsOnline,
            "with-sessions" => row.HasSessions,
            _ => true,
        }
        && (Status is null || row.StatusId == Status)
        && (Base is null || row.Base == Base)
        && (!Stuck || row.Stuck)
        && (!AtCapacity || row.AtCapacity)
        && (!Routable || row.Routable)
        && (!Conflicts || row.Conflicts.Count > 0)
        && Counts(row);

    private bool Contains(string? text) => text?.Contains(Text!, StringComparison.OrdinalIgnoreCase) == true;
}
