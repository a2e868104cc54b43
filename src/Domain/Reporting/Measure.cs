namespace PresenceLedger.Domain.Reporting;

/// <summary>
/// What is added up, for each agent and bucket: every metric is one of these, or one divided by another, so that sums over buckets
/// are sums, and every contribution can be named (REP-9). Times in milliseconds.
/// </summary>
public enum Measure
{
    Login,
    Available,
    Busy,
    DoNotDisturb,
    Away,
    Offline,
    Online,
    Presented,
    Engaged,
    Outbound,
    Undelivered,
    Rejected,
    Missed,
    Abandoned,
    ForceReleased,
    Transferred,

    /// <summary>Presented, and accepted, rejected or missed.</summary>
    Resolved,
    EngagedConversations,
    TimeToAccept,
    TimesToAccept,
    TimeToReject,
    TimesToReject,
    Wait,
    Waits,
    SessionTime,
    SessionsEnded,
    Handle,
    Handled,
    WrapUp,
    WrapUps,
    ConsultsJoined,
    Consult,
    ConsultsLeft,
    MonitorsJoined,
    Monitor,
    MonitorsLeft,
    OnContact,
    Idle,
    OnContactOrIdle,
    AtCapacity,

    /// <summary>Units in use, times milliseconds signed in.</summary>
    UnitsUsed,

    /// <summary>Milliseconds signed in with a capacity on record.</summary>
    UnitsTime,
}

/// <summary>What kind of amount a measure has.</summary>
public static class Measures
{
    /// <summary>Whether it is in milliseconds, or in units times milliseconds; else it is a number of things.</summary>
    public static bool IsTime(this Measure measure) =>
        measure switch
        {
            Measure.Login or Measure.Available or Measure.Busy or Measure.DoNotDisturb or Measure.Away or Measure.Offline => true,
            Measure.Online or Measure.OnContact or Measure.Idle or Measure.OnContactOrIdle => true,
            Measure.TimeToAccept or Measure.TimeToReject or Measure.Wait or Measure.SessionTime or Measure.Handle => true,
            Measure.WrapUp or Measure.Consult or Measure.Monitor => true,
            Measure.AtCapacity or Measure.UnitsUsed or Measure.UnitsTime => true,
            _ => false,
        };
}

/// <summary>A status within a bucket.</summary>
public sealed class StatusTime(string statusId)
{
    public string StatusId { get; } = statusId;

    /// <summary>How long it stood.</summary>
    public long Milliseconds { get; private set; }

    /// <summary>How many stretches, clipped to the bucket, there were.</summary>
    public int Episodes { get; private set; }

    /// <summary>The shortest of them.</summary>
    public long Shortest { get; private set; } = long.MaxValue;

    /// <summary>The longest of them.</summary>
    public long Longest { get; private set; }

    internal void Add(long milliseconds)
    {
        Milliseconds += milliseconds;
        Episodes++;
        Shortest = Math.Min(Shortest, milliseconds);
        Longest = Math.Max(Longest, milliseconds);
    }

    internal void Add(StatusTime other)
    {
        Milliseconds += other.Milliseconds;
        Episodes += other.Episodes;
        Shortest = Math.Min(Shortest, other.Shortest);
        Longest = Math.Max(Longest, other.Longest);
    }
}

/// <summary>What an agent did in a bucket, or several agents together.</summary>
/// <param name="start">Where the bucket begins.</param>
/// <param name="end">Where it ends; not part of it.</param>
public sealed class Cell(DateTimeOffset start, DateTimeOffset end)
{
    private static readonly int Measures = Enum.GetValues<Measure>().Length;
    private readonly long[] _amounts = new long[Measures];
    private readonly List<StatusTime> _statuses = [];

    public DateTimeOffset Start { get; } = start;

    public DateTimeOffset End { get; } = end;

    /// <summary>A sum.</summary>
    public long this[Measure measure] => _amounts[(int)measure];

    /// <summary>The statuses that stood, in the order in which they first did.</summary>
    public IReadOnlyList<StatusTime> Statuses => _statuses;

    /// <summary>REP-4: from registration on, the statuses fill the bucket, and so do the bases.</summary>
    public bool Conserved { get; internal set; }

    /// <summary>A bucket to add up what several agents did in it; nothing was lost of nobody's time.</summary>
    public static Cell Empty(DateTimeOffset start, DateTimeOffset end) => new(start, end) { Conserved = true };

    /// <summary>Adds what an agent did in the same bucket. It is conserved while all that was added is.</summary>
    public void Add(Cell agent)
    {
        for (var measure = 0; measure < Measures; measure++)
            _amounts[measure] += agent._amounts[measure];
        foreach (var status in agent._statuses)
            Status(status.StatusId).Add(status);
        Conserved &= agent.Conserved;
    }

    internal void Add(Measure measure, long amount) => _amounts[(int)measure] += amount;

    internal void AddStatus(string statusId, long milliseconds) => Status(statusId).Add(milliseconds);

    private StatusTime Status(string statusId)
    {
        var status = _statuses.Find(s => s.StatusId == statusId);
        if (status is null)
            _statuses.Add(status = new StatusTime(statusId));
        return status;
    }
}
