using Npgsql;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Ledger.Stores;

/// <summary>A store that is not the one with the ledger; the message says what to do.</summary>
public sealed class WrongStoreException(string message) : Exception(message);

/// <summary>
/// The memory of a database of which store its ledger is in: the kind, the prefix of the streams and, of a store beside the database, where
/// the first events of two streams stand in it. So a log that is named by mistake is refused and not taken for an empty ledger.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="log">The log that was named.</param>
/// <param name="prefix">What stands before the names of its streams.</param>
public sealed class StoreMemory(NpgsqlDataSource database, ILog log, string prefix)
{
    private const string Postgres = "Postgres";

    // Every ledger has one of them before long. Both are read by version, which takes no time on any store.
    private static readonly string[] Marked = [StreamNames.Seals, StreamNames.Configuration];

    /// <summary>Refuses a log that is not the one remembered.</summary>
    /// <exception cref="WrongStoreException">It is another one.</exception>
    public async Task CheckAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        if (await FindAsync(connection, ct) is { } remembered)
            await CheckAsync(remembered, ct);
    }

    /// <summary>
    /// Refuses a log that is not the one remembered, and remembers what is not yet; for the service, which is the one that decides.
    /// </summary>
    /// <param name="movedFrom">The kind of store that the ledger was moved from on purpose; null where it was not moved.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="WrongStoreException">It is another one.</exception>
    public async Task RememberAsync(string? movedFrom, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var remembered = await FindAsync(connection, ct);
        if (remembered is not null)
            try
            {
                await CheckAsync(remembered, ct);
            }
            catch (WrongStoreException) when (remembered.Store.Equals(movedFrom, StringComparison.OrdinalIgnoreCase))
            {
                await CheckMovedAsync(connection, remembered, ct);
                await MoveAsync(connection, remembered, ct);
            }
        await using var remember = new NpgsqlCommand(
            "insert into ledger.store (store, prefix) values ($1, $2) on conflict do nothing",
            connection
        );
        remember.Parameters.AddValues(log.Store, prefix);
        await remember.ExecuteNonQueryAsync(ct);
        await MarkAsync(ct);
    }

    /// <summary>Notes the first events, so that the store is known again; true once there is one, or none is needed.</summary>
    public async Task<bool> MarkAsync(CancellationToken ct)
    {
        if (log.Store == Postgres)
            return true;
        var known = false;
        foreach (var stream in Marked)
        {
            if (await FirstAsync(stream, ct) is not { } first)
                continue;
            await using var mark = database.CreateCommand(
                "insert into ledger.store_mark (stream, event_id, position) values ($1, $2, $3) on conflict do nothing"
            );
            mark.Parameters.AddValues(stream, first.Record.EventId, first.Position.ToString());
            await mark.ExecuteNonQueryAsync(ct);
            known = true;
        }
        return known;
    }

    private async Task CheckAsync(Remembered remembered, CancellationToken ct)
    {
        if (remembered.Store != log.Store)
            throw new WrongStoreException(
                $"The ledger of this database is kept in {Named(remembered.Store, remembered.Prefix)}, and {Named(log.Store, prefix)} was named. "
                    + (
                        remembered.Store == Postgres
                            ? "Leave out Ledger:Store"
                            : "Say --Ledger:Store EventStoreDb --Ledger:EventStoreDb esdb://…"
                    )
                    + MovedHint(remembered)
            );
        if (remembered.Prefix is { } streams && streams != prefix)
            throw new WrongStoreException(
                $"The streams of this database's ledger begin with '{streams}' in {remembered.Store}, and '{prefix}' was named. "
                    + $"Say --Ledger:StreamPrefix '{streams}'"
                    + MovedHint(remembered)
            );
        foreach (var mark in remembered.Marks)
        {
            var first = await FirstAsync(mark.Stream, ct);
            if (first is null || first.Record.EventId != mark.EventId)
                throw new WrongStoreException(
                    $"This {log.Store} is not the one with the ledger of this database: the first event of '{mark.Stream}' "
                        + $"{(first is null ? "is not in it" : "is another one there")}. Name the right one"
                        + MovedHint(remembered)
                );
            if (first.Position.ToString() != mark.Position)
                throw new WrongStoreException(
                    $"This {log.Store} has a copy of this database's ledger, and is not the one with the ledger itself: the first event of "
                        + $"'{mark.Stream}' stands elsewhere in it. Name the right one"
                        + MovedHint(remembered)
                );
        }
    }

    private static string MovedHint(Remembered remembered) =>
        $"; or, where the ledger was moved, start the service once with --Ledger:MovedFrom {remembered.Store}.";

    private static string Named(string store, string? prefix) => store + (string.IsNullOrEmpty(prefix) ? "" : $" (streams '{prefix}…')");

    /// <summary>The new store must have the ledger: a moment before the copy, or beside it, it would go on as an empty one.</summary>
    private async Task CheckMovedAsync(NpgsqlConnection connection, Remembered remembered, CancellationToken ct)
    {
        var expected =
            remembered.Store == Postgres ? await FirstOfDatabaseAsync(connection, ct)
            : remembered.Marks.Count > 0 ? remembered.Marks[0]
            : null;
        if (expected is null)
            return;
        if (await FirstAsync(expected.Stream, ct) is not { } first || first.Record.EventId != expected.EventId)
            throw new WrongStoreException(
                $"{Named(log.Store, prefix)} does not have the ledger of this database: the first event of '{expected.Stream}' is not in it. "
                    + "Copy it first, with presence-ledger copy-log."
            );
    }

    private async Task MoveAsync(NpgsqlConnection connection, Remembered remembered, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        // Positions are of a store. Of another kind a read model sees that by itself; of another server of the kind it could not.
        if (remembered.Store == log.Store && await HasAsync(connection, "read.read_model", ct))
            await ExecuteAsync(connection, "delete from read.read_model", ct);
        await ExecuteAsync(connection, "delete from ledger.store; delete from ledger.store_mark", ct);
        await transaction.CommitAsync(ct);
    }

    private async Task<StoredEvent?> FirstAsync(string stream, CancellationToken ct) =>
        await log.ReadStreamAsync(stream, 0, 1, ct) is [{ Record.Version: 0 } first] ? first : null;

    /// <summary>What is remembered; else, in a database from before it was, what is there.</summary>
    private static async Task<Remembered?> FindAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        if (await HasAsync(connection, "ledger.store", ct))
        {
            await using var command = new NpgsqlCommand("select store, prefix from ledger.store", connection);
            await using var reader = await command.ExecuteReaderAsync(ct);
            if (await reader.ReadAsync(ct))
            {
                var (store, prefix) = (reader.GetString(0), reader.GetString(1));
                await reader.DisposeAsync();
                return new Remembered(store, prefix, await MarksAsync(connection, ct));
            }
        }
        var found =
            await TextAsync(
                connection,
                "read.read_model",
                "select store from read.read_model where place = 'live' order by as_of desc limit 1",
                ct
            )
            ?? await TextAsync(connection, "ledger.event", $"select '{Postgres}' from ledger.event limit 1", ct)
            ?? await TextAsync(connection, "ledger.claim", "select 'EventStoreDb' from ledger.claim limit 1", ct);
        return found is null ? null : new Remembered(found, null, []);
    }

    private static async Task<IReadOnlyList<Mark>> MarksAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select stream, event_id, position from ledger.store_mark order by stream", connection);
        return await command.ReadAsync(row => new Mark(row.GetString(0), row.GetGuid(1), row.GetString(2)), ct);
    }

    private static async Task<Mark?> FirstOfDatabaseAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "select stream, event_id from ledger.event where version = 0 order by position limit 1",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? new Mark(reader.GetString(0), reader.GetGuid(1), "") : null;
    }

    private static async Task<string?> TextAsync(NpgsqlConnection connection, string table, string query, CancellationToken ct)
    {
        if (!await HasAsync(connection, table, ct))
            return null;
        await using var command = new NpgsqlCommand(query, connection);
        return (string?)await command.ExecuteScalarAsync(ct);
    }

    private static async Task<bool> HasAsync(NpgsqlConnection connection, string table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select coalesce(has_table_privilege(to_regclass($1), 'select'), false)", connection);
        command.Parameters.Add(new() { Value = table, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>What is remembered; the prefix is not known of a database from before it was noted.</summary>
    private sealed record Remembered(string Store, string? Prefix, IReadOnlyList<Mark> Marks);

    /// <summary>The first event of a stream, and where it stands.</summary>
    private sealed record Mark(string Stream, Guid EventId, string Position);
}
