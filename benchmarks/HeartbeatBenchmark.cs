using System.Diagnostics;
using System.Globalization;
using System.Text;
using PresenceLedger.Domain.Policies;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// Many agents who are signed in, against a service process: by HTTP one by one, then some of them silent, then in batches of a
/// gateway; and over SignalR. What it costs, whether anybody is lost who speaks, and how soon those are who do not.
/// </summary>
internal sealed class HeartbeatBenchmark : IBenchmark
{
    private const string NotAsAskedFor = "**Not as asked for:**";
    private const int OverHttp = 100_000;
    private const int OverHub = 10_000;
    private const int Lines = 128;
    private const int Batch = 500;
    private const int BatchLines = 8;
    private const int HubWorkers = 16;

    /// <summary>Of the agents over HTTP, one in so many falls silent.</summary>
    private const int SilentOneIn = 10;

    private static readonly Policy Policy = new();
    private static readonly TimeSpan Length = TimeSpan.FromMinutes(
        double.Parse(Environment.GetEnvironmentVariable("LEDGER_BENCH_MINUTES") ?? "10", CultureInfo.InvariantCulture)
    );

    /// <summary>For so long after the last deadline losses may come.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<Phase> _phases = [];
    private readonly List<Silence> _silences = [];
    private readonly List<string> _preparations = [];
    private readonly List<string> _remarks = [];
    private string _postgres = "";

    /// <inheritdoc />
    public string Name => "heartbeats";

    /// <inheritdoc />
    public async Task<string> RunAsync()
    {
        var load = Machine.Load();
        await RunOverHttpAsync();
        try
        {
            await RunOverHubAsync();
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or TimeoutException)
        {
            // What was measured before is worth telling.
            Expect(false, $"SignalR: {Short(e.Message)}");
        }
        return await SectionAsync(load);
    }

    private async Task RunOverHttpAsync()
    {
        await using var stand = await Stand.StartAsync();
        _postgres = await stand.PostgresVersionAsync();
        var fleet = new Fleet(OverHttp);
        var all = Enumerable.Range(0, fleet.Count);
        await RegisterAsync(stand, fleet);

        var beats = all.Select(n =>
                HttpConnection.Request(
                    "POST",
                    $"agents/{Fleet.AgentId(n)}/connections/{Fleet.ConnectionId(n)}/heartbeat",
                    "agent:" + Fleet.AgentId(n)
                )
            )
            .ToArray();
        await using (new Beating(stand.Url, fleet.Count, Lines, BeatAsync))
        {
            // Who is signed in sends heartbeats at once: it may take longer than the timeout until all are.
            await SignInAsync(all);
            await Task.Delay(Policy.HeartbeatInterval);
            await MeasureAsync(stand, fleet, "HTTP, one by one", 1, Length);

            int[] silent = [.. all.Where(n => n % SilentOneIn == 0)];
            var length = Policy.HeartbeatTimeout + Patience;
            var losses = await MeasureAsync(stand, fleet, $"{silent.Length:N0} of them silent", 1, length, silent);
            _silences.Add(
                new Silence($"{silent.Length:N0} silent, HTTP", silent, losses, n => fleet.LastSign[n] + Policy.HeartbeatTimeout)
            );
            await SignInAsync(silent);
        }

        var batches = all.Chunk(Batch)
            .Select(batch =>
                HttpConnection.Request(
                    "POST",
                    "heartbeats",
                    "service:gateway",
                    $$"""{"heartbeats":[{{string.Join(',', batch.Select(n => $$"""{"agentId":"{{Fleet.AgentId(n)}}","connectionId":"{{Fleet.ConnectionId(n)}}"}"""))}}]}"""
                )
            )
            .ToArray();
        await using (new Beating(stand.Url, batches.Length, BatchLines, BeatAllAsync))
        {
            await Task.Delay(Policy.HeartbeatInterval);
            await MeasureAsync(stand, fleet, $"in batches of {Batch}", Batch, Length / 5);
        }
        RemarkWarnings(stand);

        async ValueTask BeatAsync(HttpConnection line, int n, long due)
        {
            if (!fleet.Speaks[n])
                return;
            fleet.LastSign[n] = DateTimeOffset.UtcNow;
            await CallAsync(line, beats[n], due, fleet.Tally, status => status == 204);
        }

        ValueTask BeatAllAsync(HttpConnection line, int n, long due) =>
            CallAsync(
                line,
                batches[n],
                due,
                fleet.Tally,
                status => status == 200 && line.Body.Contains("\"unknown\":[]", StringComparison.Ordinal)
            );

        async Task SignInAsync(IEnumerable<int> agents)
        {
            var (began, count) = (Stopwatch.GetTimestamp(), 0);
            await stand.SendAsync(
                agents,
                n =>
                    HttpConnection.Request(
                        "POST",
                        $"agents/{Fleet.AgentId(n)}/sign-in",
                        "agent:" + Fleet.AgentId(n),
                        $$"""{"connectionId":"{{Fleet.ConnectionId(n)}}"}"""
                    ),
                n =>
                {
                    fleet.Speaks[n] = true;
                    Interlocked.Increment(ref count);
                }
            );
            Prepared("signed in over HTTP, while those before them sent heartbeats", count, began);
        }
    }

