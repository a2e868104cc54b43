using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Ledger.Seals;
using PresenceLedger.Ledger.Verification;
using PresenceLedger.Testing;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// The verification of a sealed ledger of a million events, beside reading the same events and doing nothing; and every kind of tampering
/// in it, each found and named.
/// </summary>
internal sealed class VerifyBenchmark : IBenchmark
{
    private static readonly int Wanted = int.Parse(
        Environment.GetEnvironmentVariable("LEDGER_BENCH_EVENTS") ?? "1000000",
        CultureInfo.InvariantCulture
    );

    private readonly StringBuilder _section = new();

    /// <inheritdoc />
    public string Name => "verify";

    /// <inheritdoc />
    public async Task<string> RunAsync()
    {
        var load = Machine.Load();
        await using var database = await Node.CreateDatabaseAsync();
        var simulated = await ServiceProcess.RunAsync([
            "simulate",
            "--agents",
            // A simulated agent has some 3,100 events in 30 days.
            Math.Max(1, (Wanted + 2999) / 3000).ToString(CultureInfo.InvariantCulture),
            "--days",
            "30",
            "--seed",
            "1",
            "--start",
            "2026-03-01",
            "--connection",
            database.SuperuserConnectionString,
        ]);
        if (simulated.ExitCode != 0)
            throw new InvalidOperationException(simulated.ToString());
        var keys = new SealingKeys(Path.Combine(Path.GetTempPath(), "presence-ledger-bench-" + Guid.NewGuid().ToString("N")));
        await using var source = Serving.DataSource(database.SuperuserConnectionString);
        using var log = new PostgresLog(source, TimeProvider.System, NullLogger<PostgresLog>.Instance);
        await log.StartAsync(CancellationToken.None);
        try
        {
            await MeasureAsync(load, source, log, keys);
            await TamperAsync(source, log, keys);
        }
        finally
        {
            await log.StopAsync(CancellationToken.None);
            Directory.Delete(keys.Folder, recursive: true);
        }
        return _section.ToString();
    }

    private async Task MeasureAsync(string load, NpgsqlDataSource source, PostgresLog log, SealingKeys keys)
    {
        using var book = new SealBook(log);
        using var sealer = new Sealer(log, book, keys, TimeProvider.System);
        var began = Stopwatch.GetTimestamp();
        var made = await sealer.SealAsync(Actor.Ledger, gently: false, CancellationToken.None);
        var sealing = Stopwatch.GetElapsedTime(began);
        await ExecuteAsync(source, "vacuum (analyze) ledger.event");
        var events = (long)(await ScalarAsync(source, "select count(*) from ledger.event"))!;
        var bytes = (long)
            (
                await ScalarAsync(
                    source,
                    "select avg(octet_length(data::text) + octet_length(metadata::text))::bigint from ledger.event where stream <> 'seals'"
                )
            )!;
        Say(
            $"{DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.\nPostgreSQL {await ScalarAsync(source, "show server_version")}, brought along, on the same machine. "
                + $"Load of the machine before the first run: {load}. Rates are the median of {Measure.Rounds} runs (least–most), in turn, after one to warm up.\n"
        );
        Say(
            $"A simulated ledger of {events:N0} events, {bytes} bytes of data and metadata each, in {made.Seals} seals, which took {sealing.TotalSeconds:N1} s "
                + $"({made.Last!.EndOrdinal() / sealing.TotalSeconds:N0} events/s).\n"
        );
        const string Raw = "raw: one select in global order, every column taken";
        const string Copy = "raw: the same binary COPY, its bytes thrown away";
        const string Whole = "`verify`: order, chains, ids, instants, heads, seals, signatures";
        var runs = await Measure.InTurnAsync(
            "verify",
            [
                (Raw, () => Measure.ToTheEndAsync(() => RawAsync(source))),
                (Copy, () => Measure.ToTheEndAsync(() => CopyAsync(source, events))),
                (Whole, () => Measure.ToTheEndAsync(() => VerifyAsync(source, log, keys))),
            ]
        );
        Say("\n| | events per second | processors busy (of them this process) |\n|---|---|---|\n");
        foreach (var name in new[] { Raw, Copy, Whole })
            Say($"| {name} | {runs[name].Rate} | {100 * runs[name].Busy:0} % ({100 * runs[name].Own:0} %) |\n");
        var ratio = Measure.Median(runs[Whole].All.Zip(runs[Raw].All, (v, r) => v.PerSecond / r.PerSecond));
        Say($"\nAsked for: 100,000 events/s. Verification to raw select, in the same rounds: {ratio:0.00}.\n");
    }

