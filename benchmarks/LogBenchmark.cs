using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// The log through its port: appends, reads and subscriptions with the adapter of PostgreSQL, and beside it, in turn, that of
/// EventStoreDB where the environment names a server.
/// </summary>
internal sealed class LogBenchmark : IBenchmark
{
    private const string Postgres = "PostgreSQL";
    private const string EventStore = "EventStoreDB";
    private const string Raw = "raw";
    private const int ManyWriters = 64;
    private const int BatchWriters = 4;
    private const int Batch = 500;
    private const int Page = 1000;
    private const int History = 200 * Batch;
    private const int Deliveries = 300;

    private static readonly DateTimeOffset Time = new(2026, 3, 29, 1, 59, 59, 999, TimeSpan.Zero);

    private static readonly string Data = WireNames.Write(
        new PresenceChanged(
            new StandingStatus(BuiltInStatuses.Busy.Id, BaseStatus.Busy, Origin.Capacity),
            new StandingStatus("away-lunch", BaseStatus.Away, Origin.Manual),
            Follows: null,
            Capacity: null
        )
    );

    private static readonly string Metadata = LedgerJson.Write(
        new EventMetadata(new Actor(Persona.Agent, "ana"), Guid.CreateVersion7(Time), Guid.CreateVersion7(Time).ToString("N"), 12, "MAN-1")
    );

    private static readonly byte[] Hash = HashChain.Hash(HashChain.Genesis, "", 0, Guid.Empty, "", Data, Metadata, Time, Time);

    /// <inheritdoc />
    public string Name => "log";