    private async Task RunOverHubAsync()
    {
        await using var stand = await Stand.StartAsync();
        var fleet = new Fleet(OverHub);
        await RegisterAsync(stand, fleet);

        var connections = new HubConnection?[fleet.Count];
        using var stop = new CancellationTokenSource();
        var beating = Pace.RunAsync(
            fleet.Count,
            Policy.HeartbeatInterval,
            HubWorkers,
            (_, n, due) =>
            {
                if (connections[n] is not { } connection)
                    return ValueTask.CompletedTask;
                if (!fleet.Speaks[n])
                    return connection.PingAsync();
                fleet.LastSign[n] = DateTimeOffset.UtcNow;
                return connection.BeatAsync(due);
            },
            stop.Token
        );
        try
        {
            var began = Stopwatch.GetTimestamp();
            await Parallel.ForEachAsync(
                Enumerable.Range(0, fleet.Count),
                new ParallelOptions { MaxDegreeOfParallelism = 64 },
                async (n, _) =>
                {
                    connections[n] = await HubConnection.SignInAsync(stand.Url, Fleet.AgentId(n), Fleet.ConnectionId(n), () => fleet.Tally);
                    fleet.Speaks[n] = true;
                }
            );
            Prepared("connected to the hub and signed in over it", fleet.Count, began);
            await Task.Delay(Policy.HeartbeatInterval);
            await MeasureAsync(stand, fleet, "SignalR", 1, Length);

            int[] silent = [.. Enumerable.Range(0, fleet.Count).Where(n => n % 2 == 0)];
            int[] broken = [.. Enumerable.Range(0, fleet.Count).Where(n => n % 2 == 1)];
            Array.Clear(fleet.Speaks);
            foreach (var n in broken)
            {
                connections[n]!.Break();
                connections[n] = null;
                fleet.LastSign[n] = DateTimeOffset.UtcNow;
            }
            await Task.Delay(Policy.HeartbeatTimeout + Patience);
            var losses = await stand.NewLossesAsync();
            _silences.Add(
                new Silence($"{silent.Length:N0} silent, SignalR", silent, losses, n => fleet.LastSign[n] + Policy.HeartbeatTimeout)
            );
            _silences.Add(new Silence($"{broken.Length:N0} broken, SignalR", broken, losses, n => fleet.LastSign[n] + Policy.RefreshGrace));
            RemarkWarnings(stand);
        }
        finally
        {
            await stop.CancelAsync();
            await beating;
            foreach (var connection in connections)
                connection?.Dispose();
        }
    }

