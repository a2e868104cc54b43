using System.Diagnostics;
using System.Globalization;
using Microsoft.Playwright;
using PresenceLedger.Testing;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// The wall of the dashboard with 10,000 agents while presence changes 200 times a second: what open walls cost the service, whether the
/// browser stays responsive, and how long after the answer to a command a page shows it.
/// </summary>
internal sealed class WallBenchmark : IBenchmark
{
    private const int PerSecond = 200;
    private const int Workers = 8;
    private const int Walls = 20;

    private static readonly int Agents = int.Parse(
        Environment.GetEnvironmentVariable("LEDGER_BENCH_AGENTS") ?? "10000",
        CultureInfo.InvariantCulture
    );

    private static readonly TimeSpan Length = TimeSpan.FromMinutes(
        double.Parse(Environment.GetEnvironmentVariable("LEDGER_BENCH_MINUTES") ?? "1", CultureInfo.InvariantCulture)
    );

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BetweenProbes = TimeSpan.FromMilliseconds(700);
    private static readonly string[] Statuses = ["away", "available", "busy", "available"];

    // Counts from the load of the page on; what was before the measurement is taken away then.
    private const string LongTasks =
        "globalThis.longTasks = []; new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask' });";

    private const string Shown =
        "([agent, status]) => new Promise((done) => { const look = () => document.querySelector(`tr[data-agent='${agent}']`)?.dataset.status === status ? done() : requestAnimationFrame(look); look(); })";

    /// <inheritdoc />
    public string Name => "wall";

    /// <inheritdoc />
    public async Task<string> RunAsync()
    {
        var load = Machine.Load();
        await using var stand = await Stand.StartAsync();
        await stand.SendAsync(
            Enumerable.Range(0, Agents),
            n =>
                HttpConnection.Request(
                    "PUT",
                    "agents/" + Id(n),
                    "administrator:bench",
                    $$"""{"displayName":"Agent {{n:00000}}","units":100,"queues":["queue-{{n % 12}}"],"skills":[{"skill":"skill-{{n % 7}}"}]}"""
                )
        );
        await stand.SendAsync([0], _ => HttpConnection.Request("PUT", "policy", "administrator:bench", """{"heartbeatTimeout":3600}"""));
        await stand.SendAsync(
            Enumerable.Range(0, Agents),
            n => HttpConnection.Request("POST", $"agents/{Id(n)}/sign-in", "agent:" + Id(n), """{"connectionId":"main"}""")
        );

        using var playwright = await Playwright.CreateAsync();
        var without = await PhaseAsync(stand, []);
        await using var browser = await playwright.Chromium.LaunchAsync(
            new() { ExecutablePath = ChromiumPath.Find(), Args = ["--no-sandbox"] }
        );
        var pages = new List<IPage> { await OpenAsync(browser, stand.Url) };
        var withOne = await PhaseAsync(stand, pages);
        while (pages.Count < Walls)
            pages.Add(await OpenAsync(browser, stand.Url));
        var withAll = await PhaseAsync(stand, pages);
        return Section(load, without, withOne, withAll, await stand.PostgresVersionAsync());
    }

    /// <summary>Opens a wall, in a profile of its own, and waits until it lists everybody.</summary>
    private static async Task<IPage> OpenAsync(IBrowser browser, Uri url)
    {
        var context = await browser.NewContextAsync(
            new()
            {
                ViewportSize = new() { Width = 1440, Height = 900 },
            }
        );
        await context.AddInitScriptAsync(LongTasks);
        var page = await context.NewPageAsync();
        await page.GotoAsync(new Uri(url, "/").ToString());
        await Assertions.Expect(page.Locator(".listed")).ToContainTextAsync($"{Agents} of {Agents}", new() { Timeout = 120_000 });
        await Assertions.Expect(page.Locator(".told")).ToHaveAttributeAsync("data-hearing", "live", new() { Timeout = 120_000 });
        return page;
    }

    private static async Task<Phase> PhaseAsync(Stand stand, IReadOnlyList<IPage> pages)
    {
        using var end = new CancellationTokenSource();
        var connections = Array.ConvertAll(new int[Workers], _ => new HttpConnection(stand.Url));
        var (sent, refused) = (0L, 0L);
        var steps = new int[Agents];
        var random = new Random(1);
        var changes = Pace.RunAsync(
            PerSecond,
            TimeSpan.FromSeconds(1),
            Workers,
            async (worker, _, _) =>
            {
                // Agent 0 is the probe's.
                int n;
                lock (random)
                    n = random.Next(1, Agents);
                var status = Statuses[steps[n]++ % Statuses.Length];
                var answer = await connections[worker]
                    .SendAsync(
                        HttpConnection.Request("PUT", $"agents/{Id(n)}/presence", "agent:" + Id(n), $$"""{"statusId":"{{status}}"}""")
                    );
                Interlocked.Increment(ref sent);
                if (answer is not 200)
                    Interlocked.Increment(ref refused);
            },
            end.Token
        );
        await Task.Delay(Settling);
        foreach (var page in pages)
            await page.EvaluateAsync("() => { longTasks.length = 0; }");
        Interlocked.Exchange(ref sent, 0);
        var watch = stand.Watch();
        var shown = pages.Count == 0 ? [] : await ProbeAsync(stand, pages);
        if (pages.Count == 0)
            await Task.Delay(Length);
        var usage = await watch.StopAsync();
        var longTasks = new List<double>();
        foreach (var page in pages)
            longTasks.AddRange(await page.EvaluateAsync<double[]>("() => longTasks"));
        var rate = Interlocked.Read(ref sent) / usage.Elapsed.TotalSeconds;
        await end.CancelAsync();
        await changes;
        foreach (var connection in connections)
            connection.Dispose();
        if (refused > 0)
            throw new InvalidOperationException($"{refused} changes were refused.");
        return new Phase(pages.Count, rate, usage, [.. longTasks.Order()], [.. shown.Order()]);
    }