    /// <summary>Every kind, in the middle of the ledger: what is done, and what verify says of it.</summary>
    private async Task TamperAsync(NpgsqlDataSource source, PostgresLog log, SealingKeys keys)
    {
        var stream = (string)
            (await ScalarAsync(source, "select stream from ledger.event where stream like 'agent-%' order by version desc limit 1"))!;
        var one = $"stream = '{stream}' and version = 500";
        Say("\n| done in the store, with its trigger off | found | seconds |\n|---|---|---|\n");
        await OneAsync("the data of an event changed", $"update ledger.event set data = '{{}}' where {one}");
        await OneAsync("the hash of an event changed", $"update ledger.event set hash = sha256('x') where {one}");
        await OneAsync("an event deleted", $"delete from ledger.event where {one}");
        await OneAsync(
            "an event put in the place of another one",
            $"""
            delete from ledger.event where {one};
            insert into ledger.event select position, 'agent-never', 0, gen_random_uuid(), type, data, metadata, occurred_at, recorded_at, sha256('x')
                from saved where {one}
            """
        );
        await OneAsync(
            "two events changed places",
            $"""
            delete from ledger.event where stream = '{stream}' and version in (500, 501);
            insert into ledger.event
                select p.position, e.stream, e.version, e.event_id, e.type, e.data, e.metadata, e.occurred_at, e.recorded_at, e.hash
                from saved e, saved p
                where e.stream = '{stream}' and p.stream = '{stream}' and e.version in (500, 501) and p.version = 1001 - e.version
            """
        );
        await OneAsync(
            "an event changed, and everything after it in its stream chained anew",
            null,
            () => RechainAsync(source, log, stream, 500)
        );
        await OneAsync("a seal deleted", "delete from ledger.event where stream = 'seals' and version = 20");
        await OneAsync(
            "the root of a seal changed",
            "update ledger.event set data = replace(data::text, '\"root\":\"', '\"root\":\"0')::json where stream = 'seals' and version = 20"
        );
        await OneAsync(
            "the last event deleted",
            $"delete from ledger.event where stream = '{stream}' and version = (select max(version) from saved where stream = '{stream}')"
        );

        async Task OneAsync(string what, string? sql, Func<Task>? more = null)
        {
            await ExecuteAsync(
                source,
                $"drop table if exists saved; create table saved as select * from ledger.event where stream in ('{stream}', 'seals')"
            );
            try
            {
                if (sql is not null)
                    await ExecuteAsync(source, sql);
                if (more is not null)
                    await more();
                var began = Stopwatch.GetTimestamp();
                var result = await new Verifier(log, source, new VerifierOptions { Keys = keys.Public() }).RunAsync(
                    null,
                    CancellationToken.None
                );
                var told = string.Join("; ", result.Findings.Take(3).Select(f => $"`{f.Kind}` {f.Text}"));
                Say($"| {what} | {result.Findings.Count}: {told} | {Stopwatch.GetElapsedTime(began).TotalSeconds:N1} |\n");
            }
            finally
            {
                await ExecuteAsync(
                    source,
                    $"delete from ledger.event where stream in ('{stream}', 'seals', 'agent-never'); "
                        + "insert into ledger.event select * from saved"
                );
            }
        }
    }

    private static async Task RechainAsync(NpgsqlDataSource source, PostgresLog log, string stream, long from)
    {
        await ExecuteAsync(source, $"update ledger.event set data = '{{}}' where stream = '{stream}' and version = {from}");
        var hash = (await log.ReadStreamAsync(stream, from - 1, 1, CancellationToken.None))[0].Record.Hash;
        var hashes = new List<byte[]>();
        foreach (var e in (await log.ReadStreamAsync(stream, from, 1_000_000, CancellationToken.None)).Select(e => e.Record))
            hashes.Add(hash = HashChain.Hash(hash, e.Stream, e.Version, e.EventId, e.Type, e.Data, e.Metadata, e.OccurredAt, e.RecordedAt));
        await using var connection = await source.OpenConnectionAsync();
        await using var off = new NpgsqlCommand("set session_replication_role = replica", connection);
        await off.ExecuteNonQueryAsync();
        await using var command = new NpgsqlCommand(
            "update ledger.event e set hash = h.hash from unnest($1) with ordinality as h (hash, n) where e.stream = $2 and e.version = $3 + h.n - 1",
            connection
        );
        command.Parameters.Add(new() { Value = hashes.ToArray() });
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = from });
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<long> VerifyAsync(NpgsqlDataSource source, PostgresLog log, SealingKeys keys)
    {
        var result = await new Verifier(log, source, new VerifierOptions { Keys = keys.Public() }).RunAsync(null, CancellationToken.None);
        return result.Sound ? result.Events : throw new InvalidOperationException(string.Join('\n', result.Findings.Take(10)));
    }

    private static async Task<long> RawAsync(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var select = new NpgsqlCommand(
            """
            select position, stream, version, event_id, type, data::text, metadata::text, occurred_at, recorded_at, hash
            from ledger.event order by position
            """,
            connection
        )
        {
            CommandTimeout = 0,
        };
        await using var reader = await select.ExecuteReaderAsync();
        var count = 0L;
        var row = new object[reader.FieldCount];
        for (; await reader.ReadAsync(); count++)
            reader.GetValues(row);
        return count;
    }

    private static async Task<long> CopyAsync(NpgsqlDataSource source, long events)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using (var off = new NpgsqlCommand("set enable_sort = off", connection))
            await off.ExecuteNonQueryAsync();
        await using (
            var stream = await connection.BeginRawBinaryCopyAsync(
                """
                copy (
                    select position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash
                    from ledger.event order by position
                ) to stdout (format binary)
                """
            )
        )
        {
            var buffer = new byte[256 * 1024];
            while (await stream.ReadAsync(buffer, CancellationToken.None) > 0) { }
        }
        await using var on = new NpgsqlCommand("reset enable_sort", connection);
        await on.ExecuteNonQueryAsync();
        return events;
    }

    private static async Task<object?> ScalarAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 0;
        return await command.ExecuteScalarAsync();
    }

    /// <summary>As the superuser, with the trigger off.</summary>
    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var connection = await source.OpenConnectionAsync();
        if (!sql.StartsWith("vacuum", StringComparison.Ordinal))
            sql = "set session_replication_role = replica; " + sql;
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
        await using var on = new NpgsqlCommand("set session_replication_role = default", connection);
        await on.ExecuteNonQueryAsync();
    }

    private void Say(string text)
    {
        Console.Error.Write(text);
        _section.Append(text);
    }
}
