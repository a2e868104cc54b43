namespace PresenceLedger.Benchmarks;

/// <summary>The agents that the generator plays, with one connection each.</summary>
/// <param name="count">How many.</param>
internal sealed class Fleet(int count)
{
    private Tally _tally = new();

    /// <summary>How many.</summary>
    public int Count => count;

    /// <summary>Who is signed in and sends heartbeats.</summary>
    public bool[] Speaks { get; } = new bool[count];

    /// <summary>When each sent the last one, by the generator's clock.</summary>
    public DateTimeOffset[] LastSign { get; } = new DateTimeOffset[count];

    /// <summary>What comes of the calls now.</summary>
    public Tally Tally => Volatile.Read(ref _tally);

    public static string AgentId(int n) => $"agent-{n:d6}";

    /// <summary>As long as what clients make up.</summary>
    public static string ConnectionId(int n) => $"{n:x32}";

    /// <summary>Begins a new tally; the old one.</summary>
    public Tally Take() => Interlocked.Exchange(ref _tally, new Tally());
}