    private async Task RegisterAsync(Stand stand, Fleet fleet)
    {
        var began = Stopwatch.GetTimestamp();
        await stand.SendAsync(
            Enumerable.Range(0, fleet.Count),
            n => HttpConnection.Request("PUT", "agents/" + Fleet.AgentId(n), "administrator:root", """{"units":100}""")
        );
        Prepared("registered over HTTP", fleet.Count, began);
    }

    private void Prepared(string what, int count, long began)
    {
        var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
        _preparations.Add($"{count:N0} agents were {what}, in {took:0} s ({count / took:N0}/s).");
        Console.Error.WriteLine(_preparations[^1]);
    }

    private static async ValueTask CallAsync(HttpConnection line, byte[] request, long due, Tally tally, Func<int, bool> expected)
    {
        tally.Sent.TakeSince(due);
        try
        {
            var status = await line.SendAsync(request);
            if (expected(status))
                tally.Answered.TakeSince(due);
            else
                tally.TakeWrong(status.ToString(CultureInfo.InvariantCulture), line.Body);
        }
        catch (IOException e)
        {
            tally.TakeWrong("connection", e.Message);
        }
    }

    /// <summary>Measures for a while; the losses since the while before it, those in between included.</summary>
    /// <param name="stand">The service.</param>
    /// <param name="fleet">The agents.</param>
    /// <param name="name">What the while is called.</param>
    /// <param name="each">How many heartbeats are in a call.</param>
    /// <param name="length">How long it is.</param>
    /// <param name="silent">Who falls silent when it begins.</param>
    private async Task<IReadOnlyList<Loss>> MeasureAsync(
        Stand stand,
        Fleet fleet,
        string name,
        int each,
        TimeSpan length,
        int[]? silent = null
    )
    {
        var grants = stand.Grants;
        foreach (var n in silent ?? [])
            fleet.Speaks[n] = false;
        var before = fleet.Take();
        Expect(before.Wrong.Count == 0, $"Before “{name}”: {Said(before)}");
        var watch = stand.Watch();
        await Task.Delay(length);
        var usage = await watch.StopAsync();
        var tally = fleet.Take();
        Expect(tally.Wrong.Count == 0, $"{name}: {Said(tally)}");
        var mayBeLost = (silent ?? []).ToHashSet();
        var losses = await stand.NewLossesAsync();
        var lost = losses.Count(loss => !mayBeLost.Contains(loss.Agent));
        var phase = new Phase(name, fleet.Speaks.Count(s => s), each, usage, tally, lost, stand.Grants - grants);
        _phases.Add(phase);
        await Console.Error.WriteLineAsync(
            $"{name}: {phase.PerSecond:N0} heartbeats/s, service {usage.Service:0.00} cores, PostgreSQL {usage.Postgres:0.00}, "
                + $"generator {usage.Own:0.00}, others {usage.Others:0.00}; {lost} false losses; {Said(tally)}"
        );
        return losses;
    }

    private static string Said(Tally tally) =>
        tally.Wrong.Count == 0
            ? "no wrong answers"
            : string.Join(
                "; ",
                tally
                    .Wrong.OrderBy(w => w.Key, StringComparer.Ordinal)
                    .Select(w => $"{w.Key}: {w.Value.Count:N0}, first: {Short(w.Value.First)}")
            );

    private void RemarkWarnings(Stand stand)
    {
        if (stand.Warnings is [var first, ..] and { Count: var count })
            _remarks.Add($"The service warned {count:N0} times, first: {Short(first)}");
    }

    private void Expect(bool met, string otherwise)
    {
        if (!met)
            _remarks.Add($"{NotAsAskedFor} {otherwise}");
    }

    /// <summary>What somebody else said, on one line.</summary>
    private static string Short(string said) => (said.Length > 300 ? said[..300] + "…" : said).ReplaceLineEndings(" ");

