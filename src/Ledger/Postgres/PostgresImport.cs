using Npgsql;
using NpgsqlTypes;

namespace PresenceLedger.Ledger.Postgres;

/// <summary>The ledger has events already, and is to be empty.</summary>
public sealed class LedgerNotEmptyException(string message) : Exception(message);

/// <summary>
/// Writes a whole ledger, in the order in which it comes, into an empty one: by binary COPY, a portion a transaction. What one
/// append does, a portion does too (heads at their expected versions first, then the events), so that the log reads it as it
/// reads anything, and a service may be at work beside it.
/// </summary>
public sealed class PostgresImport(NpgsqlDataSource database)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Writes portions until there are no more.</summary>
    /// <param name="portions">Each all or nothing; a stream goes on from one portion to the next without gaps.</param>
    /// <param name="written">Told how many events each transaction had, when it is committed.</param>
    /// <param name="ct">Cancels between portions, and the one that is under way; what is committed stays.</param>
    /// <exception cref="LedgerNotEmptyException">There are events, or somebody else writes to the same streams.</exception>
    public async Task RunAsync(IAsyncEnumerable<IReadOnlyList<EventRecord>> portions, IProgress<int> written, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using (var any = new NpgsqlCommand("select exists (select from ledger.event)", connection))
            if ((bool)(await any.ExecuteScalarAsync(ct))!)
                throw new LedgerNotEmptyException("The ledger has events already; an import writes into an empty one.");
        await using var newest = new NpgsqlCommand("select max(epoch) from ledger.epoch", connection);
        var epoch = (int)(await newest.ExecuteScalarAsync(ct))!;
        await foreach (var portion in portions.WithCancellation(ct))
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            await MoveHeadsAsync(connection, portion, ct);
            await CopyAsync(connection, epoch, portion, ct);
            await using (var tell = new NpgsqlCommand($"notify {AppendSignal.Channel}", connection))
                await tell.ExecuteNonQueryAsync(ct);
            await transaction.CommitAsync(ct);
            written.Report(portion.Count);
        }
    }

    private static async Task MoveHeadsAsync(NpgsqlConnection connection, IReadOnlyList<EventRecord> portion, CancellationToken ct)
    {
        var heads = new SortedDictionary<string, (long First, long Last)>(StringComparer.Ordinal);
        foreach (var e in portion)
            heads[e.Stream] = (heads.TryGetValue(e.Stream, out var head) ? head.First : e.Version, e.Version);
        await using var command = new NpgsqlCommand(
            """
            with wanted as (select * from unnest($1, $2, $3) as w (stream, expected, version)),
                begun as (
                    insert into ledger.stream (stream, version) select stream, version from wanted where expected = -1 order by stream
                    on conflict do nothing returning 1
                ),
                moved as (
                    update ledger.stream h set version = w.version from wanted w
                    where h.stream = w.stream and h.version = w.expected and w.expected >= 0 returning 1
                )
            select (select count(*) from begun) + (select count(*) from moved)
            """,
            connection
        );
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. heads.Keys] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. heads.Values.Select(h => h.First - 1)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. heads.Values.Select(h => h.Last)] });
        if ((long)(await command.ExecuteScalarAsync(ct))! != heads.Count)
            throw new LedgerNotEmptyException("Somebody else wrote to streams of the import; it stopped before this portion.");
    }

    private static async Task CopyAsync(NpgsqlConnection connection, int epoch, IReadOnlyList<EventRecord> portion, CancellationToken ct)
    {
        await using var copy = await connection.BeginBinaryImportAsync(
            """
            copy ledger.event (epoch, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash)
            from stdin (format binary)
            """,
            ct
        );
        copy.Timeout = Patience;
        foreach (var e in portion)
        {
            await copy.StartRowAsync(ct);
            await copy.WriteAsync(epoch, NpgsqlDbType.Integer, ct);
            await copy.WriteAsync(e.Stream, NpgsqlDbType.Text, ct);
            await copy.WriteAsync(e.Version, NpgsqlDbType.Bigint, ct);
            await copy.WriteAsync(e.EventId, NpgsqlDbType.Uuid, ct);
            await copy.WriteAsync(e.Type, NpgsqlDbType.Text, ct);
            await copy.WriteAsync(e.Data, NpgsqlDbType.Json, ct);
            await copy.WriteAsync(e.Metadata, NpgsqlDbType.Json, ct);
            await copy.WriteAsync(e.OccurredAt, NpgsqlDbType.TimestampTz, ct);
            await copy.WriteAsync(e.RecordedAt, NpgsqlDbType.TimestampTz, ct);
            await copy.WriteAsync(e.Hash, NpgsqlDbType.Bytea, ct);
        }
        await copy.CompleteAsync(ct);
    }
}