    /// <inheritdoc />
    public async Task<string> RunAsync()
    {
        await using var database = await Node.CreateDatabaseAsync();
        await using var postgres = await StoreOf.PostgresAsync(database);
        await using var eventStore = TestEventStore.Named is { } named ? await StoreOf.EventStoreDbAsync(database, named) : null;
        StoreOf[] stores = eventStore is null ? [postgres] : [postgres, eventStore];
        var load = Machine.Load();

        // Reading comes first, while nothing but what is to be read has been written.
        foreach (var store in stores)
            await store.FillAsync();
        var page = string.Create(CultureInfo.InvariantCulture, $"{Page:N0}");
        List<Row> rows =
        [
            await RowAsync(
                $"read all, in pages of {page}",
                Shown.Rate,
                "67,000/s",
                stores,
                store => Measure.ToTheEndAsync(store.ReadAllAsync),
                () => Measure.ToTheEndAsync(() => RawReadAsync(database))
            ),
            await RowAsync(
                "subscribe from the start, to caught up",
                Shown.Rate,
                "66,500/s; with a filter by prefix, as ours has, 56,700/s",
                stores,
                store => Measure.ToTheEndAsync(store.CatchUpAsync)
            ),
            await RowAsync(
                "append one event, one writer",
                Shown.Both,
                "606/s, p50 1.2 ms",
                stores,
                store => store.AppendAsync(1, 1, keys: false),
                () => RawInsertAsync(database)
            ),
            await RowAsync("append one event, 8 writers", Shown.Both, "", stores, store => store.AppendAsync(8, 1, keys: false)),
            await RowAsync(
                "append one event, 8 writers on each of two nodes",
                Shown.Both,
                "",
                stores,
                store => store.AppendAsync(2 * 8, 1, keys: false, onTwoNodes: true)
            ),
            await RowAsync(
                $"append one event, {ManyWriters / 2} writers on each of two nodes",
                Shown.Both,
                "",
                stores,
                store => store.AppendAsync(ManyWriters, 1, keys: false, onTwoNodes: true)
            ),
            await RowAsync(
                $"append one event, {ManyWriters} writers",
                Shown.Both,
                "10,200/s, p50 5 ms",
                stores,
                store => store.AppendAsync(ManyWriters, 1, keys: false)
            ),
            await RowAsync(
                $"append one event with an idempotency key, {ManyWriters} writers",
                Shown.Both,
                "",
                stores,
                store => store.AppendAsync(ManyWriters, 1, keys: true)
            ),
            await RowAsync(
                $"append {Batch} events, {BatchWriters} writers",
                Shown.Rate,
                "63,000/s",
                stores,
                store => store.AppendAsync(BatchWriters, Batch, keys: false)
            ),
            await RowAsync(
                "append to live delivery, same node",
                Shown.Latency,
                "p50 1.0 ms, p99 4.9 ms",
                stores,
                store => store.DeliverAsync(store.Log)
            ),
            await RowAsync("append to live delivery, another node", Shown.Latency, "", stores, store => store.DeliverAsync(store.Other)),
        ];

        var text = new StringBuilder();
        var size = Encoding.UTF8.GetByteCount(Data) + Encoding.UTF8.GetByteCount(Metadata);
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"""
            {DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.
            PostgreSQL {await postgres.VersionAsync()}, brought along, on {await Machine.DescribeDiskAsync(Path.GetTempPath())}.
            EventStoreDB: {(eventStore is null ? "no server named" : await eventStore.VersionAsync())}.
            Load of the machine before the first run: {load}. Events of {size} bytes (data and metadata). Rates are events per second: the median of
            {Measure.Rounds} runs (least–most) after one to warm up; latencies are over all of these runs. The ratio is the median of the runs' ratios.

            | | PostgreSQL | its raw limit | EventStoreDB | EventStoreDB / PostgreSQL | published figures of the official client on a similar machine |
            |---|---|---|---|---|---|
            """
        );
        foreach (var row in rows)
            text.AppendLine(row.Results());
        text.AppendLine(
            """

            What limits: how busy all processors of the machine were in each row, and in brackets the part of it that was the client, this
            process; the rest is the server, the kernel, and whoever else is on the machine.

            | | PostgreSQL | its raw limit | EventStoreDB |
            |---|---|---|---|
            """
        );
        foreach (var row in rows)
            text.AppendLine(row.Limits());
        return text.ToString();
    }

    private static async Task<Row> RowAsync(
        string name,
        Shown shown,
        string published,
        IEnumerable<StoreOf> stores,
        Func<StoreOf, Task<Run>> work,
        Func<Task<Run>>? raw = null
    )
    {
        List<(string, Func<Task<Run>>)> contenders = [.. stores.Select(s => (s.Name, (Func<Task<Run>>)(() => work(s))))];
        if (raw is not null)
            contenders.Add((Raw, raw));
        return new Row(name, shown, published, await Measure.InTurnAsync(name, contenders));
    }

    /// <summary>What an append to PostgreSQL can be at best: a row, and a transaction, into a table without an index, on one connection.</summary>
    private static async Task<Run> RawInsertAsync(TestDatabase database)
    {
        await using var connection = new NpgsqlConnection(database.SuperuserConnectionString);
        await connection.OpenAsync();
        await using (
            var create = new NpgsqlCommand(
                """
                drop table if exists raw;
                create table raw (stream text, version bigint, event_id uuid, type text, data json, metadata json,
                    occurred_at timestamptz, recorded_at timestamptz, hash bytea)
                """,
                connection
            )
        )
            await create.ExecuteNonQueryAsync();
        await using var insert = new NpgsqlCommand("insert into raw values ($1, $2, $3, $4, $5::json, $6::json, $7, $8, $9)", connection);
        for (var n = 0; n < 9; n++)
            insert.Parameters.Add(new NpgsqlParameter());
        var version = -1L;
        return await Measure.WritersAsync(
            1,
            1,
            async _ =>
            {
                var e = Event("raw", ++version);
                object[] values = [e.Stream, e.Version, e.EventId, e.Type, e.Data, e.Metadata, e.OccurredAt, e.RecordedAt, e.Hash];
                for (var n = 0; n < values.Length; n++)
                    insert.Parameters[n].Value = values[n];
                if (version == 0)
                    await insert.PrepareAsync();
                await insert.ExecuteNonQueryAsync();
            }
        );
    }

    /// <summary>What reading from PostgreSQL can be at best: one statement for all rows, in whatever order they lie.</summary>
    private static async Task<long> RawReadAsync(TestDatabase database)
    {
        await using var connection = new NpgsqlConnection(database.SuperuserConnectionString);
        await connection.OpenAsync();
        await using var select = new NpgsqlCommand(
            """
            select position, stream, version, event_id, type, data::text, metadata::text, occurred_at, recorded_at, hash
            from ledger.event
            """,
            connection
        );
        await using var reader = await select.ExecuteReaderAsync();
        var count = 0L;
        var row = new object[reader.FieldCount];
        for (; await reader.ReadAsync(); count++)
            reader.GetValues(row);
        return count;
    }

    private static EventRecord Event(string name, long version) =>
        new(StreamNames.Agent(name), version, Guid.CreateVersion7(), "presence-changed.v1", Data, Metadata, Time, Time, Hash);

    private static Commit Commit(string name, long expectedVersion, int count, RecordedAnswer? answer = null) =>
        new(
            [
                new StreamAppend(
                    StreamNames.Agent(name),
                    expectedVersion,
                    [.. Enumerable.Range(0, count).Select(n => Event(name, expectedVersion + 1 + n))]
                ),
            ],
            answer
        );

    private static string NewName() => Guid.NewGuid().ToString("N");

    private enum Shown
    {
        Rate,
        Latency,
        Both,
    }

    private sealed record Row(string Name, Shown Shown, string Published, Dictionary<string, Runs> Runs)
    {
        public string Results() =>
            $"| {Name} | {Result(Postgres)} | {(Runs.ContainsKey(Raw) ? Result(Raw) : "")} | {Result(EventStore)} | {Ratio()} | {Published} |";

        public string Limits() => $"| {Name} | {Limit(Postgres)} | {(Runs.ContainsKey(Raw) ? Limit(Raw) : "")} | {Limit(EventStore)} |";

        private string Result(string contender) =>
            !Runs.TryGetValue(contender, out var runs) ? "no server named"
            : Shown is Shown.Rate ? runs.Rate
            : Shown is Shown.Latency ? runs.Latency
            : $"{runs.Rate}, {runs.Latency}";

        private string Limit(string contender) =>
            Runs.TryGetValue(contender, out var runs)
                ? string.Create(CultureInfo.InvariantCulture, $"{100 * runs.Busy:0} % ({100 * runs.Own:0} %)")
                : "no server named";

        private string Ratio()
        {
            if (!Runs.TryGetValue(EventStore, out var there))
                return "no server named";
            var here = Runs[Postgres];
            return Shown is Shown.Latency
                ? string.Create(CultureInfo.InvariantCulture, $"p50 {there.Percentile(0.5) / here.Percentile(0.5):0.00}")
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Measure.Median(there.All.Zip(here.All, (t, h) => t.PerSecond / h.PerSecond)):0.00}"
                );
        }
    }

    /// <summary>A log that is measured, by two nodes.</summary>
    private sealed class StoreOf : IAsyncDisposable
    {
        private readonly List<NpgsqlDataSource> _databases = [];
        private readonly Func<Task<string>> _version;
        private LogPosition _start;

        private StoreOf(string name, TestDatabase database, Func<NpgsqlDataSource, ILog> open, Func<Task<string>> version)
        {
            Name = name;
            _version = version;
            Log = Open();
            Other = Open();

            ILog Open()
            {
                _databases.Add(Serving.DataSource(database.ServiceConnectionString));
                return open(_databases[^1]);
            }
        }

        public string Name { get; }

        public ILog Log { get; }

        public ILog Other { get; }

        public static Task<StoreOf> PostgresAsync(TestDatabase database) =>
            StartAsync(
                new StoreOf(
                    Postgres,
                    database,
                    source => new PostgresLog(source, TimeProvider.System, NullLogger<PostgresLog>.Instance),
                    async () =>
                    {
                        await using var connection = new NpgsqlConnection(database.ServiceConnectionString);
                        await connection.OpenAsync();
                        return connection.ServerVersion;
                    }
                )
            );

        public static Task<StoreOf> EventStoreDbAsync(TestDatabase database, string connectionString)
        {
            // The server may hold other data.
            var choice = new EventStoreDbChoice(EventStoreDbSettings.Parse(connectionString), $"bench-{NewName()}-");
            return StartAsync(
                new StoreOf(
                    EventStore,
                    database,
                    source => new EventStoreDbLog(
                        choice,
                        new AnswerClaims(source, TimeProvider.System),
                        TimeProvider.System,
                        NullLogger<EventStoreDbLog>.Instance
                    ),
                    () => VersionAsync(choice.Settings)
                )
            );
        }

        public Task<string> VersionAsync() => _version();

        /// <summary>Writes what is to be read: of many agents, as it would be.</summary>
        public async Task FillAsync()
        {
            // Where this begins; what a server held before is not measured.
            _start = (await Log.AppendAsync(Commit(NewName(), -1, 1))).Position;
            for (var n = 0; n < History; n += Batch)
                await Task.WhenAll(Enumerable.Range(0, Batch / 10).Select(_ => Log.AppendAsync(Commit(NewName(), -1, 10))));
        }

        /// <summary>Appends for as long as a run is, each writer to a stream of its own.</summary>
        public Task<Run> AppendAsync(int writers, int events, bool keys, bool onTwoNodes = false)
        {
            var streams = Enumerable.Range(0, writers).Select(_ => NewName()).ToArray();
            var versions = Enumerable.Repeat(-1L, writers).ToArray();
            return Measure.WritersAsync(
                writers,
                events,
                async writer =>
                {
                    var answer = keys ? new RecordedAnswer(NewName(), Hash, Data, TimeProvider.System.Now()) : null;
                    var log = onTwoNodes && writer % 2 == 1 ? Other : Log;
                    var result = await log.AppendAsync(Commit(streams[writer], versions[writer], events, answer));
                    Expect(result.Verdict is AppendVerdict.Appended);
                    versions[writer] += events;
                }
            );
        }

        public async Task<long> ReadAllAsync()
        {
            var count = 0L;
            var position = _start;
            while (await Log.ReadAllAsync(position, Page, CancellationToken.None) is { Count: > 0 } page)
            {
                count += page.Count;
                position = page[^1].Position;
                if (page.Count < Page)
                    break;
            }
            Expect(count == History);
            return count;
        }

        public async Task<long> CatchUpAsync()
        {
            var count = 0L;
            await foreach (var page in Log.SubscribeAsync(_start, Page, CancellationToken.None))
                if ((count += page.Events.Count) >= History)
                    break;
            Expect(count == History);
            return count;
        }

        /// <summary>From the call of an append to when its event is in the hands of one who follows the log of a node.</summary>
        public async Task<Run> DeliverAsync(ILog node)
        {
            var name = NewName();
            var first = await Log.AppendAsync(Commit(name, -1, 1));
            var latencies = new List<double>(Deliveries);
            var delivered = new SemaphoreSlim(0);
            var came = 0L;
            using var stopped = new CancellationTokenSource();
            var following = Task.Run(async () =>
            {
                await foreach (var page in node.SubscribeAsync(first.Position, Page, stopped.Token))
                {
                    Volatile.Write(ref came, Stopwatch.GetTimestamp());
                    if (page.Events.Count > 0)
                        delivered.Release(page.Events.Count);
                }
            });
            var began = Stopwatch.GetTimestamp();
            for (var n = 0; n < Deliveries; n++)
            {
                // Now and then, as changes come; not as fast as they go.
                await Task.Delay(Random.Shared.Next(5, 16));
                var from = Stopwatch.GetTimestamp();
                await Log.AppendAsync(Commit(name, n, 1));
                Expect(await delivered.WaitAsync(TimeSpan.FromSeconds(30)));
                latencies.Add(Stopwatch.GetElapsedTime(from, Volatile.Read(ref came)).TotalMilliseconds);
            }
            var run = new Run(Deliveries, Stopwatch.GetElapsedTime(began), latencies);
            await stopped.CancelAsync();
            await following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return run;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var log in (ILog[])[Log, Other])
            {
                await ((IHostedService)log).StopAsync(CancellationToken.None);
                ((IDisposable)log).Dispose();
            }
            foreach (var source in _databases)
                await source.DisposeAsync();
        }

        private static async Task<StoreOf> StartAsync(StoreOf store)
        {
            await ((IHostedService)store.Log).StartAsync(CancellationToken.None);
            await ((IHostedService)store.Other).StartAsync(CancellationToken.None);
            return store;
        }

        private static async Task<string> VersionAsync(EventStoreDbSettings settings)
        {
            using var client = new HttpClient();
            try
            {
                var node = settings.Nodes[0];
                var info = await client.GetStringAsync(new UriBuilder(settings.Tls ? "https" : "http", node.Host, node.Port, "info").Uri);
                using var json = System.Text.Json.JsonDocument.Parse(info);
                return "version " + json.RootElement.GetProperty("esVersion").GetString();
            }
            catch (HttpRequestException)
            {
                return "version unknown";
            }
        }

        private static void Expect(bool holds)
        {
            if (!holds)
                throw new InvalidOperationException("The log has not done what was measured.");
        }
    }
}