    private async Task<string> SectionAsync(string load)
    {
        var text = new StringBuilder();
        text.AppendLine(
            $"""
            {DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.
            PostgreSQL {_postgres}, brought along, on {await Machine.DescribeDiskAsync(Path.GetTempPath())}.
            Load of the machine before the first run: {load}. Service, PostgreSQL and generator share the machine.

            """
        );
        foreach (var preparation in _preparations)
            text.AppendLine($"- {preparation}");
        text.AppendLine();

        Table(
            text,
            "",
            _phases,
            p => p.Name,
            ("length", "", p => (true, Minutes(p.Usage.Elapsed))),
            ("heartbeats answered per second, of those due", "all", p => (p.PerSecond > 0.99 * p.Due, $"{p.PerSecond:N0} of {p.Due:N0}")),
            ("answers other than the one expected", "0", p => (p.Wrong == 0, $"{p.Wrong:N0}")),
            ("agents lost who were not silent", "0", p => (p.FalseLosses == 0, $"{p.FalseLosses:N0}")),
            ("full timeouts granted after a standstill", "0", p => (p.Grants == 0, $"{p.Grants}")),
            ("service, cores", "under 1", p => (p.Usage.Service < 1, $"{p.Usage.Service:0.00}")),
            ("PostgreSQL, cores", "", p => (true, $"{p.Usage.Postgres:0.00}")),
            ("generator, cores", "", p => (true, $"{p.Usage.Own:0.00}")),
            ("whoever else is on the machine, cores", "", p => (true, $"{p.Usage.Others:0.00}")),
            ("service, processor time for each heartbeat", "", p => (true, $"{p.Microseconds:0} µs")),
            ("service, largest resident memory", "under 1,024 MiB", p => (p.Usage.ServiceMemory < 1L << 30, MiB(p.Usage.ServiceMemory))),
            ("service, largest since it started", "", p => (true, MiB(p.Usage.ServicePeak))),
            ("PostgreSQL, memory (Pss) at the end", "", p => (true, MiB(p.Usage.PostgresMemory))),
            ("sent after it was due, p50, p99", "", p => (true, Milliseconds(p.Tally.Sent))),
            ("answered after it was due, p50, p99", "", p => (true, Milliseconds(p.Tally.Answered)))
        );
        Table(
            text,
            "losses",
            _silences,
            s => s.Name,
            ("in the ledger", "all", s => (s.Missing == 0, $"{s.Agents - s.Missing:N0} of {s.Agents:N0}")),
            ("more than once", "0", s => (s.Repeated == 0, $"{s.Repeated:N0}")),
            ("detected after the deadline, p50", "", s => (true, Seconds(s.Lateness, 0.5))),
            (
                "detected after the deadline, p99",
                "at most 2 s",
                s => (s.Lateness is [_, ..] && Measure.Percentile(s.Lateness, 0.99) <= 2, Seconds(s.Lateness, 0.99))
            ),
            ("detected after the deadline, longest", "", s => (true, Seconds(s.Lateness, 1))),
            ("after the deadline by the generator's clock, p99", "", s => (true, Seconds(s.ByOwnClock, 0.99))),
            ("after the deadline by the generator's clock, longest", "", s => (true, Seconds(s.ByOwnClock, 1)))
        );

        if (_phases is [var single, _, var batched, ..])
        {
            var inBatch = single.Microseconds / batched.Microseconds;
            var together = single.Usage.Service + single.Usage.Postgres + single.Usage.Own;
            var (cores, most) = (Environment.ProcessorCount, Environment.ProcessorCount / together);
            text.AppendLine(
                $"""
                A heartbeat by itself costs the service {inBatch:0.0} times as much processor time as one in a batch. One by one, service,
                PostgreSQL and generator take {together:0.00} of the {cores} cores together, which are the limit, at about {most:0.0} times as many.
                """
            );
            if (_phases is [_, _, _, var hub])
            {
                var overHub = hub.Microseconds / single.Microseconds;
                text.AppendLine(
                    $"One over SignalR, with the connection held open for it, costs {overHub:0.0} times as much as one by itself."
                );
            }
            text.AppendLine();
        }
        if (!_remarks.Exists(remark => remark.StartsWith(NotAsAskedFor, StringComparison.Ordinal)))
            text.AppendLine("Everything is as asked for.");
        foreach (var remark in _remarks)
            text.AppendLine($"- {remark}");
        return text.ToString();
    }

