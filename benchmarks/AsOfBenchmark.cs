using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Embedded;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// The state of an agent with a hundred thousand events at random instants of years, over HTTP, with nothing of it in any memory; and what
/// it costs to keep the states that make it quick.
/// </summary>
internal sealed class AsOfBenchmark : IBenchmark
{
    private const int Questions = 1000;
    private const int Agents = 10;
    private static readonly int Days = int.Parse(
        Environment.GetEnvironmentVariable("LEDGER_BENCH_DAYS") ?? "1000",
        CultureInfo.InvariantCulture
    );

    /// <inheritdoc />
    public string Name => "as-of";

    /// <inheritdoc />
    public async Task<string> RunAsync()
    {
        var load = Machine.Load();
        var folder = Directory.CreateTempSubdirectory("presence-ledger-bench-").FullName;
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        try
        {
            return await MeasureAsync(folder, load);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> MeasureAsync(string folder, string load)
    {
        var section = new StringBuilder();
        Subject subject;
        TimeSpan replay;
        await using (var server = await StartAsync(folder))
        {
            await VerbAsync("simulate", "--data", folder, "--agents", $"{Agents}", "--days", $"{Days}", "--start", "2020-01-01");
            await using var database = Database(server);
            subject = await Subject.FindAsync(database);
            Say(
                $"""
                {DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.
                PostgreSQL {await ScalarAsync<string>(database, "show server_version")}, brought along, on {await Machine.DescribeDiskAsync(
                    folder
                )}.
                Load of the machine before the first run: {load}. Service, PostgreSQL and client share the machine.
                The ledger has {subject.OfAll:N0} events of {Agents} agents in {Days:N0} days; the one asked about, {subject.Events:N0}.

                | the read model is filled for the first time | events/s |
                |---|---|

                """
            );
            var took = await VerbAsync("rebuild", "--data", folder);
            Say($"| indexes and the start of the program included | {subject.OfAll / took.TotalSeconds:N0} |\n");
            // What an import leaves to be done once; the service would begin with it, beside the questions.
            await VerbAsync("seal", "--data", folder);
            var rows = await ScalarAsync<long>(database, "select count(*) from presence_v3.state");
            var kept = await ScalarAsync<long>(database, "select pg_total_relation_size('presence_v3.state')") / 1048576.0;
            var events = await ScalarAsync<long>(database, "select pg_total_relation_size('ledger.event')") / 1048576.0;
            Say($"\n{rows:N0} states are kept, {kept:N1} MiB with their indexes; the events, {events:N0} MiB.\n");
            replay = await ReplayAsync(database, subject);
        }
        // The server has stopped, and what the system has of its files in memory is let go.
        Forget(Path.Combine(folder, "postgres"));
        await using (var server = await StartAsync(folder))
        {
            await using var service = await ServiceProcess.StartAsync(["--data", folder]);
            using var client = new HttpClient { BaseAddress = new Uri(service.Url, "/api/v1/") };
            client.DefaultRequestHeaders.Add("X-Actor", "auditor:bench");
            // The program's own code is warm; not a row of the agent is.
            foreach (var at in subject.Instants(20, seed: 1))
                await AskAsync(client, subject.Other, at);
            var instants = subject.Instants(Questions, seed: 2);
            var answers = new List<string>();
            var cold = await AskAllAsync(client, subject.AgentId, instants, answers);
            var warm = await AskAllAsync(client, subject.AgentId, instants, null);
            await using var database = Database(server);
            await AssertAsync(database, subject, instants, answers);
            Say(
                $"""

                | {Questions:N0} random instants, one after another | p50 | p99 | longest | asked for |
                |---|---|---|---|---|
                | cold | {Measure.Percentile(cold, 0.5):0.0} ms | **{Measure.Percentile(cold, 0.99):0.0} ms** | {cold[
                    ^1
                ]:0.0} ms | p99 under 50 ms |
                | the same again | {Measure.Percentile(warm, 0.5):0.0} ms | {Measure.Percentile(warm, 0.99):0.0} ms | {warm[^1]:0.0} ms | |

                Each answer ends with the event that it should, by its hash. To read and fold all {subject.Events:N0} events of the agent,
                warm and without HTTP, takes {replay.TotalMilliseconds:N0} ms.

                """
            );
        }
        return section.ToString();

        void Say(FormattableString text) => section.Append(text.ToString(CultureInfo.InvariantCulture));
    }

    private static Task<EmbeddedPostgres> StartAsync(string folder) =>
        EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(folder), NullLogger.Instance, CancellationToken.None);

    private static NpgsqlDataSource Database(EmbeddedPostgres server) =>
        NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(server.ConnectionString(EmbeddedPostgres.Superuser, EmbeddedPostgres.Database))
            {
                CommandTimeout = 0,
                Pooling = false,
            }
        );

