using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;

namespace PresenceLedger.Resilience.Tests;

/// <summary>
/// Agents' clients over two services of which one is killed now and then, and what the ledger says of it: every loss is recomputed from
/// the connection's last sign of life, the policy and the outages, and from what the clients were answered.
/// </summary>
internal sealed class Soak : IAsyncDisposable
{
    /// <summary>The policy of the soak.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2.5);

    /// <summary>The policy of the soak: how long a connection that said it closes may take to come back.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <summary>The status of a call that was not answered.</summary>
    private const int Unknown = 0;

    // Instants are told apart by the millisecond.
    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    private readonly TestDatabase _database;
    private readonly Uri[] _urls;
    private readonly ServiceProcess?[] _services = new ServiceProcess?[2];
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(2) })
    {
        Timeout = TimeSpan.FromSeconds(20),
    };
    private readonly ConcurrentQueue<Call> _calls = new();
    private int _kills;

    public Soak(TestDatabase database, Uri[] urls, int agents)
    {
        (_database, _urls) = (database, urls);
        Agents = [.. Enumerable.Range(0, agents).Select(n => string.Create(CultureInfo.InvariantCulture, $"soak-{n}"))];
    }

    public string[] Agents { get; }

    public async Task RunAsync(TimeSpan length, TimeSpan betweenKills)
    {
        for (var n = 0; n < _urls.Length; n++)
            await StartAsync(n);
        using var end = new CancellationTokenSource(length);
        var clients = Agents.Select((agent, n) => ActAsync(agent, new Random(n), end.Token)).ToArray();
        var nodes = KillAsync(betweenKills, end.Token);
        await Task.WhenAll(clients.Append(nodes));
        foreach (var service in _services)
            await service!.StopAsync("TERM");
    }

    /// <summary>Checks everything; gives what there was.</summary>
    public async Task<string> CheckAsync()
    {
        await using var source = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        var records = await Audit.ReadAsync(source);
        var outages = await OutagesAsync(source);
        var calls = _calls.ToLookup(c => c.Agent, StringComparer.Ordinal);
        var (losses, refreshes, heartbeats) = (0, 0, _calls.Count(c => c is { What: "heartbeat", Status: 204 }));

        foreach (var agentId in Agents)
        {
            var agent = Agent.Unknown(agentId);
            foreach (var e in records.Where(r => r.Stream == StreamNames.Agent(agentId)).Select(r => (AgentEvent)WireNames.Read(r)))
            {
                switch (e)
                {
                    case ConnectionLost lost:
                        losses++;
                        CheckLoss(agent, lost, outages, calls[agentId]);
                        break;
                    case ConnectionOpened { Rule: Rules.Con6 } opened:
                        refreshes++;
                        CheckRefresh(agent, opened, outages, calls[agentId]);
                        break;
                }
                agent = agent.Evolve(e);
            }
        }
        foreach (var verb in new[] { "verify", "doctor" })
        {
            var ended = await ServiceProcess.RunAsync([verb, .. _database.Arguments]);
            Assert.True(ended.ExitCode == 0, $"{verb}: {ended}");
        }
        Assert.True(losses > 0 && refreshes > 0 && heartbeats > 0 && _kills > 0, "nothing was tried");
        return $"{losses} losses, {refreshes} refreshes, {heartbeats} heartbeats in time of {_calls.Count} calls, {outages.Count} outages, {_kills} kills.";
    }

    /// <summary>The deadline is what the last sign of life gives, to the millisecond, and no heartbeat that was taken in between was forgotten.</summary>
    private static void CheckLoss(Agent agent, ConnectionLost lost, IReadOnlyList<Outage> outages, IEnumerable<Call> calls)
    {
        var expected = DeadlineOf(agent.Connections[lost.ConnectionId], lost.LastSeenAt, outages);
        Assert.True(expected == lost.Deadline && lost.Deadline == lost.OccurredAt, $"{agent.AgentId}: {lost} instead of {expected:O}");
        foreach (var call in calls.Where(c => c is { What: "heartbeat", Status: 204 }))
            Assert.False(
                call.Sent > lost.LastSeenAt + Millisecond
                    && call.Answered < lost.Deadline - Millisecond
                    && call.Sent + Timeout > lost.Deadline + Millisecond,
                $"{agent.AgentId}: {lost} though {call}"
            );
    }

    /// <summary>A connection that came back as a refresh did so before its grace was over.</summary>
    private static void CheckRefresh(Agent agent, ConnectionOpened opened, IReadOnlyList<Outage> outages, IEnumerable<Call> calls)
    {
        var connection = agent.Connections[opened.ConnectionId];
        var heard = calls
            // A heartbeat is a sign of life where it arrived in time (CON-1), and so is what a killed node took but could not answer. A
            // second closing is none.
            .Where(c => c.What is not "close")
            .Where(c =>
                c.Status is Unknown or >= 500
                    ? c.Answered > connection.ClosingAt
                    : c is { What: "heartbeat", Status: 204 } && c.Sent >= connection.ClosingAt && c.Answered < opened.OccurredAt
            )
            .Where(c => c.Sent <= opened.OccurredAt)
            .Select(c => c.Answered)
            .Append(connection.ClosingAt!.Value)
            .Max();
        var deadline = DeadlineOf(connection, heard.ToMillisecond(), outages);
        if (opened.OccurredAt < deadline)
            return;
        var around = calls
            .Where(c => (c.Sent - opened.OccurredAt).Duration() < 2 * Timeout)
            .Select(c => $"{c.Sent:O} – {c.Answered:O} {c.What} {c.Status}");
        var near = outages
            .Where(o => (o.Until - opened.OccurredAt).Duration() < 4 * Timeout)
            .Select(o => $"{o.From:O} – {o.Until:O} outage");
        Assert.Fail(
            $"{agent.AgentId} came back at {opened.OccurredAt:O}, closing since {connection.ClosingAt:O}, though its deadline was {deadline:O}:\n"
                + string.Join('\n', around.Concat(near))
        );
    }

    /// <summary>
    /// When a connection is lost, by the words of CON-1 and CON-8 and not by the code of the product: a timeout after its last sign of
    /// life, a grace after it said that it closes, and a whole timeout after each outage that began before that.
    /// </summary>
    private static DateTimeOffset DeadlineOf(Connection connection, DateTimeOffset heard, IReadOnlyList<Outage> outages)
    {
        var alive = heard > connection.OpenedAt ? heard : connection.OpenedAt;
        var deadline = connection.ClosingAt is { } closing && closing >= alive ? closing + Grace : alive + Timeout;
        foreach (var outage in outages.Where(o => o.Until > alive && (connection.ClosingAt is not { } closing || o.Until > closing)))
            if (outage.From < deadline)
                deadline = outage.Until + Timeout;
        return deadline;
    }

    private static async Task<IReadOnlyList<Outage>> OutagesAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("select from_at, until_at from ledger.outage order by until_at, id");
        await using var reader = await command.ExecuteReaderAsync();
        var outages = new List<Outage>();
        while (await reader.ReadAsync())
            outages.Add(new(reader.GetFieldValue<DateTimeOffset>(0), reader.GetFieldValue<DateTimeOffset>(1)));
        return outages;
    }

    /// <summary>One after the other is killed, and started again a moment later.</summary>
    private async Task KillAsync(TimeSpan between, CancellationToken end)
    {
        for (var n = 0; ; n = 1 - n)
        {
            await Task.WhenAny(Task.Delay(between, end));
            if (end.IsCancellationRequested)
                return;
            await _services[n]!.StopAsync("KILL");
            await _services[n]!.DisposeAsync();
            _kills++;
            await StartAsync(n);
        }
    }

    private async Task StartAsync(int n) => _services[n] = await ServiceProcess.StartAtAsync(_urls[n], _database.Arguments);

    /// <summary>A client: it beats, falls silent around its deadline, closes and comes back around its grace.</summary>
    private async Task ActAsync(string agent, Random random, CancellationToken end)
    {
        await CallAsync(agent, "sign-in", random, end);
        while (!end.IsCancellationRequested)
        {
            var pause = random.Next(10) switch
            {
                < 6 => 0.2 + random.NextDouble() * 0.8,
                < 8 => 2.3 + random.NextDouble() * 0.8,
                _ => 0.7 + random.NextDouble() * 0.8,
            };
            await Task.WhenAny(Task.Delay(TimeSpan.FromSeconds(pause), end));
            if (end.IsCancellationRequested)
                return;
            switch (random.Next(8))
            {
                case 0:
                    await CallAsync(agent, "close", random, end);
                    break;
                case 1:
                    await CallAsync(agent, "sign-in", random, end);
                    break;
                default:
                    if (await CallAsync(agent, "heartbeat", random, end) == 404)
                        await CallAsync(agent, "sign-in", random, end);
                    break;
            }
        }
    }

    private async Task<int> CallAsync(string agent, string what, Random random, CancellationToken end)
    {
        for (var node = random.Next(2); ; node = 1 - node)
        {
            var sent = DateTimeOffset.UtcNow;
            try
            {
                using var request = Request(agent, what, _urls[node]);
                using var response = await _http.SendAsync(request, CancellationToken.None);
                var call = new Call(agent, what, sent, DateTimeOffset.UtcNow, (int)response.StatusCode);
                _calls.Enqueue(call);
                if (call.Status < 500 || end.IsCancellationRequested)
                    return call.Status;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or SocketException or OperationCanceledException)
            {
                // It was killed: whether the call arrived nobody knows. Where it did, it counts.
                _calls.Enqueue(new Call(agent, what, sent, DateTimeOffset.UtcNow, Unknown));
                if (end.IsCancellationRequested)
                    return 0;
            }
            await Task.WhenAny(Task.Delay(TimeSpan.FromMilliseconds(50), end));
        }
    }

    private static HttpRequestMessage Request(string agent, string what, Uri url)
    {
        var connection = $"/api/v1/agents/{agent}/connections/k1";
        var request = what switch
        {
            "sign-in" => new HttpRequestMessage(HttpMethod.Post, new Uri(url, $"/api/v1/agents/{agent}/sign-in"))
            {
                Content = new StringContent("""{"connectionId":"k1"}""", System.Text.Encoding.UTF8, "application/json"),
            },
            "close" => new HttpRequestMessage(HttpMethod.Delete, new Uri(url, connection)),
            _ => new HttpRequestMessage(HttpMethod.Post, new Uri(url, connection + "/heartbeat")),
        };
        request.Headers.Add("X-Actor", "agent:" + agent);
        return request;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _services)
            if (service is not null)
                await service.DisposeAsync();
        _http.Dispose();
    }

    /// <summary>A call and its answer, by the machine's clock.</summary>
    private sealed record Call(string Agent, string What, DateTimeOffset Sent, DateTimeOffset Answered, int Status);
}
