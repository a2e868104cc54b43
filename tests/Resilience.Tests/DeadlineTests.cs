using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;
using Xunit.Abstractions;

namespace PresenceLedger.Resilience.Tests;

/// <summary>
/// Connections exactly at their deadlines (CON-1, CON-6, CON-9, TIM-6), on two service processes that share a database: whoever notices,
/// what decides is when something arrived.
/// </summary>
public sealed class DeadlineTests(ITestOutputHelper output) : IAsyncLifetime, IDisposable
{
    private const string Administrator = "administrator:root";
    private TestDatabase _database = null!;
    private ServiceProcess _first = null!;
    private ServiceProcess _second = null!;
    private ServiceClient _one = null!;
    private ServiceClient _other = null!;

    public async Task InitializeAsync()
    {
        _database = await TestPostgres.CreateDatabaseAsync();
        _first = await ServiceProcess.StartAsync(_database.Arguments);
        _second = await ServiceProcess.StartAsync(_database.Arguments);
        _one = new ServiceClient(_first.Url);
        _other = new ServiceClient(_second.Url);
    }

    public void Dispose()
    {
        _one.Dispose();
        _other.Dispose();
    }

    public async Task DisposeAsync()
    {
        await _second.DisposeAsync();
        await _first.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_return_after_the_grace_is_a_return_and_no_refresh_and_a_heartbeat_after_it_is_unknown()
    {
        await PolicyAsync(timeout: 20, grace: 1);
        await SignInAsync("ana");
        await SignInAsync("ben");
        Assert.Equal(204, (await _one.DeleteAsync("agents/ana/connections/k1", "agent:ana")).Status);
        Assert.Equal(204, (await _one.DeleteAsync("agents/ben/connections/k1", "agent:ben")).Status);
        // Until the grace is over.
        await Task.Delay(TimeSpan.FromSeconds(1.1));

        var back = await _other.PostAsync("agents/ana/sign-in", new { connectionId = "k1" }, "agent:ana");
        var late = await _other.PostAsync("agents/ben/connections/k1/heartbeat", null, "agent:ben");

        Assert.True(back.Status == 200, back.ToString());
        Assert.Equal("connection-unknown", late.Code);
        foreach (var agent in new[] { "ana", "ben" })
        {
            var events = await EventsAsync(agent);
            var closing = events.OfType<ConnectionClosing>().Single();
            var lost = events.OfType<ConnectionLost>().First();
            Assert.Equal(closing.OccurredAt.AddSeconds(1), lost.OccurredAt);
            Assert.Equal(LossCause.Closed, lost.Cause);
            Assert.DoesNotContain(events, e => e is ConnectionOpened);
        }
        var returned = (await EventsAsync("ana")).OfType<AgentSignedIn>().ElementAt(1);
        Assert.True(returned.Returned);
    }

    [Fact]
    public async Task Commands_soon_after_the_deadline_find_the_connection_lost_at_it_on_either_node()
    {
        await PolicyAsync(timeout: 3, grace: 1);
        var agents = Enumerable.Range(0, 20).Select(n => $"agent-{n}").ToArray();
        foreach (var agent in agents)
            await RegisterAsync(agent);

        await Task.WhenAll(
            agents.Select(
                async (agent, n) =>
                {
                    await SignInAsync(agent);
                    var since = (await EventsAsync(agent)).OfType<AgentSignedIn>().Single().OccurredAt;
                    // A moment after the deadline, another one for each.
                    var until = since.AddSeconds(3).AddMilliseconds(50 + n * 30) - DateTimeOffset.UtcNow;
                    await Task.Delay(until > TimeSpan.Zero ? until : TimeSpan.Zero);
                    var refused = await (n % 2 == 0 ? _one : _other).PutAsync(
                        $"agents/{agent}/presence",
                        new { statusId = "away" },
                        "agent:" + agent
                    );
                    Assert.True(refused.Code == "agent-not-signed-in", refused.ToString());
                }
            )
        );

        foreach (var agent in agents)
        {
            var back = await _other.PostAsync($"agents/{agent}/sign-in", new { connectionId = "k1" }, "agent:" + agent);
            Assert.True(back.Status == 200, back.ToString());
            var events = await EventsAsync(agent);
            Assert.Equal(
                events.OfType<AgentSignedIn>().First().OccurredAt.AddSeconds(3),
                events.OfType<ConnectionLost>().First().OccurredAt
            );
        }
    }

    [Fact]
    public async Task A_shortened_timeout_dates_no_loss_before_the_change_whoever_notices()
    {
        await PolicyAsync(timeout: 60, grace: 10);
        await SignInAsync("ana");
        await SignInAsync("ben");
        // Longer silent than the new timeout is.
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        await PolicyAsync(timeout: 1, grace: 1);

        var back = await _other.PostAsync("agents/ana/sign-in", new { connectionId = "k1" }, "agent:ana");
        Assert.True(back.Status == 200, back.ToString());
        await HeartbeatingAgents.UntilAsync(() => _one.GetAsync("agents/ben/state"), HeartbeatingAgents.Offline);

        await using var source = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        var changedAt = (await Audit.ReadAsync(source)).Last(e => e.Type == "policy-changed.v1").OccurredAt;
        Assert.Equal(changedAt, (await EventsAsync("ben")).OfType<ConnectionLost>().Single().OccurredAt);
        Assert.All((await EventsAsync("ana")).OfType<ConnectionLost>(), lost => Assert.True(lost.OccurredAt >= changedAt));
    }

    /// <summary>
    /// Clients that beat, fall silent, close and come back, on two nodes of which one is killed again and again. PRESENCE_SOAK_SECONDS=900
    /// with PRESENCE_SOAK_KILL_SECONDS=30 is the long run.
    /// </summary>
    [Fact]
    public async Task Every_loss_is_at_its_deadline_and_no_heartbeat_in_time_is_forgotten_while_nodes_are_killed()
    {
        await PolicyAsync(Soak.Timeout.TotalSeconds, Soak.Grace.TotalSeconds);
        await using var soak = new Soak(_database, [_first.Url, _second.Url], agents: 40);
        foreach (var agent in soak.Agents)
            await RegisterAsync(agent);
        // Now the soak's, which kills and starts them.
        await _first.StopAsync("KILL");
        await _second.StopAsync("KILL");
        await soak.RunAsync(Seconds("PRESENCE_SOAK_SECONDS", 40), Seconds("PRESENCE_SOAK_KILL_SECONDS", 10));

        output.WriteLine(await soak.CheckAsync());
    }

    private static TimeSpan Seconds(string name, int usual) =>
        TimeSpan.FromSeconds(
            int.Parse(
                Environment.GetEnvironmentVariable(name) ?? usual.ToString(System.Globalization.CultureInfo.InvariantCulture),
                System.Globalization.CultureInfo.InvariantCulture
            )
        );

    private async Task PolicyAsync(double timeout, double grace)
    {
        var policy = new
        {
            heartbeatTimeout = timeout,
            refreshGrace = grace,
            heartbeatSeconds = Math.Min(0.5, timeout / 2),
        };
        await HeartbeatingAgents.DoneAsync(_one.PutAsync("policy", policy, Administrator));
    }

    private Task RegisterAsync(string agent) =>
        HeartbeatingAgents.DoneAsync(_one.PutAsync("agents/" + agent, new { units = 100 }, Administrator));

    private async Task SignInAsync(string agent)
    {
        await RegisterAsync(agent);
        await HeartbeatingAgents.DoneAsync(_one.PostAsync($"agents/{agent}/sign-in", new { connectionId = "k1" }, "agent:" + agent));
    }

    private async Task<IReadOnlyList<AgentEvent>> EventsAsync(string agent)
    {
        await using var source = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        return [.. (await Audit.ReadAsync(source)).Where(r => r.Stream == "agent-" + agent).Select(r => (AgentEvent)WireNames.Read(r))];
    }
}
