using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using Microsoft.Extensions.Caching.Memory;
using PresenceLedger.Domain.Access;
using PresenceLedger.Ledger.Agents;
using PresenceLedger.Ledger.Clock;
using PresenceLedger.Ledger.Events;

namespace PresenceLedger.Ledger.Access;

/// <summary>
/// Who read the audit of an agent, in a stream beside the agent's own: an event for each read, and one for reads that repeat each other
/// within a minute on this node.
/// </summary>
public sealed class AccessLog(ILog log, TimeProvider clock) : IDisposable
{
    /// <summary>So long after a read that is recorded, the same read of the same reader is no event of its own.</summary>
    public static readonly TimeSpan Together = TimeSpan.FromSeconds(60);

    /// <summary>How long a read is tried to be recorded while other nodes record theirs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

    private const int MostAtOnce = 100;
    private const int Remembered = 50_000;
    private const long NoPolicy = -1;

    private readonly MemoryCache _ends = new(new MemoryCacheOptions { SizeLimit = Remembered });
    private readonly MemoryCache _reads = new(new MemoryCacheOptions { SizeLimit = Remembered });
    private readonly ConcurrentDictionary<string, ImmutableList<Waiting>> _waiting = new(StringComparer.Ordinal);
    private readonly StripedLocks _locks = new(256);

    /// <summary>Records a read, durably.</summary>
    /// <param name="agentId">Whose audit was read.</param>
    /// <param name="reader">Who read it.</param>
    /// <param name="read">What.</param>
    /// <param name="correlationId">The interaction that it belongs to; null where it is one of its own.</param>
    /// <param name="ct">Cancels waiting; an append that began is seen through.</param>
    /// <exception cref="LedgerUnavailableException">It could not be recorded; nothing is to be shown.</exception>
    public async Task RecordAsync(string agentId, Actor reader, AuditRead read, string? correlationId, CancellationToken ct)
    {
        await clock.KnownAsync(ct);
        var mine = new Waiting(reader, read, correlationId);
        if (IsRecorded(agentId, mine))
            return;
        _waiting.AddOrUpdate(agentId, _ => [mine], (_, others) => others.Add(mine));
        try
        {
            using var held = await _locks.EnterAsync([agentId], ct);
            // Whoever comes first records what others wait for, too.
            if (!mine.Done.Task.IsCompleted)
            {
                await MakeRoomAsync(agentId);
                if (_waiting.TryRemove(agentId, out var all))
                    await RecordAsync(agentId, all);
            }
        }
        catch (OperationCanceledException)
        {
            mine.Done.TrySetCanceled(ct);
            throw;
        }
        await mine.Done.Task;
    }

    /// <summary>The reads of an agent's audit, the newest first.</summary>
    /// <param name="agentId">Whose audit.</param>
    /// <param name="before">Version of the one to go on before; null for the newest.</param>
    /// <param name="count">At most so many.</param>
    /// <param name="ct">Cancellation.</param>
    public async Task<IReadOnlyList<EventRecord>> ReadAsync(string agentId, long? before, int count, CancellationToken ct) =>
        before is <= 0
            ? []
            :
            [
                .. (
                    await log.ReadStreamBackwardsAsync(StreamNames.Access(agentId), before is { } v ? v - 1 : long.MaxValue, count, ct)
                ).Select(e => e.Record),
            ];

    /// <inheritdoc />
    public void Dispose()
    {
        _ends.Dispose();
        _reads.Dispose();
        _locks.Dispose();
    }

    private bool IsRecorded(string agentId, Waiting read) =>
        _reads.TryGetValue((agentId, read.Reader, read.Read), out DateTimeOffset at) && (clock.Now() - at).Duration() < Together;

