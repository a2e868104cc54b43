using PresenceLedger.Contracts;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Agents;

/// <summary>What is recorded of a day of an agent.</summary>
/// <param name="Whole">From when until when.</param>
/// <param name="Before">The state at its beginning; null where nobody was registered.</param>
/// <param name="Entries">What happened, oldest first.</param>
/// <param name="Corrections">Corrections that were recorded since it began; some are of other days.</param>
/// <param name="IsWhole">Whether these are all entries; false where there are too many to show.</param>
public sealed record Day(View Whole, StateAsOf? Before, IReadOnlyList<Entry> Entries, IReadOnlyList<Entry> Corrections, bool IsWhole)
{
    private const int Page = 1000;
    private const int Most = 5000;
    private const int New = 100;
    private const string Correction = "presence-corrected";

    /// <summary>The last version that it knows of; -1 for none.</summary>
    public long Version => Entries is [.., var last] ? last.Version : Before?.State.Version ?? -1;

    /// <summary>What lasted.</summary>
    public IReadOnlyList<Lane> Lanes { get; } =
        Lane.Of(
            Whole.From,
            Before,
            Entries,
            Corrections.Where(e =>
                e.Data.GetProperty("from").GetDateTimeOffset() < Whole.To && e.Data.GetProperty("to").GetDateTimeOffset() > Whole.From
            )
        );

    /// <summary>Reads from the API, with what every reading of the page says.</summary>
    public delegate Task<Answer<T>> Reading<T>(FormattableString path, IEnumerable<(string Name, object? Value)> query);

    /// <summary>Reads a day; why not where it cannot be read.</summary>
    public static async Task<(Day? Day, Problem? Problem)> ReadAsync(
        Reading<Page<Entry>> timeline,
        Reading<StateAsOf> states,
        string agentId,
        View whole
    )
    {
        var entries = new List<Entry>();
        string? next = null;
        do
        {
            var page = await timeline($"agents/{agentId}/timeline", [.. Window(whole), ("limit", Page), ("cursor", next)]);
            if (page.Value is not { } listed)
                return (null, page.Problem);
            entries.AddRange(listed.Items);
            next = listed.Next;
        } while (next is not null && entries.Count < Most);

        // What took effect with the first instant of the day is an entry of it.
        var before = await states($"agents/{agentId}/state", [("at", whole.From.AddMilliseconds(-1))]);
        if (before.Problem is { Code: not "agent-unknown" } problem)
            return (null, problem);
        // Somebody may correct it on any later day.
        var corrections = await timeline($"agents/{agentId}/timeline", [("from", whole.From), ("type", Correction), ("limit", Page)]);
        return corrections.Value is { } found
            ? (new Day(whole, before.Value, entries, found.Items, next is null), null)
            : (null, corrections.Problem);
    }

    /// <summary>The day with what has been recorded since.</summary>
    public async Task<(Day? Day, Problem? Problem)> ReadOnAsync(Reading<Page<Entry>> timeline, string agentId)
    {
        var last = Version;
        var entries = new List<Entry>();
        string? next = null;
        do
        {
            // The same time as before: who reads on reads the same, and is recorded once.
            var page = await timeline(
                $"agents/{agentId}/timeline",
                [.. Window(Whole), ("order", "desc"), ("limit", New), ("cursor", next)]
            );
            if (page.Value is not { } listed)
                return (null, page.Problem);
            entries.AddRange(listed.Items.Where(e => e.Version > last));
            next = listed.Items is [.., var oldest] && oldest.Version > last ? listed.Next : null;
        } while (next is not null);
        entries.Reverse();
        return (
            new Day(Whole, Before, [.. Entries, .. entries], [.. Corrections, .. entries.Where(e => e.Type == Correction)], IsWhole),
            null
        );
    }

    private static IEnumerable<(string, object?)> Window(View whole) => [("from", whole.From), ("to", whole.To)];
}
