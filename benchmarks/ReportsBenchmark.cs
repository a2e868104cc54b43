using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Embedded;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// The reports over the ledger of a simulated contact center, beside plain SQL over tables made by hand; and the rebuild of what
/// they read, beside a loop that only reads and copies.
/// </summary>
internal sealed partial class ReportsBenchmark : IBenchmark
{
    private const int Rounds = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly int Agents = Setting("LEDGER_BENCH_AGENTS", 10_000);
    private static readonly int Days = Setting("LEDGER_BENCH_DAYS", 30);
    private static readonly string? Kept = Environment.GetEnvironmentVariable("LEDGER_BENCH_DATA");
    private static readonly DateTimeOffset From = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly StringBuilder _section = new();

    /// <inheritdoc />
    public string Name => "reports";

    private static DateTimeOffset To => From.AddDays(Days);

    /// <inheritdoc />
    public async Task<string> RunAsync()
    {
        var load = Machine.Load();
        var folder = Kept ?? Directory.CreateTempSubdirectory("presence-ledger-bench-").FullName;
        Directory.CreateDirectory(folder);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        await using var server = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(folder),
            NullLogger.Instance,
            CancellationToken.None
        );
        await using var database = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(server.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database))
            {
                CommandTimeout = 0,
            }
        );
        Say(
            $"{DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.\nPostgreSQL {await ScalarAsync<string>(database, "show server_version")}, "
                + $"brought along, on {await Machine.DescribeDiskAsync(folder)}.\nLoad of the machine before the first run: {load}. "
                + "Service, PostgreSQL and client share the machine.\n"
        );
        await SimulateAsync(folder, database);
        await RebuildAsync(folder, database);
        await ReportAsync(folder, database);
        if (Kept is null)
            Directory.Delete(folder, recursive: true);
        return _section.ToString();
    }

    private async Task SimulateAsync(string folder, NpgsqlDataSource database)
    {
        if (Kept is null || !await ScalarAsync<bool>(database, "select to_regclass('ledger.event') is not null"))
        {
            var line = await RunAsync(
                "simulate",
                "--data",
                folder,
                "--agents",
                Text(Agents),
                "--days",
                Text(Days),
                "--seed",
                "1",
                "--start",
                From.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
            );
            Say($"Simulated: {line}\n");
        }
        var events = await ScalarAsync<long>(database, "select count(*) from ledger.event");
        Say($"The ledger has {events:N0} events of {Agents:N0} agents in {Days} days.\n");
        await ExecuteAsync(database, "vacuum (analyze)");
    }

    private async Task RebuildAsync(string folder, NpgsqlDataSource database)
    {
        var events = await ScalarAsync<long>(database, "select count(*) from ledger.event");
        var raw = await CopyAsync(database);
        var paged = await CopyPagesAsync(database);
        _progress.Clear();
        var began = Stopwatch.GetTimestamp();
        await RunAsync("rebuild", "--restart", "--data", folder);
        var rebuilt = Stopwatch.GetElapsedTime(began);
        Say(
            $"""

            | | events | time | events/s | ratio |
            |---|---|---|---|---|
            | pages of the log, a row copied for each event | {events:N0} | {paged.TotalSeconds:N0} s | {events
                / paged.TotalSeconds:N0} | 1 |
            | one cursor over the whole table, a row copied for each event | {events:N0} | {raw.TotalSeconds:N0} s | {events
                / raw.TotalSeconds:N0} | {paged / raw:0.00} |
            | `presence-ledger rebuild`, indexes and swap included | {events:N0} | {rebuilt.TotalSeconds:N0} s | {events
                / rebuilt.TotalSeconds:N0} | **{paged / rebuilt:0.00}** (asked for: at least 0.6); of the cursor {raw / rebuilt:0.00} |

            """
        );
        foreach (var part in new[] { 0.25, 0.5, 1 })
        {
            var pace = PaceAt(part, events);
            if (pace is { } rate)
                Say($"\nAfter {part:P0} of the ledger the rebuild was at {rate:N0} events/s since its beginning.\n");
        }
    }

    private readonly List<(long Events, TimeSpan At)> _progress = [];

    private double? PaceAt(double part, long events)
    {
        var reached = _progress.Find(p => p.Events >= part * events * 0.98);
        return reached.Events == 0 ? null : reached.Events / reached.At.TotalSeconds;
    }

    private const string RawTable =
        "drop schema if exists raw cascade; create schema raw; "
        + "create table raw.event (stream text, version bigint, type text, occurred_at timestamptz, recorded_at timestamptz)";

    /// <summary>The log is read page by page, as whoever follows it reads it, and a row of five columns copied for each event.</summary>
    private static async Task<TimeSpan> CopyPagesAsync(NpgsqlDataSource database)
    {
        await ExecuteAsync(database, RawTable);
        using var log = new PostgresLog(database, TimeProvider.System, NullLogger<PostgresLog>.Instance);
        var began = Stopwatch.GetTimestamp();
        await using var writing = await database.OpenConnectionAsync();
        for (
            var at = LogPosition.Start;
            await log.ReadAllAsync(at, 20_000, CancellationToken.None) is { Count: > 0 } page;
            at = page[^1].Position
        )
        {
            await using var copy = await writing.BeginBinaryImportAsync("copy raw.event from stdin (format binary)");
            foreach (var (record, _) in page)
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(record.Stream, NpgsqlDbType.Text);
                await copy.WriteAsync(record.Version, NpgsqlDbType.Bigint);
                await copy.WriteAsync(record.Type, NpgsqlDbType.Text);
                await copy.WriteAsync(record.OccurredAt, NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(record.RecordedAt, NpgsqlDbType.TimestampTz);
            }
            await copy.CompleteAsync();
        }
        return Stopwatch.GetElapsedTime(began);
    }

    /// <summary>The least there is to do: one query over the table, its columns looked at, and the same rows in one COPY.</summary>
    private static async Task<TimeSpan> CopyAsync(NpgsqlDataSource database)
    {
        await ExecuteAsync(database, RawTable);
        var began = Stopwatch.GetTimestamp();
        await using var reading = await database.OpenConnectionAsync();
        await using var writing = await database.OpenConnectionAsync();
        // In the order of the index, which is the one of the pages: no sort of the whole table.
        await using (var plan = new NpgsqlCommand("set enable_sort = off; set max_parallel_workers_per_gather = 0", reading))
            await plan.ExecuteNonQueryAsync();
        await using var command = new NpgsqlCommand(
            """
            select stream, version, event_id, type, data::text, metadata::text, occurred_at, recorded_at, hash
            from ledger.event order by position
            """,
            reading
        );
        await using var reader = await command.ExecuteReaderAsync();
        await using var copy = await writing.BeginBinaryImportAsync("copy raw.event from stdin (format binary)");
        var read = 0L;
        while (await reader.ReadAsync())
        {
            var (stream, version, type) = (reader.GetString(0), reader.GetInt64(1), reader.GetString(3));
            read +=
                reader.GetGuid(2).Version
                + reader.GetString(4).Length
                + reader.GetString(5).Length
                + reader.GetFieldValue<byte[]>(8).Length;
            await copy.StartRowAsync();
            await copy.WriteAsync(stream, NpgsqlDbType.Text);
            await copy.WriteAsync(version, NpgsqlDbType.Bigint);
            await copy.WriteAsync(type, NpgsqlDbType.Text);
            await copy.WriteAsync(reader.GetDateTime(6), NpgsqlDbType.TimestampTz);
            await copy.WriteAsync(reader.GetDateTime(7), NpgsqlDbType.TimestampTz);
        }
        await copy.CompleteAsync();
        return Stopwatch.GetElapsedTime(began);
    }

    private async Task ReportAsync(string folder, NpgsqlDataSource database)
    {
        var plain = new PlainReports(database);
        await plain.FillAsync();
        await using var service = await ServiceProcess.StartAsync(["--data", folder]);
        using var client = new HttpClient { BaseAddress = new Uri(service.Url, "/api/v1/"), Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.Add("X-Actor", "supervisor:bench");
        var ids = new List<string>();
        await using (var command = database.CreateCommand("select agent_id from presence_v3.agent order by agent_id"))
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync())
                ids.Add(reader.GetString(0));
        var thousand = ids.Take(1000).ToArray();
        DateTimeOffset asOf = new(
            await ScalarAsync<DateTime>(database, "select as_of from read.read_model where name = 'presence' and place = 'live'")
        );

        Say(
            "\n| report | rows | service: first byte, total | plain SQL: first byte, total | ratio of totals | plain SQL of the time by status alone |\n"
                + "|---|---|---|---|---|---|\n"
        );
        await RowAsync("1,000 agents by hour", Bucket.Hour, string.Join(',', thousand), Only(thousand));
        await RowAsync($"{ids.Count:N0} agents by day", Bucket.Day, null, "select agent_id from presence_v3.agent");
        await RowAsync("one agent by 15 minutes", Bucket.Quarter, thousand[^1], Only(thousand[^1..]));
        await RealTimeAsync("real-time, the summary and the first 100 rows", "reports/real-time/agents?limit=100");
        await RealTimeAsync("real-time, the summary and 1,000 rows", "reports/real-time/agents?limit=1000");
        Say(
            "\nPlain SQL has 512 MB of working memory and no JIT; where it takes longer than 30 s it ran once. The last column is the least that "
                + "can be asked of it: one table of the five, one metric.\n"
        );

        async Task RowAsync(string what, Bucket bucket, string? agents, string sql)
        {
            var url =
                $"reports/historical/agents?format=csv&from={From:yyyy-MM-ddTHH:mm:ssZ}&to={To:yyyy-MM-ddTHH:mm:ssZ}&bucket={bucket.Name}"
                + (agents is null ? "" : "&agents=" + agents);
            List<Fetched> ours = [];
            List<Fetched> theirs = [];
            List<Fetched> least = [];
            for (var round = 0; round < Rounds; round++)
            {
                ours.Add(await FetchAsync(url));
                // Once is enough of what takes minutes.
                if (round == 0 || theirs[0].Total < Patience)
                    theirs.Add(await plain.RunAsync(sql, From, To, asOf, bucket));
                least.Add(await plain.RunStatusesAsync(sql, From, To, asOf, bucket));
                await Console.Error.WriteLineAsync($"{what}: {ours[^1]} {theirs[^1]} {least[^1]}");
            }
            var (mine, other) = (Middle(ours), Middle(theirs));
            Say(
                $"| {what}, {Days} days | {mine.Lines - 1:N0} | {mine.FirstByte.TotalSeconds:0.00} s, {mine.Total.TotalSeconds:0.00} s "
                    + $"| {other.FirstByte.TotalSeconds:0.00} s, {other.Total.TotalSeconds:0.00} s | **{mine.Total / other.Total:0.00}** "
                    + $"| {Middle(least).Total.TotalSeconds:0.00} s |\n"
            );
        }

        async Task RealTimeAsync(string what, string url)
        {
            List<Fetched> ours = [];
            for (var round = 0; round < Rounds; round++)
                ours.Add(await FetchAsync(url));
            var mine = Middle(ours);
            Say($"| {what} | | {mine.FirstByte.TotalSeconds:0.00} s, {mine.Total.TotalSeconds:0.00} s | | | |\n");
        }

        async Task<Fetched> FetchAsync(string url)
        {
            var began = Stopwatch.GetTimestamp();
            using var answer = await client.GetAsync(url, HttpCompletionOption.ResponseHeadersRead);
            if (!answer.IsSuccessStatusCode)
                throw new InvalidOperationException($"{url}: {await answer.Content.ReadAsStringAsync()}");
            using var body = new StreamReader(await answer.Content.ReadAsStreamAsync());
            return await Fetched.ReadAsync(body, began);
        }

        static string Only(string[] ids) => $"select unnest('{{{string.Join(',', ids)}}}'::text[]) as agent_id";
    }

    private static Fetched Middle(List<Fetched> all) => all.OrderBy(f => f.Total).ElementAt(all.Count / 2);

    /// <summary>Runs a verb of the program; its last line.</summary>
    private async Task<string> RunAsync(params string[] arguments)
    {
        var began = Stopwatch.GetTimestamp();
        var start = new ProcessStartInfo("dotnet", [ServiceProcess.Program, .. arguments])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment = { ["DOTNET_gcServer"] = "1" }, // as ./run does
        };
        using var process = Process.Start(start)!;
        var last = "";
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            last = line.Trim().Length > 0 ? line : last;
            if (Counted().Match(line) is { Success: true } match)
                _progress.Add(
                    (
                        long.Parse(match.Groups[1].ValueSpan, NumberStyles.AllowThousands, CultureInfo.InvariantCulture),
                        Stopwatch.GetElapsedTime(began)
                    )
                );
        }
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? last : throw new InvalidOperationException($"{arguments[0]} ended with {process.ExitCode}: {last}");
    }

    private void Say(FormattableString text) => _section.Append(text.ToString(CultureInfo.InvariantCulture));

    private void Say(string text) => _section.Append(text);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Setting(string name, int usual) =>
        int.Parse(Environment.GetEnvironmentVariable(name) ?? Text(usual), CultureInfo.InvariantCulture);

    private static async Task<T> ScalarAsync<T>(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    [GeneratedRegex(@"([\d,]+) (?:of [\d,]+ )?events")]
    private static partial Regex Counted();
}
