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

    private const int Attempts = 20;
    private const int Remembered = 50_000;
    private const long NoPolicy = -1;

    private readonly MemoryCache _ends = new(new MemoryCacheOptions { SizeLimit = Remembered });
    private readonly MemoryCache _reads = new(new MemoryCacheOptions { SizeLimit = Remembered });
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
        var key = (agentId, reader, read);
        using var held = await _locks.EnterAsync([agentId], ct);
        if (_reads.TryGetValue(key, out DateTimeOffset at) && (clock.Now() - at).Duration() < Together)
            return;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var now = clock.Now();
            if (await TryAsync(agentId, reader, read, correlationId, now, ct))
            {
                _reads.Set(key, now, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Together });
                return;
            }
        }
        throw new LedgerUnavailableException($"The audit of agent '{agentId}' is read by too many at once.", null);
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

    /// <summary>One try; false where the stream had moved on, as another node has it.</summary>
    private async Task<bool> TryAsync(
        string agentId,
        Actor reader,
        AuditRead read,
        string? correlationId,
        DateTimeOffset now,
        CancellationToken ct
    )
    {
        var stream = StreamNames.Access(agentId);
        var end = _ends.TryGetValue(agentId, out End? known) ? known! : await EndAsync(stream, ct);
        var id = Guid.CreateVersion7(now);
        // TIM-1 holds here, too: a clock may go back, a stream does not.
        var e = read with
        {
            OccurredAt = now > end.OccurredAt ? now : end.OccurredAt,
        };
        var envelope = new CommandEnvelope(reader, id, correlationId ?? id.ToString("N"));
        var records = Sealing.Seal(stream, end.Version, end.Hash, [e], due: 0, envelope, NoPolicy, now);
        _ends.Remove(agentId);
        var result = await log.AppendAsync(new Commit([new StreamAppend(stream, end.Version, records)]));
        if (result.Verdict is not AppendVerdict.Appended)
            return false;
        _ends.Set(agentId, End.Of(records[0]), new MemoryCacheEntryOptions { Size = 1 });
        return true;
    }

    private async Task<End> EndAsync(string stream, CancellationToken ct) =>
        await log.ReadStreamBackwardsAsync(stream, long.MaxValue, 1, ct) is [var last] ? End.Of(last.Record) : End.None;

    /// <summary>Where a stream ends.</summary>
    private sealed record End(long Version, byte[] Hash, DateTimeOffset OccurredAt)
    {
        public static End None { get; } = new(-1, HashChain.Genesis, DateTimeOffset.MinValue);

        public static End Of(EventRecord e) => new(e.Version, e.Hash, e.OccurredAt);
    }
}
