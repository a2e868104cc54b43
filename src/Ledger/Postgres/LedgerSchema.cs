using System.Globalization;
using System.Reflection;
using Npgsql;

namespace PresenceLedger.Ledger.Postgres;

/// <summary>Brings a database to the schema of this version: the scripts beside this file, once each, in order.</summary>
public static class LedgerSchema
{
    private const long Lock = 0x4c45444745520001; // "LEDGER" and a number: one migrator at a time
    private const string ScriptPrefix = "PresenceLedger.Ledger.Postgres.Schema.";

    /// <summary>
    /// Applies what is missing, and gives <paramref name="serviceRole"/> the rights the service needs: it may append events and
    /// never change or delete them, and makes schemas for what it reads.
    /// </summary>
    /// <param name="ownerConnectionString">A role that may create schemas in the database.</param>
    /// <param name="serviceRole">The role the service works as; the owner itself where there is only one.</param>
    /// <param name="ct">Cancellation.</param>
    public static async Task ApplyAsync(string ownerConnectionString, string serviceRole, CancellationToken ct)
    {
        await using var source = NpgsqlDataSource.Create(ownerConnectionString);
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await RunAsync($"select pg_advisory_xact_lock({Lock})");
        await RunAsync("create schema if not exists ledger");
        await RunAsync("create table if not exists ledger.script (name text primary key, applied_at timestamptz not null default now())");
        await RefuseNewerAsync(connection, ct);
        foreach (var (name, sql) in Scripts())
        {
            await using var done = new NpgsqlCommand("select 1 from ledger.script where name = $1", connection, transaction);
            done.Parameters.Add(new() { Value = name });
            if (await done.ExecuteScalarAsync(ct) is not null)
                continue;
            await RunAsync(sql);
            await using var note = new NpgsqlCommand("insert into ledger.script (name) values ($1)", connection, transaction);
            note.Parameters.Add(new() { Value = name });
            await note.ExecuteNonQueryAsync(ct);
        }
        await GrantAsync();
        await transaction.CommitAsync(ct);

        async Task RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection, transaction);
            await command.ExecuteNonQueryAsync(ct);
        }

        async Task GrantAsync()
        {
            var role = Quoted(serviceRole);
            await RunAsync($"revoke all on ledger.event from public, {role}");
            await RunAsync(
                $"""
                grant usage on schema ledger to {role};
                grant select, insert on ledger.event to {role};
                grant select on ledger.script to {role};
                grant select, insert, update, delete on ledger.answer, ledger.lease, ledger.due, ledger.timers, ledger.claim, ledger.handover, ledger.node, ledger.outage to {role};
                grant select, insert, update, delete on ledger.store, ledger.store_mark to {role};
                grant select, insert, delete on ledger.reason to {role};
                grant execute on all functions in schema ledger to {role};
                create schema if not exists read authorization {role};
                grant create on database {Quoted(connection.Database)} to {role};
                """
            );
        }
    }

    /// <summary>Refuses a database that a newer version has worked on; one without a ledger is none of those.</summary>
    /// <exception cref="NewerLedgerException">It is.</exception>
    public static async Task RefuseNewerAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var known = Scripts().Select(s => s.Name).ToArray();
        if (!await HasTableAsync(connection, "script", ct))
            return;
        await using var first = new NpgsqlCommand(
            "select name from ledger.script where name <> all ($1) order by 1 desc limit 1",
            connection
        );
        first.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = known });
        if (await first.ExecuteScalarAsync(ct) is { } script)
            throw new NewerLedgerException($"the schema script {script}");
    }

    /// <summary>Whether a database has a ledger of before events were numbered, which only the service carries over, at its start.</summary>
    public static async Task<bool> IsUnnumberedAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        if (!await HasTableAsync(connection, "script", ct))
            return false;
        await using var numbered = new NpgsqlCommand(
            "select exists (select from ledger.script where name = '009-numbers.sql')",
            connection
        );
        return await numbered.ExecuteScalarAsync(ct) is false;
    }

    private static async Task<bool> HasTableAsync(NpgsqlConnection connection, string table, CancellationToken ct)
    {
        await using var there = new NpgsqlCommand($"select to_regclass('ledger.{table}') is not null", connection);
        return await there.ExecuteScalarAsync(ct) is true;
    }

    private static string Quoted(string name) => '"' + name.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';

    private static IEnumerable<(string Name, string Sql)> Scripts()
    {
        var assembly = typeof(LedgerSchema).Assembly;
        return assembly
            .GetManifestResourceNames()
            .Where(name => name.StartsWith(ScriptPrefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => (name[ScriptPrefix.Length..], Text(assembly, name)));
    }

    private static string Text(Assembly assembly, string name)
    {
        using var reader = new StreamReader(
            assembly.GetManifestResourceStream(name)
                ?? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"No resource {name}."))
        );
        return reader.ReadToEnd();
    }
}
