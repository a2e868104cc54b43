using Npgsql;

namespace PresenceLedger.Ledger.Reasons;

/// <summary>
/// Brings the texts of reasons from one database to another whose log is a copy: what is missing comes, and what was erased at the source
/// goes.
/// </summary>
public static class ReasonCopy
{
    private const string Columns = "digest, stream, salt, text, recorded_at";

    /// <summary>Copies; returns how many texts the target has then, which are those of the source.</summary>
    public static async Task<long> RunAsync(NpgsqlDataSource from, NpgsqlDataSource to, CancellationToken ct)
    {
        await using var source = await from.OpenConnectionAsync(ct);
        // A source that no version with texts beside the log has served has none.
        await using (var any = new NpgsqlCommand("select to_regclass('ledger.reason') is not null", source))
            if (!(bool)(await any.ExecuteScalarAsync(ct))!)
                return 0;

        await using var target = await to.OpenConnectionAsync(ct);
        await using var transaction = await target.BeginTransactionAsync(ct);
        await ExecuteAsync(target, "create temporary table copied_reason (like ledger.reason) on commit drop", ct);
        await using (var reading = await source.BeginRawBinaryCopyAsync($"copy ledger.reason ({Columns}) to stdout (format binary)", ct))
        await using (var writing = await target.BeginRawBinaryCopyAsync($"copy copied_reason ({Columns}) from stdin (format binary)", ct))
            await reading.CopyToAsync(writing, ct);
        await ExecuteAsync(
            target,
            $"""
            insert into ledger.reason ({Columns}) select {Columns} from copied_reason on conflict (digest) do nothing;
            delete from ledger.reason r where not exists (select from copied_reason c where c.digest = r.digest)
            """,
            ct
        );
        await using var counted = new NpgsqlCommand("select count(*) from ledger.reason", target);
        var count = (long)(await counted.ExecuteScalarAsync(ct))!;
        await transaction.CommitAsync(ct);
        return count;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
