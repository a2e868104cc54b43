using Npgsql;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.EventStoreDb;

/// <summary>
/// Idempotency keys beside a log that cannot keep them in the same transaction as its events: each try to append under a key is
/// claimed in PostgreSQL first, with the event it is going to write, and counts from the moment that event is in the log. A claim
/// whose event never came, because its service died, counts for nothing. Exact also for a dead service's append that arrives
/// late: at the same stream the expected version lets only one through, and anything else waits until that append can only fail.
/// </summary>
public sealed class AnswerClaims(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>After this long an append that was claimed has come, or never comes.</summary>
    public static readonly TimeSpan Lease = EventStoreDbLog.Patience + EventStoreDbLog.Patience;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Tells whether an event is in the log.</summary>
    public delegate Task<bool> IsThere(string stream, long version, Guid eventId);

    /// <summary>Claims a key for an append, or for an answer alone; false where the key has its answer.</summary>
    internal async Task<bool> ClaimAsync(RecordedAnswer answer, StreamAppend? append, IsThere isThere)
    {
        var mine = append?.Events[0].EventId ?? Guid.CreateVersion7(answer.RecordedAt);
        var dead = new HashSet<Guid>();
        while (true)
        {
            var others = await AvailableAsync(() => TryClaimAsync(answer, append, mine, dead));
            if (others.Count == 0)
                return true;
            foreach (var other in others)
            {
                if (other.Stream is null || await isThere(other.Stream, other.Version, other.EventId))
                    return append is not null && other.EventId == mine;
                if (other.Stream == append?.Stream || clock.Now() - other.ClaimedAt > Lease)
                    dead.Add(other.EventId);
            }
            if (!others.TrueForAll(o => dead.Contains(o.EventId)))
                await Task.Delay(Pause);
        }
    }

    /// <summary>Takes back a claim whose append was refused.</summary>
    internal async Task ForgetAsync(string key, StreamAppend append)
    {
        try
        {
            await using var command = database.CreateCommand("delete from ledger.claim where key = $1 and event_id = $2");
            command.Parameters.AddValues(key, append.Events[0].EventId);
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
        {
            // It counts for nothing; it goes with its day.
        }
    }

    /// <summary>The answer under a key; null where there is none.</summary>
    internal async Task<RecordedAnswer?> FindAsync(string key, IsThere isThere, CancellationToken ct)
    {
        foreach (var claim in await AvailableAsync(() => ReadAsync(key, ct)))
            if (claim.Stream is null || await isThere(claim.Stream, claim.Version, claim.EventId))
                return claim.Answer;
        return null;
    }

    /// <summary>Claims that are too old for anybody to ask.</summary>
    internal async Task ForgetOldAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand("delete from ledger.claim where claimed_at < $1");
        command.Parameters.Add(new() { Value = clock.Now() - RecordedAnswer.Kept });
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task<List<Claim>> TryClaimAsync(RecordedAnswer answer, StreamAppend? append, Guid mine, IEnumerable<Guid> dead)
    {
        await using var command = database.CreateCommand("select * from ledger.claim_key($1, $2, $3, $4, $5, $6, $7, $8)");
        command.Parameters.AddValues(answer.Key, mine, answer.Fingerprint, answer.Answer);
        command.Parameters.Add(new NpgsqlParameter<string?> { TypedValue = append?.Stream });
        command.Parameters.AddValues(append is null ? -1 : append.ExpectedVersion + 1, clock.Now(), dead.ToArray());
        return await ReadAsync(answer.Key, command, CancellationToken.None);
    }

    private async Task<List<Claim>> ReadAsync(string key, CancellationToken ct)
    {
        await using var command = database.CreateCommand("select * from ledger.claims_of($1, $2)");
        command.Parameters.AddValues(key, clock.Now());
        return await ReadAsync(key, command, ct);
    }

    private static Task<List<Claim>> ReadAsync(string key, NpgsqlCommand command, CancellationToken ct) =>
        command.ReadAsync(
            row =>
            {
                var claimedAt = row.GetFieldValue<DateTimeOffset>(5);
                return new Claim(
                    row.GetGuid(0),
                    row.IsDBNull(3) ? null : row.GetString(3),
                    row.GetInt64(4),
                    claimedAt,
                    new RecordedAnswer(key, row.GetFieldValue<byte[]>(1), row.GetString(2), claimedAt)
                );
            },
            ct
        );

    private static async Task<T> AvailableAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
        {
            throw new LedgerUnavailableException("The database of idempotency keys cannot be reached.", e);
        }
    }

    /// <summary>A claim: the event it is going to write, or no stream where it is an answer alone.</summary>
    private sealed record Claim(Guid EventId, string? Stream, long Version, DateTimeOffset ClaimedAt, RecordedAnswer Answer);
}
