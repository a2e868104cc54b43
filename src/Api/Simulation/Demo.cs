using Npgsql;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Projections;
using PresenceLedger.Simulation;

namespace PresenceLedger.Api.Simulation;

/// <summary>
/// <c>serve --demo</c>: the service with a simulated contact center at work in it, and some days behind it, so that every page has something
/// to show. In a ledger of its own: a history that never was does not belong beside one that was.
/// </summary>
/// <param name="Agents">How many agents (<c>Demo:Agents</c>).</param>
/// <param name="Days">How many days are behind them (<c>Demo:Days</c>).</param>
/// <param name="Speed">What their waits are divided by (<c>Demo:Speed</c>).</param>
internal sealed record Demo(int Agents, int Days, double Speed)
{
    /// <summary>An agent whom nobody simulates: for whoever tries the console.</summary>
    public const string Visitor = "ana";

    private const long Seed = 1;
    private const string Zone = "Europe/Berlin";
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(2);
    private static readonly Actor Administrator = new(Persona.Administrator, "workforce-management");

    /// <summary>Where its ledger is, unless another folder is named.</summary>
    public static string DataFolder => Path.Combine(Environment.CurrentDirectory, ".demo");

    /// <summary>Reads the section <c>Demo</c>.</summary>
    /// <exception cref="MisconfiguredException">It cannot be with this configuration.</exception>
    public static Demo Of(IConfiguration configuration, EventStoreDbChoice? log)
    {
        // Its agents call as whom they are, with no tokens.
        if (string.Equals(configuration["Access:Mode"], nameof(AccessMode.Jwt), StringComparison.OrdinalIgnoreCase))
            throw new MisconfiguredException("--demo goes with Access:Mode=Open.");
        if (log is not null)
            throw new MisconfiguredException("--demo keeps its ledger in PostgreSQL.");
        return new Demo(
            Simulate.Agents(configuration.GetValue("Demo:Agents", 200)),
            configuration.GetValue("Demo:Days", 10),
            Simulate.Speed(configuration.GetValue("Demo:Speed", 5d))
        );
    }

    /// <summary>Writes the days that are behind, where there is nothing yet; returns the exit code.</summary>
    /// <exception cref="MisconfiguredException">The ledger is another's.</exception>
    public Task<int> PrepareAsync(string connectionString, string dataFolder, TextWriter output, CancellationToken ct) =>
        SimulateVerb.UntilStoppedAsync(
            async stop =>
            {
                await using var target = await OpenedLog.OpenAsync(new DatabaseChoice(dataFolder, connectionString), prepare: false, stop);
                if (await target.Log.ReadAllAsync(LogPosition.Start, 1, stop) is [])
                {
                    await output.WriteLineAsync($"Writing {Days} days of {Agents} agents …");
                    return await Simulate.WriteAsync(target, Simulate.Plan(Agents, Days, Seed, null, Zone, target.Clock), output, stop);
                }
                var first = StreamNames.Agent(Center.Desks(1).First().AgentId);
                return await target.Log.ReadStreamBackwardsAsync(first, long.MaxValue, 1, stop) is []
                    ? throw new MisconfiguredException(
                        "This ledger is not one of --demo, which would write what never was into it. Leave out --data and --connection, or name "
                            + "another folder or an empty database."
                    )
                    : 0;
            },
            ct
        );

    /// <summary>The agents work, once what is behind them can be read, until the service is to stop; they go home then.</summary>
    public async Task LiveAsync(IServiceProvider services, Uri url, CancellationToken stopping)
    {
        try
        {
            await CaughtUpAsync(services, stopping);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (NpgsqlException)
        {
            // A database that is too busy to say how far it is does not keep them from their work.
        }
        using (var http = new HttpClient { BaseAddress = url })
        using (var caller = new Caller(http, new CallCounts()))
        {
            var visitor = new
            {
                DisplayName = "Ana (you)",
                Units = 100,
                Queues = new[] { "sales", "service" },
            };
            (await caller.CallAsync(HttpMethod.Put, "agents/" + Visitor, visitor, Administrator))?.Dispose();
        }
        await LiveCenter.RunAsync(url, Agents, Seed, Speed, null, TextWriter.Null, services.GetRequiredService<TimeProvider>(), stopping);
    }

    /// <summary>On a small machine, who works while days of events are read into the models makes both slow.</summary>
    private static async Task CaughtUpAsync(IServiceProvider services, CancellationToken stopping)
    {
        var clock = services.GetRequiredService<TimeProvider>();
        var began = clock.GetUtcNow();
        foreach (var loop in services.GetServices<ProjectionLoop>())
            await new ReadPosition(services.GetRequiredService<NpgsqlDataSource>(), loop, clock).WaitAsync(
                read => read.AsOf >= began,
                LongestWait,
                stopping
            );
    }
}
