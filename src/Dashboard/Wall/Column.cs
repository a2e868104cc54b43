namespace PresenceLedger.Dashboard.Wall;

/// <summary>A column of the grid.</summary>
/// <param name="Key">What it is called in the address and in the words.</param>
/// <param name="Compare">The order of its cells, ascending.</param>
/// <param name="IsNumber">Whether its cells are numbers.</param>
public sealed record Column(string Key, Comparison<AgentRow> Compare, bool IsNumber = false)
{
    /// <summary>All columns, as they stand from left to right.</summary>
    public static IReadOnlyList<Column> All { get; } =
    [
        Text("agent", row => row.Name),
        Text("status", row => row.StatusText),
        // Who has been in a status for longer is more: later instants come first.
        Number("in-status", row => -row.Since.UtcTicks),
        Text("set-by", row => row.SetBy?.Actor.ToString()),
        Number("units", row => row.Units is { Total: > 0 } units ? (double)units.Used / units.Total : -1),
        Number("profiles", row => row.Profiles.Max(p => (double?)p.Used / Math.Max(1, p.Limit)) ?? -1),
        Number("ringing", row => row.Conversations.Ringing),
        Number("active", row => row.Conversations.Active),
        Number("waiting", row => row.Conversations.Waiting),
        Number("wrap-up", row => row.Conversations.WrapUp),
        Number("presented", row => row.PresentedSessions),
        Number("engaged", row => row.EngagedSessions),
        Number("rejected", row => row.RejectedSessions),
        Number("missed", row => row.MissedSessions),
        Number("undelivered", row => row.UndeliveredSessions),
        Number("outbound", row => row.OutboundSessions),
        Number("handle-time", row => row.AverageHandleSeconds ?? -1),
        // That of who is signed in goes on: they come after all others, the one who began first last.
        Number("login-time", row => row.SignedIn ? 1e18 - row.LoginFrom.UtcTicks : row.LoginSeconds),
        Number("last-seen", row => row.LastSeenAt?.UtcTicks ?? 0),
        Number("stuck", row => row.StuckConversations.Count),
        Number("conflicts", row => row.Conflicts.Count),
        Text("queues", row => string.Join(' ', row.Queues)),
        Text("skills", row => string.Join(' ', row.Skills.Select(s => s.Skill))),
    ];

    private static Column Text(string key, Func<AgentRow, string?> of) =>
        new(key, (a, b) => string.Compare(of(a), of(b), StringComparison.OrdinalIgnoreCase));

    private static Column Number(string key, Func<AgentRow, double> of) => new(key, (a, b) => of(a).CompareTo(of(b)), IsNumber: true);
}

/// <summary>How the rows are ordered; agents who are alike in the column by their ids.</summary>
public sealed record WallOrder(Column By, bool Descending = false) : IComparer<AgentRow>
{
    /// <summary>By name.</summary>
    public static WallOrder ByName { get; } = new(Column.All[0]);

    /// <inheritdoc />
    public int Compare(AgentRow? x, AgentRow? y)
    {
        var order = By.Compare(x!, y!);
        return order == 0 ? string.CompareOrdinal(x!.AgentId, y!.AgentId)
            : Descending ? -order
            : order;
    }
}
