namespace PresenceLedger.Dashboard.Agents;

/// <summary>A part of a day: what of it is seen.</summary>
/// <param name="From">Its beginning.</param>
/// <param name="To">Its end, no part of it.</param>
public sealed record View(DateTimeOffset From, DateTimeOffset To)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan[] Steps =
    [
        TimeSpan.FromSeconds(1),
        TimeSpan.FromSeconds(5),
        TimeSpan.FromSeconds(15),
        TimeSpan.FromMinutes(1),
        TimeSpan.FromMinutes(5),
        TimeSpan.FromMinutes(15),
        TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(1),
        TimeSpan.FromHours(2),
    ];

    /// <summary>How long it is.</summary>
    public TimeSpan Length => To - From;

    /// <summary>Where an instant is, from 0 at the beginning to 1 at the end; beyond them outside.</summary>
    public double Place(DateTimeOffset at) => (at - From) / Length;

    /// <summary>The instant at a place, to the second.</summary>
    public DateTimeOffset At(double place) => From.AddSeconds(Math.Round(Math.Clamp(place, 0, 1) * Length.TotalSeconds));

    /// <summary>Nearer or farther, with one place staying where it is, and never more than the whole.</summary>
    /// <param name="factor">Below 1 nearer, above 1 farther.</param>
    /// <param name="place">What stays, from 0 to 1.</param>
    /// <param name="whole">The day.</param>
    public View Zoomed(double factor, double place, View whole)
    {
        var length = TimeSpan.FromSeconds(
            Math.Round(Math.Clamp((Length * factor).TotalSeconds, Shortest.TotalSeconds, whole.Length.TotalSeconds))
        );
        return new View(From + (Length - length) * place, From + (Length - length) * place + length).Within(whole);
    }

    /// <summary>Earlier or later by a share of its length.</summary>
    public View Moved(double share, View whole) => new View(From + Length * share, To + Length * share).Within(whole);

    /// <summary>Of the same length around an instant that it does not have; as it is where it has it.</summary>
    public View Showing(DateTimeOffset at, View whole) =>
        From <= at && at <= To ? this : new View(at - Length / 2, at + Length / 2).Within(whole);

    /// <summary>Instants to be written under it: at most twelve, at round times since the beginning of the day.</summary>
    public IEnumerable<DateTimeOffset> Marks(View whole)
    {
        var step = Steps.FirstOrDefault(s => Length / s <= 12, Steps[^1]);
        var first = whole.From + step * Math.Ceiling((From - whole.From) / step);
        for (var at = first; at < To; at += step)
            yield return at;
    }

    private View Within(View whole)
    {
        var from = ToSecond(
            From < whole.From ? whole.From
            : To > whole.To ? whole.To - Length
            : From
        );
        return new View(from < whole.From ? whole.From : from, from + Length > whole.To ? whole.To : from + Length);
    }

    private static DateTimeOffset ToSecond(DateTimeOffset at) => new(at.Ticks - at.Ticks % TimeSpan.TicksPerSecond, at.Offset);
}