    /// <summary>Records reads that wait, in as few appends as can be.</summary>
    private async Task RecordAsync(string agentId, IReadOnlyList<Waiting> all)
    {
        try
        {
            var left = new List<Waiting>(all);
            while (left.Count > 0)
            {
                var now = clock.Now();
                left.RemoveAll(read => read.Done.Task.IsCompleted || (IsRecorded(agentId, read) && read.Done.TrySetResult()));
                Waiting[] next = [.. left.DistinctBy(read => (read.Reader, read.Read)).Take(MostAtOnce)];
                if (next.Length == 0)
                    return;
                await AppendAsync(agentId, next, now);
                foreach (var read in next)
                    _reads.Set(
                        (agentId, read.Reader, read.Read),
                        now,
                        new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Together }
                    );
                foreach (var read in next)
                    read.Done.TrySetResult();
            }
        }
        catch (Exception e)
        {
            foreach (var read in all)
                read.Done.TrySetException(e);
        }
    }

    /// <summary>Appends, however often another node is faster, until patience is over.</summary>
    private async Task AppendAsync(string agentId, IReadOnlyList<Waiting> reads, DateTimeOffset now)
    {
        var began = Stopwatch.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            var tried = Stopwatch.GetTimestamp();
            if (await TryAsync(agentId, reads, now))
                return;
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new LedgerUnavailableException($"The audit of agent '{agentId}' is read by too many at once.", null);
            await PauseAsync(Stopwatch.GetElapsedTime(tried) * (1 << Math.Min(attempt, 6)));
        }
    }

    /// <summary>
    /// A node that records one read after another knows the end of the stream, and would leave no gap for another one, which has to read it
    /// first: so it waits now and then for as long as that takes. What comes meanwhile is recorded together.
    /// </summary>
    private Task MakeRoomAsync(string agentId) =>
        _ends.TryGetValue(agentId, out End? end) && Stopwatch.GetElapsedTime(end!.KnownAt) < 4 * end.Took
            ? PauseAsync(4 * end.Took)
            : Task.CompletedTask;

    private static Task PauseAsync(TimeSpan longest) =>
        Task.Delay((longest < LongestPause ? longest : LongestPause) * Random.Shared.NextDouble());

    /// <summary>One try; false where the stream had moved on, as another node has it.</summary>
    private async Task<bool> TryAsync(string agentId, IReadOnlyList<Waiting> reads, DateTimeOffset now)
    {
        var stream = StreamNames.Access(agentId);
        var end = _ends.TryGetValue(agentId, out End? known) ? known! : await EndAsync(stream, CancellationToken.None);
        var records = new List<EventRecord>();
        var (version, hash, occurredAt) = (end.Version, end.Hash, end.OccurredAt);
        foreach (var read in reads)
        {
            var id = Guid.CreateVersion7(now);
            // TIM-1 holds here, too: a clock may go back, a stream does not.
            var e = read.Read with
            {
                OccurredAt = now > occurredAt ? now : occurredAt,
            };
            var envelope = new CommandEnvelope(read.Reader, id, read.CorrelationId ?? id.ToString("N"));
            records.AddRange(EventRecords.Create(stream, version, hash, [e], due: 0, envelope, NoPolicy, now));
            (version, hash, occurredAt) = (records[^1].Version, records[^1].Hash, records[^1].OccurredAt);
        }
        _ends.Remove(agentId);
        var began = Stopwatch.GetTimestamp();
        var result = await log.AppendAsync(new Commit([new StreamAppend(stream, end.Version, records)]));
        if (result.Verdict is not AppendVerdict.Appended)
            return false;
        var took = Stopwatch.GetElapsedTime(began);
        _ends.Set(
            agentId,
            End.Of(records[^1]) with
            {
                KnownAt = Stopwatch.GetTimestamp(),
                Took = took,
            },
            new MemoryCacheEntryOptions { Size = 1 }
        );
        return true;
    }

    private async Task<End> EndAsync(string stream, CancellationToken ct) =>
        await log.ReadStreamBackwardsAsync(stream, long.MaxValue, 1, ct) is [var last] ? End.Of(last.Record) : End.None;

    /// <summary>A read that is to be recorded.</summary>
    private sealed record Waiting(Actor Reader, AuditRead Read, string? CorrelationId)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Where a stream ends, since when that is known, and how long the append took.</summary>
    private sealed record End(long Version, byte[] Hash, DateTimeOffset OccurredAt)
    {
        public long KnownAt { get; init; }

        public TimeSpan Took { get; init; }

        public static End None { get; } = new(-1, HashChain.Genesis, DateTimeOffset.MinValue);

        public static End Of(EventRecord e) => new(e.Version, e.Hash, e.OccurredAt);
    }
}
