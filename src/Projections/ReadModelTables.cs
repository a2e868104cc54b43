using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections;

/// <summary>How far the tables of a read model are.</summary>
/// <param name="Position">The last event they have.</param>
/// <param name="AsOf">The instant up to which they are complete.</param>
/// <param name="Newest">When the newest of their events was recorded: after now where the clock was ahead then (TIM-1).</param>
/// <param name="Store">What keeps the log that they are filled from.</param>
/// <param name="State">What the read model keeps with it.</param>
/// <param name="WrittenBy">The transaction that wrote it: a checkpoint that somebody else moved has another one.</param>
internal sealed record Checkpoint(
    LogPosition Position,
    DateTimeOffset AsOf,
    DateTimeOffset Newest,
    string Store,
    string? State,
    uint WrittenBy
);

/// <summary>The checkpoint is not the one that was read: another node moved it, or a rebuild took its place.</summary>
internal sealed class CheckpointMovedException(string schema)
    : Exception($"The checkpoint of {schema} was moved by another one; this one goes on from there.");

/// <summary>A set of tables of a read model, with its checkpoint: the one that is read, or the one that is built beside it.</summary>
internal sealed class ReadModelTables(IReadModel model, bool live)
{
    private const string MemoryForIndexes = "256MB";

    /// <summary>Tables of fewer bytes have their indexes at once, and statistics when the server comes to it.</summary>
    private const long AtOnce = 8 << 20;
    private const string Table = ReadSide.Schema + ".read_model";

    /// <summary>The schema of its tables; who fills them holds the lock of that name.</summary>
    public string Schema { get; } = live ? model.Schema : model.Schema + "_next";

    private string Name { get; } = live ? "live" : "next";

    /// <summary>The read model at work, from a checkpoint on.</summary>
    public IProjector Open(Checkpoint at) => model.Open(Schema, at.State);