    private static async Task<double[]> AskAllAsync(HttpClient client, string agentId, DateTimeOffset[] instants, List<string>? answers)
    {
        var took = new List<double>();
        foreach (var at in instants)
        {
            var began = Stopwatch.GetTimestamp();
            var hash = await AskAsync(client, agentId, at);
            took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            answers?.Add(hash);
        }
        return [.. took.Order()];
    }

    private static async Task<string> AskAsync(HttpClient client, string agentId, DateTimeOffset at)
    {
        using var answer = await client.GetAsync($"agents/{agentId}/state?at={Instant.Format(at)}");
        var body = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException($"{at:O}: {body}");
        using var json = JsonDocument.Parse(body);
        return json.RootElement.GetProperty("hash").GetString()!;
    }

    /// <summary>What would be done without kept states: every event is read and folded.</summary>
    private static async Task<TimeSpan> ReplayAsync(NpgsqlDataSource database, Subject subject)
    {
        using var log = new PostgresLog(database, TimeProvider.System, NullLogger<PostgresLog>.Instance);
        var took = TimeSpan.MaxValue;
        for (var round = 0; round < 3; round++)
        {
            var began = Stopwatch.GetTimestamp();
            var agent = Agent.Unknown(subject.AgentId);
            while (await log.ReadStreamAsync(StreamNames.Agent(subject.AgentId), agent.Version + 1, 1000, default) is { Count: > 0 } page)
                agent = page.Aggregate(agent, (a, e) => a.Evolve((AgentEvent)WireNames.Read(e.Record)));
            var elapsed = Stopwatch.GetElapsedTime(began);
            took = elapsed < took ? elapsed : took;
        }
        return took;
    }

    private static async Task AssertAsync(NpgsqlDataSource database, Subject subject, DateTimeOffset[] instants, List<string> answers)
    {
        await using var connection = await database.OpenConnectionAsync();
        for (var n = 0; n < instants.Length; n++)
        {
            await using var command = new NpgsqlCommand(
                """
                select encode(hash, 'hex') from ledger.event where stream = $1 and version = (
                    select max(version) from ledger.event where stream = $1 and occurred_at <= $2
                )
                """,
                connection
            );
            command.Parameters.Add(new() { Value = StreamNames.Agent(subject.AgentId) });
            command.Parameters.Add(new() { Value = instants[n] });
            // A sample, for this reads all of the stream.
            if (n % 20 == 0 && (string)(await command.ExecuteScalarAsync())! != answers[n])
                throw new InvalidOperationException($"{instants[n]:O} was answered with another event.");
        }
    }

    /// <summary>Runs a verb of the program; how long it took.</summary>
    private static async Task<TimeSpan> VerbAsync(params string[] arguments)
    {
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(
            new ProcessStartInfo("dotnet", [ServiceProcess.Program, .. arguments])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var took = Stopwatch.GetElapsedTime(began);
        await Console.Error.WriteLineAsync($"{string.Join(' ', arguments)}: {took.TotalSeconds:0.0} s");
        return process.ExitCode == 0
            ? took
            : throw new InvalidOperationException($"{arguments[0]} ended with {process.ExitCode}: {output}");
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Lets the system forget what it has of files in memory.</summary>
    private static void Forget(string folder)
    {
        var all = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.None,
            IgnoreInaccessible = true,
        };
        foreach (var path in Directory.EnumerateFiles(folder, "*", all))
            try
            {
                using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                _ = posix_fadvise(file, 0, 0, DontNeed);
            }
            catch (IOException)
            {
                // A socket, or gone.
            }
    }

    private const int DontNeed = 4;

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int posix_fadvise(SafeFileHandle file, long offset, long length, int advice);

    /// <summary>The agent with the most events.</summary>
    private sealed record Subject(string AgentId, string Other, long Events, long OfAll, DateTimeOffset First, DateTimeOffset Last)
    {
        public static async Task<Subject> FindAsync(NpgsqlDataSource database)
        {
            await using var command = database.CreateCommand(
                """
                select substr(s.stream, 7), (select substr(min(stream), 7) from ledger.event where stream like 'agent-%' and stream <> s.stream),
                    s.version + 1, (select count(*) from ledger.event), f.occurred_at, l.occurred_at
                from ledger.event s
                join ledger.event f on f.stream = s.stream and f.version = 0
                join ledger.event l on l.stream = s.stream and l.version = s.version
                where s.stream like 'agent-%' order by s.version desc limit 1
                """
            );
            await using var reader = await command.ExecuteReaderAsync();
            await reader.ReadAsync();
            return new Subject(
                reader.GetString(0),
                reader.GetString(1),
                reader.GetInt64(2),
                reader.GetInt64(3),
                reader.GetFieldValue<DateTimeOffset>(4),
                reader.GetFieldValue<DateTimeOffset>(5)
            );
        }

        public DateTimeOffset[] Instants(int count, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).Select(_ => (First + (Last - First) * random.NextDouble()).ToMillisecond())];
        }
    }
}
