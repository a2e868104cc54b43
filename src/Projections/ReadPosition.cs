using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Clock;

namespace PresenceLedger.Projections;

/// <summary>How far a read model is.</summary>
/// <param name="Position">The last event it has.</param>
/// <param name="AsOf">The instant up to which it is complete; not after now.</param>
/// <param name="Newest">When the newest of its events was recorded: after now where the clock was ahead then (TIM-1).</param>
public sealed record ProjectionPosition(LogPosition Position, DateTimeOffset AsOf, DateTimeOffset Newest)
{
    /// <summary>How far a read model is that has not begun.</summary>
    public static ProjectionPosition None { get; } = new(LogPosition.Start, DateTimeOffset.MinValue, DateTimeOffset.MinValue);
}

/// <summary>How far a read model is behind the log.</summary>
/// <param name="At">How far it is.</param>
/// <param name="Seconds">From the instant up to which it is complete until now.</param>
/// <param name="Events">Events it does not have yet, counted up to 100,000; null where the log cannot count them.</param>
/// <param name="RecordedAhead">How far the newest of its events is from having been; zero for all but those of a clock that was ahead.</param>
public sealed record Lag(ProjectionPosition At, double Seconds, long? Events, TimeSpan RecordedAhead);

/// <summary>Tells how far a read model is, whichever node keeps it, and waits for it.</summary>
public sealed class ReadPosition(NpgsqlDataSource database, ProjectionLoop loop, TimeProvider clock)
{
    private const int MostCounted = 100_000;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly ReadModelTables _tables = new(loop.Model, live: true);

    /// <summary>The read model.</summary>
    public IReadModel Model => loop.Model;

    /// <summary>The log that it is made of.</summary>
    public ILog Log => loop.Log;

    /// <summary>Where it is now.</summary>
    public async Task<ProjectionPosition> ReadAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        return await _tables.FindAsync(connection, ct) is { } at
            ? new ProjectionPosition(at.Position, clock.NotAfterNow(at.AsOf), at.Newest)
            : ProjectionPosition.None;
    }

    /// <summary>How far the log of a store was read by any read model; null where none has.</summary>
    public static async Task<LogPosition?> FurthestAsync(NpgsqlDataSource database, string store, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        return await ReadModelTables.FurthestAsync(connection, store, ct);
    }

    /// <summary>How far it is behind now.</summary>
    public async Task<Lag> LagAsync(CancellationToken ct)
    {
        var at = await ReadAsync(ct);
        var seconds = Math.Max(0, Math.Round((clock.Now() - at.AsOf).TotalSeconds, 3));
        var ahead = at.Newest - clock.Now();
        var events = await loop.Log.CountAfterAsync(at.Position, MostCounted, ct);
        return new Lag(at, seconds, events, ahead > TimeSpan.Zero ? ahead : TimeSpan.Zero);
    }

    /// <summary>Waits until it is far enough; false where it was not in time.</summary>
    public Task<bool> WaitAsync(Func<ProjectionPosition, bool> enough, TimeSpan atMost, CancellationToken ct) =>
        WaitAsync(async () => enough(await ReadAsync(ct)), atMost, ct);

    /// <summary>Waits until something holds that can only come about by projecting; false where it did not in time.</summary>
    public async Task<bool> WaitAsync(Func<Task<bool>> holds, TimeSpan atMost, CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            var projected = loop.Projected;
            if (await holds())
                return true;
            if (clock.GetElapsedTime(began) > atMost)
                return false;
            // Where another node projects, only looking helps.
            await Task.WhenAny(projected, Task.Delay(Poll, clock, ct));
            ct.ThrowIfCancellationRequested();
        }
    }
}
