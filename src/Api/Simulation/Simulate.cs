using System.Globalization;
using System.Runtime;
using System.Threading.Channels;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Simulation;

namespace PresenceLedger.Api.Simulation;

/// <summary>The verb <c>simulate</c>: writes the ledger of a plausible contact center into an empty one.</summary>
internal static class Simulate
{
    private const int MostAgents = 200_000;
    private const int MostDays = 3660;

    /// <summary>Simulated and not yet written at most, in portions: so that both go on beside each other, and memory stays small.</summary>
    private const int Ahead = 4;

    /// <summary>Simulates; returns the exit code.</summary>
    /// <param name="plan">What, by a clock: what is simulated is to be over (TIM-1).</param>
    /// <param name="choice">The database, and what keeps the ledger.</param>
    /// <param name="output">Where it says what it does.</param>
    /// <param name="ct">Breaks it off; whole portions stay.</param>
    /// <exception cref="MisconfiguredException">The ledger is not empty.</exception>
    public static async Task<int> RunAsync(
        Func<TimeProvider, SimulationPlan> plan,
        DatabaseChoice choice,
        TextWriter output,
        CancellationToken ct
    )
    {
        // It allocates all the time, and nobody waits for an answer: collecting beside the work costs more than it spares.
        GCSettings.LatencyMode = GCLatencyMode.Batch;
        // What cannot be is told before the ledger is opened.
        plan(TimeProvider.System);
        await using var target = await OpenedLog.OpenAsync(choice, prepare: true, ct);
        return await WriteAsync(target, plan(target.Clock), output, ct);
    }

    /// <summary>Simulates into a log that is open; returns the exit code.</summary>
    /// <exception cref="MisconfiguredException">The ledger is not empty.</exception>
    public static async Task<int> WriteAsync(OpenedLog target, SimulationPlan plan, TextWriter output, CancellationToken ct)
    {
        var progress = new Progress(output, TimeProvider.System);
        var streams = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var portions = AheadAsync(Center.Ledger(plan), streams, ct);
            await new LogImport(target.Log).RunAsync(portions, progress, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            await output.WriteLineAsync($"Stopped. The first {progress.Written} events are there; begin again with an empty ledger.");
            return 1;
        }
        catch (LedgerNotEmptyException) when (progress.Written == 0)
        {
            throw new MisconfiguredException("The ledger has events already; simulate writes into an empty one.");
        }
        catch (LedgerNotEmptyException e)
        {
            throw new MisconfiguredException(e.Message + " What it wrote so far is there: begin again with an empty ledger.");
        }
        await output.WriteLineAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{progress.Written} events in {streams.Count} streams, {plan.Days} days of {plan.Agents} agents, in "
                    + $"{progress.Elapsed.TotalSeconds:F1} s: {progress.Written / progress.Elapsed.TotalSeconds:F0} events/s."
            )
        );
        return 0;
    }

    /// <summary>A plan out of what was given on the command line.</summary>
    /// <exception cref="MisconfiguredException">Something is not what it should be.</exception>
    public static SimulationPlan Plan(int agents, int days, long seed, string? start, string timeZone, TimeProvider clock)
    {
        if (days is < 1 or > MostDays)
            throw new MisconfiguredException($"--days {days} cannot be; there are 1 to {MostDays}.");
        if (Zones.Find(timeZone) is not { } zone)
            throw new MisconfiguredException($"--time-zone {timeZone} is not known; it is an IANA name such as Europe/Berlin.");
        var today = NodaTime.Instant.FromDateTimeOffset(clock.GetUtcNow()).InZone(zone).Date.ToDateOnly();
        var first = today.AddDays(-days);
        if (start is not null && !DateOnly.TryParseExact(start, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out first))
            throw new MisconfiguredException($"--start {start} is no date; it is given as 2026-03-15.");
        // A ledger holds what was, and an agent's next event never takes effect before the last (TIM-1).
        if (first.Year < 2000 || first.DayNumber + days > today.DayNumber)
            throw new MisconfiguredException(
                $"{days} days from {first:yyyy-MM-dd} do not end before today, {today:yyyy-MM-dd}; choose an earlier --start, from 2000 on."
            );
        return new SimulationPlan(Agents(agents), days, seed, first, zone);
    }

    /// <summary>A number of agents that can be.</summary>
    public static int Agents(int agents) =>
        agents is >= 1 and <= MostAgents
            ? agents
            : throw new MisconfiguredException($"--agents {agents} cannot be; there are 1 to {MostAgents}.");

    /// <summary>An address of a service.</summary>
    public static Uri Service(string url) =>
        Uri.TryCreate(url.TrimEnd('/') + "/", UriKind.Absolute, out var uri) && (uri.Scheme is "http" or "https")
            ? uri
            : throw new MisconfiguredException($"--url {url} is no address; it is given as http://127.0.0.1:5080.");

    /// <summary>A speed that can be.</summary>
    public static double Speed(double speed) =>
        speed is >= 0.1 and <= 1000 ? speed : throw new MisconfiguredException($"--speed {speed} cannot be; it is 0.1 to 1000.");

    /// <summary>How long; null for as long as nobody stops it.</summary>
    public static TimeSpan? Length(double? seconds) =>
        seconds is null or (> 0 and <= 86_400 * 20)
            ? seconds is { } s
                ? TimeSpan.FromSeconds(s)
                : null
            : throw new MisconfiguredException($"--for {seconds} cannot be; it is a number of seconds.");

    /// <summary>Simulates ahead of what is written, on a thread of its own.</summary>
    private static async IAsyncEnumerable<IReadOnlyList<EventRecord>> AheadAsync(
        IEnumerable<IReadOnlyList<EventRecord>> portions,
        HashSet<string> streams,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct
    )
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var channel = Channel.CreateBounded<IReadOnlyList<EventRecord>>(Ahead);
        var simulation = Task.Run(
            async () =>
            {
                try
                {
                    foreach (var portion in portions)
                        await channel.Writer.WriteAsync(portion, ended.Token);
                    channel.Writer.Complete();
                }
                catch (Exception e)
                {
                    channel.Writer.Complete(e);
                }
            },
            CancellationToken.None
        );
        try
        {
            await foreach (var portion in channel.Reader.ReadAllAsync(ct))
            {
                foreach (var e in portion)
                    if (e.Version == 0)
                        streams.Add(e.Stream);
                yield return portion;
            }
        }
        finally
        {
            await ended.CancelAsync();
            await simulation;
        }
    }

    private sealed class Progress(TextWriter output, TimeProvider clock) : IProgress<int>
    {
        private static readonly TimeSpan Between = TimeSpan.FromSeconds(2);
        private readonly long _began = clock.GetTimestamp();
        private TimeSpan _said;

        public long Written { get; private set; }

        public TimeSpan Elapsed => clock.GetElapsedTime(_began);

        public void Report(int value)
        {
            Written += value;
            if (Elapsed - _said < Between)
                return;
            _said = Elapsed;
            output.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{Written} events written, {Written / _said.TotalSeconds:F0} events/s …")
            );
        }
    }
}
