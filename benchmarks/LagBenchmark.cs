using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// Commands at a steady pace against a service process, and how long after the answer to a command the real-time report of that
/// agent has it: asked for by the position in the answer, so that what is timed ends with the numbers in the client's hands.
/// </summary>
internal sealed class LagBenchmark : IBenchmark
{
    private const int PerSecond = 1000;
    private const int Agents = 1000;
    private const int Workers = 32;
    private const int ProbesPerSecond = 20;
    private const int ProbeAgents = 40;

    private static readonly TimeSpan Length = TimeSpan.FromMinutes(
        double.Parse(Environment.GetEnvironmentVariable("LEDGER_BENCH_MINUTES") ?? "5", CultureInfo.InvariantCulture)
    );

    /// <inheritdoc />
    public string Name => "lag";

    /// <inheritdoc />
    public async Task<string> RunAsync()
    {
        var load = Machine.Load();
        await using var stand = await Stand.StartAsync();
        await stand.SendAsync(
            Enumerable.Range(0, Agents + ProbeAgents),
            n => HttpConnection.Request("PUT", "agents/" + Id(n), "administrator:bench", """{"units":100,"queues":["sales"]}""")
        );
        await stand.SendAsync(
            Enumerable.Range(0, Agents + ProbeAgents),
            n => HttpConnection.Request("POST", $"agents/{Id(n)}/sign-in", "agent:" + Id(n), """{"connectionId":"main"}""")
        );
        // Nobody is to be lost meanwhile.
        await stand.SendAsync([0], _ => HttpConnection.Request("PUT", "policy", "administrator:bench", """{"heartbeatTimeout":3600}"""));

        using var end = new CancellationTokenSource(Length);
        var connections = Array.ConvertAll(new int[Workers], _ => new HttpConnection(stand.Url));
        var steps = new int[Agents];
        var (sent, refused) = (0L, 0L);
        var waits = new List<double>();
        var late = new List<double>();
        var watch = stand.Watch();
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(
            Pace.RunAsync(
                PerSecond,
                TimeSpan.FromSeconds(1),
                Workers,
                async (worker, turn, due) =>
                {
                    var status = await connections[worker].SendAsync(Step(turn, steps[turn]++));
                    Interlocked.Increment(ref sent);
                    if (status is not 200)
                        Interlocked.Increment(ref refused);
                    lock (late)
                        late.Add(Stopwatch.GetElapsedTime(due).TotalMilliseconds);
                },
                end.Token
            ),
            ProbeAsync(stand.Url, waits, end.Token)
        );
        var elapsed = Stopwatch.GetElapsedTime(began);
        var used = await watch.StopAsync();
        foreach (var connection in connections)
            connection.Dispose();
        return Section(load, sent, refused, elapsed, [.. waits.Order()], [.. late.Order()], await stand.PostgresVersionAsync(), used);
    }

    /// <summary>A day in four commands, each of which changes presence: a chat accepted, closed; away; back.</summary>
    private static byte[] Step(int agent, int step) =>
        (step % 4) switch
        {
            0 => HttpConnection.Request(
                "PUT",
                $"agents/{Id(agent)}/conversations/c{step}",
                "service:bench",
                """{"units":40,"channel":"chat","queue":"sales","autoAccept":true}"""
            ),
            1 => HttpConnection.Request("POST", $"agents/{Id(agent)}/conversations/c{step - 1}/close", "service:bench"),
            2 => HttpConnection.Request("PUT", $"agents/{Id(agent)}/presence", "agent:" + Id(agent), """{"statusId":"away"}"""),
            _ => HttpConnection.Request("PUT", $"agents/{Id(agent)}/presence", "agent:" + Id(agent), """{"statusId":"available"}"""),
        };

    private static async Task ProbeAsync(Uri url, List<double> waits, CancellationToken ct)
    {
        using var client = new HttpClient { BaseAddress = new Uri(url, "/api/v1/") };
        client.DefaultRequestHeaders.Add("X-Actor", "supervisor:bench");
        await Pace.RunAsync(
            ProbesPerSecond,
            TimeSpan.FromSeconds(1),
            ProbesPerSecond,
            async (worker, turn, due) =>
            {
                var round = (int)(due / Stopwatch.Frequency) % 2;
                var agent = Id(Agents + (turn * 2) + round);
                var status = Random.Shared.Next(2) == 0 ? "away" : "busy";
                using var body = new StringContent($$"""{"statusId":"{{status}}"}""", Encoding.UTF8, "application/json");
                using var answer = await client.PutAsync($"agents/{agent}/presence", body, CancellationToken.None);
                answer.EnsureSuccessStatusCode();
                if (!answer.Headers.TryGetValues("Ledger-Position", out var position))
                    return;
                var answered = Stopwatch.GetTimestamp();
                using var request = new HttpRequestMessage(HttpMethod.Get, "reports/real-time/agents?agents=" + agent);
                request.Headers.Add("Ledger-Position", position.Single());
                using var report = await client.SendAsync(request, CancellationToken.None);
                using var read = JsonDocument.Parse(await report.Content.ReadAsStringAsync(CancellationToken.None));
                var shown = read.RootElement.GetProperty("items")[0].GetProperty("statusId").GetString();
                if (shown != status)
                    throw new InvalidOperationException($"The report says {shown}, the answer before it was to {status}.");
                lock (waits)
                    waits.Add(Stopwatch.GetElapsedTime(answered).TotalMilliseconds);
            },
            ct
        );
    }

    private static string Section(
        string load,
        long sent,
        long refused,
        TimeSpan elapsed,
        double[] waits,
        double[] late,
        string postgres,
        Usage used
    ) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.
            PostgreSQL {postgres}, brought along. Load of the machine before the first run: {load}.

            {sent
                / elapsed.TotalSeconds:N0} commands a second for {elapsed.TotalMinutes:0.#} minutes ({sent:N0}, of which {refused:N0} were refused),
            answered {Measure.Percentile(late, 0.5):0.0} ms after they were due at the median, {Measure.Percentile(
                late,
                0.99
            ):0.0} ms at the 99th percentile.
            Of {waits.Length:N0} of them beside, from the answer to the report that has it:

            | | asked for | |
            |---|---|---|
            | median | | {Measure.Percentile(waits, 0.5):0} ms |
            | 99th percentile | under 1,000 ms | **{Measure.Percentile(waits, 0.99):0} ms** |
            | longest | | {waits[^1]:0} ms |

            Cores: service {used.Service:0.00}, PostgreSQL {used.Postgres:0.00}.

            """
        );

    private static string Id(int n) => "agent-" + n.ToString("0000", CultureInfo.InvariantCulture);
}