    /// <summary>A table with a column for each thing measured, what is asked for beside it, and what is not met in bold.</summary>
    private void Table<T>(
        StringBuilder text,
        string corner,
        IReadOnlyList<T> columns,
        Func<T, string> name,
        params (string Name, string Asked, Func<T, (bool Met, string Shown)> Cell)[] rows
    )
    {
        text.AppendLine($"| {corner} | asked for | {string.Join(" | ", columns.Select(name))} |");
        text.AppendLine($"|---|---|{string.Concat(columns.Select(_ => "---|"))}");
        foreach (var row in rows)
        {
            text.Append($"| {row.Name} | {row.Asked} |");
            foreach (var column in columns)
            {
                var (met, shown) = row.Cell(column);
                Expect(met, $"{name(column)}: {row.Name}: {shown}, asked for: {row.Asked}.");
                text.Append(met ? $" {shown} |" : $" **{shown}, not met** |");
            }
            text.AppendLine();
        }
        text.AppendLine();
    }

    private static string Minutes(TimeSpan length) =>
        length < TimeSpan.FromMinutes(3) ? $"{length.TotalSeconds:0} s" : $"{length.TotalMinutes:0.#} min";

    private static string MiB(long bytes) => $"{bytes >> 20:N0} MiB";

    private static string Milliseconds(Spread spread) => $"{spread.Percentile(0.5):0.0} ms, {spread.Percentile(0.99):0.0} ms";

    private static string Seconds(double[] sorted, double part) => sorted is [] ? "none" : $"{Measure.Percentile(sorted, part):0.00} s";

    /// <summary>What was measured in a while.</summary>
    private sealed record Phase(string Name, int Agents, int Each, Usage Usage, Tally Tally, int FalseLosses, int Grants)
    {
        public double Due => Agents / Policy.HeartbeatInterval.TotalSeconds;

        public double PerSecond => (double)Tally.Answered.Count * Each / Usage.Elapsed.TotalSeconds;

        public double Microseconds => 1e6 * Usage.Service / PerSecond;

        public int Wrong => Tally.Wrong.Sum(w => w.Value.Count);
    }

    /// <summary>What became of agents who fell silent; lateness in seconds, sorted.</summary>
    private sealed record Silence(string Name, int Agents, int Missing, int Repeated, double[] Lateness, double[] ByOwnClock)
    {
        public Silence(string name, int[] agents, IReadOnlyList<Loss> losses, Func<int, DateTimeOffset> deadline)
            : this(name, agents.Length, 0, 0, [], [])
        {
            var ofAgent = losses.ToLookup(loss => loss.Agent);
            var first = agents.SelectMany(n => ofAgent[n].Take(1)).ToArray();
            Missing = agents.Length - first.Length;
            Repeated = agents.Count(n => ofAgent[n].Skip(1).Any());
            Lateness = [.. first.Select(loss => (loss.DetectedAt - loss.Deadline).TotalSeconds).Order()];
            ByOwnClock = [.. first.Select(loss => (loss.DetectedAt - deadline(loss.Agent)).TotalSeconds).Order()];
        }
    }

    /// <summary>Connections over which requests are sent, each at its time, until it is disposed.</summary>
    private sealed class Beating : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly HttpConnection[] _lines;
        private readonly Task _pace;

        public Beating(Uri url, int count, int lines, Func<HttpConnection, int, long, ValueTask> beat)
        {
            _lines = [.. Enumerable.Range(0, lines).Select(_ => new HttpConnection(url))];
            _pace = Pace.RunAsync(count, Policy.HeartbeatInterval, lines, (line, n, due) => beat(_lines[line], n, due), _stop.Token);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _pace;
            foreach (var line in _lines)
                line.Dispose();
            _stop.Dispose();
        }
    }
}