    /// <summary>For as long as it is measured: somebody scrolls one page, and a command now and then is waited for in another.</summary>
    private static async Task<List<double>> ProbeAsync(Stand stand, IReadOnlyList<IPage> pages)
    {
        var (shown, began) = (new List<double>(), Stopwatch.GetTimestamp());
        using var connection = new HttpConnection(stand.Url);
        await pages[^1].Mouse.MoveAsync(700, 700);
        for (var turn = 0; Stopwatch.GetElapsedTime(began) < Length; turn++)
        {
            if (pages.Count > 1)
                await pages[^1].Mouse.WheelAsync(0, turn % 20 < 10 ? 1800 : -1800);
            var status = turn % 2 == 0 ? "away" : "available";
            var seen = pages[0].EvaluateAsync(Shown, new[] { Id(0), status });
            await connection.SendAsync(
                HttpConnection.Request("PUT", $"agents/{Id(0)}/presence", "agent:" + Id(0), $$"""{"statusId":"{{status}}"}""")
            );
            var answered = Stopwatch.GetTimestamp();
            await seen;
            shown.Add(Stopwatch.GetElapsedTime(answered).TotalMilliseconds);
            await Task.Delay(BetweenProbes);
        }
        return shown;
    }

    private static string Section(string load, Phase without, Phase withOne, Phase withAll, string postgres) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {DateTime.UtcNow:yyyy-MM-dd}, {Machine.Describe()}.
            PostgreSQL {postgres}, brought along. Load of the machine before the first run: {load}.
            {Agents:N0} agents; {withAll.PerSecond:N0} changes a second; each phase {Length.TotalMinutes:0.##} minutes. Service, PostgreSQL, generator and
            browser share the machine; cores are those that each took.

            | | asked for | no wall | one wall | {Walls} walls |
            |---|---|---|---|---|
            | changes a second | 200 | {without.PerSecond:N0} | {withOne.PerSecond:N0} | {withAll.PerSecond:N0} |
            | service, cores | | {without.Usage.Service:0.00} | {withOne.Usage.Service:0.00} | {withAll.Usage.Service:0.00} |
            | of it for walls | under 1 for {Walls} | | {withOne.Usage.Service - without.Usage.Service:0.00} | **{withAll.Usage.Service
                - without.Usage.Service:0.00}** |
            | PostgreSQL, cores | | {without.Usage.Postgres:0.00} | {withOne.Usage.Postgres:0.00} | {withAll.Usage.Postgres:0.00} |
            | browser and others, cores | | {without.Usage.Others:0.00} | {withOne.Usage.Others:0.00} | {withAll.Usage.Others:0.00} |
            | service, memory | | {Size(without)} | {Size(withOne)} | {Size(withAll)} |
            | long tasks (over 50 ms), per page and minute | | | {Tasks(withOne)} | {Tasks(withAll)} |
            | long tasks, 95th percentile | under 100 ms | | **{Long(withOne, 0.95)}** | **{Long(withAll, 0.95)}** |
            | long tasks, longest | | | {Long(withOne, 1)} | {Long(withAll, 1)} |
            | from the answer to a command until the page shows it, median | | | {At(withOne, 0.5)} | {At(withAll, 0.5)} |
            | 95th percentile | under 1,000 ms | | **{At(withOne, 0.95)}** | **{At(withAll, 0.95)}** |

            """
        );

    private static string Size(Phase phase) =>
        string.Create(CultureInfo.InvariantCulture, $"{phase.Usage.ServiceMemory / (double)(1 << 20):N0} MiB");

    private static string Tasks(Phase phase) =>
        (phase.LongTasks.Length / phase.Usage.Elapsed.TotalMinutes / phase.Walls).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Long(Phase phase, double part) =>
        phase.LongTasks.Length == 0
            ? "none"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{Measure.Percentile(phase.LongTasks, part):0} ms (of {phase.LongTasks.Length})"
            );

    private static string At(Phase phase, double part) =>
        string.Create(CultureInfo.InvariantCulture, $"{Measure.Percentile(phase.Shown, part):0} ms");

    private static string Id(int n) => "agent-" + n.ToString("00000", CultureInfo.InvariantCulture);

    /// <summary>What was measured with some walls open.</summary>
    private sealed record Phase(int Walls, double PerSecond, Usage Usage, double[] LongTasks, double[] Shown);
}