    /// <summary>Creates the table of checkpoints where there is none.</summary>
    public static async Task CreateTableAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        // One at a time: "if not exists" is no help to two nodes that start at once.
        await Locks.WaitInTransactionAsync(connection, Locks.Schemas, ct);
        await ExecuteAsync(
            connection,
            $"""
            create table if not exists {Table} (
                name text not null,
                version int not null,
                place text not null check (place in ('live', 'next')),
                position bigint not null,
                prepare bigint not null,
                as_of timestamptz not null,
                newest timestamptz not null default '-infinity',
                store text not null,
                state json,
                primary key (name, version, place)
            );
            drop table if exists {ReadSide.Schema}.checkpoint, {ReadSide.Schema}.mt_doc_presence
            """,
            ct
        );
        await transaction.CommitAsync(ct);
    }

    /// <summary>Refuses to work beside a newer version of the read model: that one is of a newer version of the product.</summary>
    /// <exception cref="NewerLedgerException">There is one.</exception>
    public async Task RefuseNewerAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.CreateCommand($"select max(version) from {Table} where name = $1");
        command.Parameters.Add(new() { Value = model.Name });
        if (await command.ExecuteScalarAsync(ct) is int version && version > model.Version)
            throw new NewerLedgerException($"version {version} of the read model {model.Name}");
    }

    /// <summary>The furthest checkpoint of all read models; null where there is none of that store.</summary>
    public static async Task<LogPosition?> FurthestAsync(NpgsqlConnection connection, string store, CancellationToken ct)
    {
        await using (var exists = new NpgsqlCommand($"select to_regclass('{Table}') is not null", connection))
            if (await exists.ExecuteScalarAsync(ct) is not true)
                return null;
        await using var command = new NpgsqlCommand(
            $"""
            select position, prepare from {Table} where store = $1 and place = 'live' order by position desc, prepare desc limit 1
            """,
            connection
        );
        command.Parameters.Add(new() { Value = store });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? new LogPosition(reader.GetInt64(0), reader.GetInt64(1)) : null;
    }

    /// <summary>The checkpoint; null where there is none, or no schema to it.</summary>
    public async Task<Checkpoint?> FindAsync(NpgsqlConnection connection, CancellationToken ct, bool forUpdate = false)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select position, prepare, as_of, newest, store, state::text, xmin from {Table}
                where name = $1 and version = $2 and place = $3 and exists (select from pg_namespace where nspname = $4)
                {(forUpdate ? "for update" : "")}
            """,
            connection
        );
        AddKey(command);
        command.Parameters.Add(new() { Value = Schema });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new Checkpoint(
                new LogPosition(reader.GetInt64(0), reader.GetInt64(1)),
                reader.GetFieldValue<DateTimeOffset>(2),
                reader.GetFieldValue<DateTimeOffset>(3),
                reader.GetString(4),
                await reader.IsDBNullAsync(5, ct) ? null : reader.GetString(5),
                reader.GetFieldValue<uint>(6)
            )
            : null;
    }

    /// <summary>Creates the schema with empty tables, and the checkpoint at the start of the log, in place of what there is.</summary>
    public async Task<Checkpoint> CreateAsync(NpgsqlConnection connection, string store, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await Locks.WaitInTransactionAsync(connection, Locks.Schemas, ct);
        await ExecuteAsync(connection, $"drop schema if exists {Schema} cascade; create schema {Schema}", ct);
        await ExecuteAsync(connection, model.TablesSql(Schema), ct);
        await using (
            var insert = new NpgsqlCommand(
                $"""
                insert into {Table} (name, version, place, position, prepare, as_of, store)
                    values ($1, $2, $3, 0, 0, '-infinity', $4)
                    on conflict (name, version, place) do update
                        set position = 0, prepare = 0, as_of = '-infinity', newest = '-infinity', store = excluded.store, state = null
                """,
                connection
            )
        )
        {
            AddKey(insert);
            insert.Parameters.Add(new() { Value = store });
            await insert.ExecuteNonQueryAsync(ct);
        }
        await transaction.CommitAsync(ct);
        return await FindAsync(connection, ct) ?? throw new CheckpointMovedException(Schema);
    }

    /// <summary>
    /// Makes the indexes, unless they are there, and the statistics: once the tables are filled, for that is quicker than to keep
    /// them meanwhile.
    /// </summary>
    public async Task IndexAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var indexes = model.IndexesSql(Schema);
        if (
            await CountIndexesAsync(connection, ct)
            == indexes.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Length
        )
            return;
        await DropIndexesAsync(connection, ct);
        var isLarge = await SizeAsync(connection, ct) >= AtOnce;
        if (isLarge)
            indexes = $"set local maintenance_work_mem = '{MemoryForIndexes}'; {indexes}";
        await using (var transaction = await connection.BeginTransactionAsync(ct))
        {
            await ExecuteAsync(connection, indexes, ct);
            await transaction.CommitAsync(ct);
        }
        if (isLarge)
            await EachAsync(
                connection,
                "select format('vacuum (analyze) %I.%I', schemaname, tablename) from pg_tables where schemaname = $1",
                ct
            );
    }

    /// <summary>Drops the indexes that only reading needs, those that were never finished among them.</summary>
    public Task DropIndexesAsync(NpgsqlConnection connection, CancellationToken ct) =>
        EachAsync(
            connection,
            """
            select 'drop index ' || i.indexrelid::regclass from pg_index i join pg_class c on c.oid = i.indexrelid
                where c.relnamespace = to_regnamespace($1) and not i.indisunique
            """,
            ct
        );

    private Task<long> CountIndexesAsync(NpgsqlConnection connection, CancellationToken ct) =>
        NumberAsync(
            connection,
            """
            select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
                where c.relnamespace = to_regnamespace($1) and not i.indisunique and i.indisvalid
            """,
            ct
        );

    private Task<long> SizeAsync(NpgsqlConnection connection, CancellationToken ct) =>
        NumberAsync(
            connection,
            "select coalesce(sum(pg_relation_size(oid)), 0)::bigint from pg_class where relnamespace = to_regnamespace($1) and relkind = 'r'",
            ct
        );

    private async Task<long> NumberAsync(NpgsqlConnection connection, string select, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(select, connection);
        command.Parameters.Add(new() { Value = Schema, NpgsqlDbType = NpgsqlDbType.Text });
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    private async Task EachAsync(NpgsqlConnection connection, string select, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(select, connection);
        command.Parameters.Add(new() { Value = Schema, NpgsqlDbType = NpgsqlDbType.Text });
        foreach (var statement in await command.ReadAsync(row => row.GetString(0), ct))
            await ExecuteAsync(connection, statement, ct);
    }

    /// <summary>Moves the checkpoint, within a transaction, where nobody else has.</summary>
    /// <exception cref="CheckpointMovedException">Somebody has.</exception>
    public async Task<Checkpoint> AdvanceCheckpointAsync(
        NpgsqlConnection connection,
        Checkpoint before,
        Checkpoint after,
        CancellationToken ct
    )
    {
        await using var command = new NpgsqlCommand(
            $"""
            update {Table} set position = $4, prepare = $5, as_of = $6, newest = $7, state = $8
                where name = $1 and version = $2 and place = $3 and xmin = $9
                returning pg_current_xact_id()::xid
            """,
            connection
        );
        AddKey(command);
        AddValues(command, after);
        command.Parameters.Add(new() { Value = before.WrittenBy, NpgsqlDbType = NpgsqlDbType.Xid });
        return await command.ExecuteScalarAsync(ct) is uint writtenBy
            ? after with
            {
                WrittenBy = writtenBy,
            }
            : throw new CheckpointMovedException(Schema);
    }

    /// <summary>Makes its checkpoint the one of the tables that are read, within the transaction that renames the schemas.</summary>
    public async Task ReplaceAsync(NpgsqlConnection connection, Checkpoint at, CancellationToken ct)
    {
        await using var drop = new NpgsqlCommand($"delete from {Table} where name = $1 and version = $2 and place = 'live'", connection);
        drop.Parameters.AddValues(model.Name, model.Version);
        await drop.ExecuteNonQueryAsync(ct);
        await using var replace = new NpgsqlCommand(
            $"""
            update {Table} set place = 'live', position = $4, prepare = $5, as_of = $6, newest = $7, state = $8
                where name = $1 and version = $2 and place = $3
            """,
            connection
        );
        AddKey(replace);
        AddValues(replace, at);
        await replace.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Versions of the read model before this one, and read models that it replaces, of which there still is something.</summary>
    public async Task<List<(string Name, int Version)>> OlderAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"select distinct name, version from {Table} where name = $1 and version < $2 or name = any ($3)",
            connection
        );
        command.Parameters.AddValues(model.Name, model.Version);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. model.Replaces] });
        return await command.ReadAsync(row => (row.GetString(0), row.GetInt32(1)), ct);
    }

    /// <summary>
    /// Drops schemas, within a transaction; false where somebody still reads of them. It gives up soon, for whoever comes to read waits
    /// behind it.
    /// </summary>
    public static async Task<bool> TryDropAsync(NpgsqlConnection connection, string[] schemas, CancellationToken ct)
    {
        try
        {
            await ExecuteAsync(
                connection,
                $"set local lock_timeout = '200ms'; drop schema if exists {string.Join(", ", schemas)} cascade",
                ct
            );
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
    }

    /// <summary>Deletes the checkpoints of another version.</summary>
    public static async Task ForgetAsync(NpgsqlConnection connection, string name, int version, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand($"delete from {Table} where name = $1 and version = $2", connection);
        command.Parameters.AddValues(name, version);
        await command.ExecuteNonQueryAsync(ct);
    }

    internal static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        // Indexes of many rows take their time.
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(ct);
    }

    private void AddKey(NpgsqlCommand command)
    {
        command.Parameters.AddValues(model.Name, model.Version, Name);
    }

    private static void AddValues(NpgsqlCommand command, Checkpoint at)
    {
        command.Parameters.AddValues(at.Position.Number, at.Position.Prepare, at.AsOf, at.Newest);
        command.Parameters.Add(new() { Value = (object?)at.State ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Json });
    }
}
