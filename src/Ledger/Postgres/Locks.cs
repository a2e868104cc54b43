using Npgsql;

namespace PresenceLedger.Ledger.Postgres;

/// <summary>Advisory locks: who fills a schema, and that schemas are made and renamed by one at a time.</summary>
public static class Locks
{
    /// <summary>The first key of all of them, "LEDG"; the second one is <c>hashtext</c> of what is locked.</summary>
    public const int Class = 0x4c454447;

    /// <summary>What is locked while schemas are made, renamed and dropped.</summary>
    public const string Schemas = "schemas";

    /// <summary>Takes a lock for the connection; false where another has it.</summary>
    public static async Task<bool> TryAsync(NpgsqlConnection connection, string what, CancellationToken ct) =>
        (bool)(await CallAsync(connection, "pg_try_advisory_lock", what, ct))!;

    /// <summary>Takes a lock until the transaction ends; false where another has it.</summary>
    public static async Task<bool> TryInTransactionAsync(NpgsqlConnection connection, string what, CancellationToken ct) =>
        (bool)(await CallAsync(connection, "pg_try_advisory_xact_lock", what, ct))!;

    /// <summary>Waits for a lock, until the transaction ends.</summary>
    public static Task WaitInTransactionAsync(NpgsqlConnection connection, string what, CancellationToken ct) =>
        CallAsync(connection, "pg_advisory_xact_lock", what, ct);

    /// <summary>Gives a lock back: the pool would keep it with the connection until somebody uses that again.</summary>
    public static async Task ReleaseAsync(NpgsqlConnection connection, string what)
    {
        // A connection that broke has none.
        if (connection.State is System.Data.ConnectionState.Open)
            await CallAsync(connection, "pg_advisory_unlock", what, CancellationToken.None);
    }

    private static async Task<object?> CallAsync(NpgsqlConnection connection, string function, string what, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand($"select {function}($1, hashtext($2))", connection);
        command.Parameters.AddValues(Class, what);
        return await command.ExecuteScalarAsync(ct);
    }
}
