using System.Globalization;
using NodaTime;
using PresenceLedger.Api.Hosting;
using PresenceLedger.Contracts;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Queries;
using PresenceLedger.Simulation;

namespace PresenceLedger.Api.Simulation;

/// <summary>
/// The same contact center at a running service, now: everybody is on shift, and what they do is called in. The teams decide for
/// themselves what to do next, by what they take the service to have decided; where that was something else, it refuses, which
/// is counted and no more.
/// </summary>
internal static class LiveCenter
{
    private const int ShiftHours = 200;
    private const int LargestBatch = 500;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);
    private static readonly Actor Administrator = new(Persona.Administrator, "workforce-management");
    private static readonly Actor Gateway = new(Persona.Service, "gateway");

    /// <summary>Lives at a service until told to stop; returns the exit code.</summary>
    /// <param name="url">The service.</param>
    /// <param name="agents">How many agents.</param>
    /// <param name="seed">Where chance begins.</param>
    /// <param name="speed">What waits are divided by.</param>
    /// <param name="duration">For how long; null for until it is told to stop.</param>
    /// <param name="output">Where it says what it does.</param>
    /// <param name="clock">The time.</param>
    /// <param name="ct">Tells it to stop.</param>
    /// <exception cref="MisconfiguredException">The service cannot be reached, or refuses to be set up.</exception>
    public static async Task<int> RunAsync(
        Uri url,
        int agents,
        long seed,
        double speed,
        TimeSpan? duration,
        TextWriter output,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        using var http = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromSeconds(15) };
        var counts = new CallCounts();
        using var caller = new Caller(http, counts);
        var configuration = await SetUpAsync(caller, url, clock);

        var now = clock.GetUtcNow();
        // Tens of thousands of seconds apart, so that a second run does not meet the conversations of the first.
        var tempo = new Tempo(1 / speed, (int)(now.ToUnixTimeSeconds() % 10_000_000) * 100);
        Team[] teams =
        [
            .. Center
                .Desks(agents)
                .Chunk(Team.Size)
                .Select((d, n) => new Team(n, d, configuration, Chance.Of(seed, n), caller, now, tempo)),
        ];
        foreach (var team in teams)
            team.OpenAtOnce(ShiftHours);
        await output.WriteLineAsync($"{agents} agents begin to work at {url}; Ctrl-C sends them home.");

        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        if (duration is { } span)
            over.CancelAfter(span);
        await LiveAsync(teams, caller, counts, configuration, output, clock, over.Token);
        foreach (var team in teams)
            team.Close();
        await caller.Silent;
        await output.WriteLineAsync(Line(teams, counts));
        return 0;
    }

    private static async Task LiveAsync(
        Team[] teams,
        Caller caller,
        CallCounts counts,
        Configuration configuration,
        TextWriter output,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        using var timer = new PeriodicTimer(Tick, clock);
        var heartbeats = Task.CompletedTask;
        var beatAt = clock.GetUtcNow() + configuration.Policy.HeartbeatInterval;
        var sayAt = clock.GetUtcNow() + Between;
        while (true)
        {
            try
            {
                await timer.WaitForNextTickAsync(ct);
            }
            catch (OperationCanceledException)
            {
                await heartbeats;
                return;
            }
            var now = clock.GetUtcNow();
            foreach (var team in teams)
                team.LiveUntil(now);
            if (now >= beatAt && heartbeats.IsCompleted)
            {
                beatAt = now + configuration.Policy.HeartbeatInterval;
                heartbeats = BeatAsync(teams, caller);
            }
            if (now >= sayAt)
            {
                sayAt = now + Between;
                await output.WriteLineAsync(Line(teams, counts));
            }
        }
    }

    /// <summary>The heartbeats of all whose network is well; who is told that the connection is unknown signs in again (CON-9).</summary>
    private static async Task BeatAsync(Team[] teams, Caller caller)
    {
        var alive = teams
            .SelectMany(t => t.Desks)
            .SelectMany(d => d.Agent.Connections.Keys.Where(id => !d.IsSilent(id)).Select(id => new HeartbeatBody(d.AgentId, id)))
            .ToArray();
        foreach (var batch in alive.Chunk(LargestBatch))
        {
            using var answer = await caller.CallAsync(HttpMethod.Post, "heartbeats", new { heartbeats = batch }, Gateway);
            if (answer is not { IsSuccessStatusCode: true })
                continue;
            var told = await answer.Content.ReadFromJsonAsync<HeartbeatsAnswer>(WireJson.Options);
            foreach (var (agentId, connectionId) in told?.Unknown ?? [])
                (
                    await caller.CallAsync(
                        HttpMethod.Post,
                        $"agents/{agentId}/sign-in",
                        new { connectionId },
                        new Actor(Persona.Agent, agentId)
                    )
                )?.Dispose();
        }
    }

    /// <summary>Adds the statuses and profiles; the policy stays the service's.</summary>
    private static async Task<Configuration> SetUpAsync(Caller caller, Uri url, TimeProvider clock)
    {
        var configuration = Configuration.Initial;
        foreach (var command in Catalogue.Commands(DateTimeZone.Utc))
        {
            var call = command switch
            {
                DefineStatus c => (
                    Path: "statuses/" + c.StatusId,
                    Body: (object)
                        new
                        {
                            c.Name,
                            c.Text,
                            c.Base,
                            c.Description,
                        }
                ),
                SetCapacityProfile { Profile: var p } => (
                    "capacity-profiles/" + p.Id,
                    new
                    {
                        p.Name,
                        p.Limit,
                        p.Blocking,
                        p.Reset,
                    }
                ),
                _ => default,
            };
            if (call == default)
                continue;
            using var answer =
                await caller.CallAsync(HttpMethod.Put, call.Path, call.Body, Administrator)
                ?? throw new MisconfiguredException($"There is no service at {url}, or it does not answer; --url says where it is.");
            if (!answer.IsSuccessStatusCode)
                throw new MisconfiguredException(
                    $"The service at {url} does not take {call.Path}: {await answer.Content.ReadAsStringAsync()}"
                );
            foreach (var e in ConfigurationDecider.Decide(configuration, command, clock.GetUtcNow()).Events)
                configuration = configuration.Evolve(e);
        }
        return configuration;
    }

    private static string Line(Team[] teams, CallCounts counts)
    {
        var agents = teams.SelectMany(t => t.Desks).Select(d => d.Agent).ToArray();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{agents.Count(a => a.SignedIn)} signed in, {agents.Sum(a => a.Conversations.Count)} conversations; "
                + $"{counts.Done} calls done, {counts.Refused} refused, {counts.Failed} failed."
        );
    }
}
