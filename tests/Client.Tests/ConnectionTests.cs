using System.Net;

namespace PresenceLedger.Client.Tests;

/// <summary>An agent's connection: alive as long as it is wanted, whatever happens.</summary>
[Collection(ServiceCollection.Name)]
public sealed class ConnectionTests(OneNode service) : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task The_presences_seen_are_those_of_the_ledger()
    {
        var id = await service.AgentAsync();
        await using var ana = await service.Client("agent:" + id).ConnectAsync(id);
        var first = ana.Presence.Version;
        var seen = ReadAsync(ana, until: p => p.StatusId == "away");
        var also = ReadAsync(ana, until: p => p.StatusId == "away");
        var routing = service.Client(Service.Routing).Agent(id);

        var done = new List<CommandResult>();
        foreach (var c in new[] { "c1", "c2" })
        {
            done.Add(await routing.AssignAsync(c, new Work { Units = 50 }));
            done.Add(await ana.AcceptAsync(c));
        }
        done.Add(await routing.CloseAsync("c1"));
        done.Add(await ana.CloseAsync("c2"));
        done.Add(await service.Client(Service.Supervisor).Agent(id).SetPresenceAsync("away"));

        Assert.Equal([first, .. done.SelectMany(Shown)], (await seen).Select(p => p.Version));
        Assert.Equal((await seen).Select(p => p.Version), (await also).Select(p => p.Version));
        var statuses = (await service.TimelineAsync(id))
            .Where(e => e.GetProperty("type").GetString() is "presence-changed")
            .Select(e => (e.GetProperty("version").GetInt64(), e.GetProperty("to").GetProperty("statusId").GetString()!));
        Assert.Equal(statuses.Skip(1), (await seen).Skip(1).Where(p => IsStatus(p.Version)).Select(p => (p.Version, p.StatusId)));
        Assert.Equal((await seen)[^1].Version, ana.Presence.Version);

        bool IsStatus(long version) => done.SelectMany(d => d.Events).Any(e => e.Version == version && e.Type is "presence-changed");
    }

    [Fact]
    [Trait("Rule", "CON-1")]
    public async Task An_application_that_hangs_is_lost_and_comes_back_when_it_works_again()
    {
        var id = await service.AgentAsync();
        await service.PolicyAsync(new { heartbeatTimeout = 2 });
        try
        {
            var hung = new TaskCompletionSource();
            var works = true;
            await using var ana = await service
                .Client("agent:" + id)
                .ConnectAsync(id, stillWorking: _ => Volatile.Read(ref works) ? Task.CompletedTask : hung.Task);
            await ana.SetPresenceAsync("busy");

            Volatile.Write(ref works, false);
            await ReadAsync(ana, until: p => !p.SignedIn);
            Assert.Equal(ConnectionState.Reconnecting, ana.State);
            Assert.IsType<TimeoutException>(ana.Fault);

            Volatile.Write(ref works, true);
            hung.SetResult();
            var back = (await ReadAsync(ana, until: p => p.SignedIn))[^1];
            Assert.Equal(("busy", "CON-4"), (back.StatusId, back.Rule));
        }
        finally
        {
            await service.PolicyAsync(new { heartbeatTimeout = 75 });
        }
    }

    [Fact]
    public async Task A_slow_reader_misses_what_is_old_and_has_the_latest()
    {
        const int last = 300;
        var ready = new TaskCompletionSource();
        using var network = new Between
        {
            Does = async (request, _, _, _) =>
            {
                if (request.RequestUri!.AbsolutePath.EndsWith("/stream", StringComparison.Ordinal))
                {
                    await ready.Task;
                    return Bodies.Events(string.Concat(Enumerable.Range(1, last).Select(Told)), open: true);
                }
                return SignedIn(0);
            },
        };
        using var client = new PresenceLedgerClient(
            new PresenceLedgerOptions { Url = new Uri("http://one/"), HttpMessageHandler = network }
        );
        await using var ana = await client.ConnectAsync("ana");
        await using var slow = ana.PresencesAsync(_patience.Token).GetAsyncEnumerator();
        Assert.True(await slow.MoveNextAsync());
        var quick = ReadAsync(ana, until: p => p.Version == last);
        ready.SetResult();
        Assert.Equal(last, (await quick)[^1].Version);

        var read = new List<long>();
        do
        {
            Assert.True(await slow.MoveNextAsync());
            read.Add(slow.Current.Version);
        } while (read[^1] != last);
        Assert.InRange(read.Count, 256, 257);

        static string Told(int version) =>
            Bodies.Told(
                "change",
                $$"""{"position":"0.{{version}}.1","type":"x","occurredAt":"2026-01-01T00:00:00Z","version":{{version}}}"""
            );
    }

    [Theory]
    [InlineData(5, new long[] { 5, 6 })] // The stream is behind.
    [InlineData(2, new long[] { 5, 2, 3, 6 })] // The ledger was restored.
    public async Task After_a_gap_the_presence_is_that_of_the_ledger(int version, long[] seen)
    {
        var signIns = 0;
        var begin = new TaskCompletionSource();
        using var network = new Between
        {
            Does = async (request, _, _, _) =>
            {
                switch (request.RequestUri!.AbsolutePath.Split('/')[^1])
                {
                    case "stream":
                        await begin.Task;
                        return Bodies.Events(
                            Bodies.Told("gap", """{"from":"0.9.1","to":"0.7.1"}""")
                                + Bodies.Told("snapshot", """{"position":"0.7.1","items":[{"version":3}]}""")
                                + Bodies.Told("change", """{"position":"0.8.1","type":"x","version":6}"""),
                            open: true
                        );
                    case "sign-in":
                        return SignedIn(Interlocked.Increment(ref signIns) == 1 ? 5 : version);
                    default:
                        return SignedIn(5);
                }
            },
        };
        using var client = new PresenceLedgerClient(
            new PresenceLedgerOptions { Url = new Uri("http://one/"), HttpMessageHandler = network }
        );
        await using var ana = await client.ConnectAsync("ana");
        var read = ReadAsync(ana, until: p => p.Version == 6);
        begin.SetResult();
        Assert.Equal(seen, (await read).Select(p => p.Version));
    }

    [Fact]
    public async Task A_connection_that_was_lost_is_signed_in_again_and_the_agent_is_what_it_was()
    {
        await service.PolicyAsync(new { heartbeatTimeout = 1.5 });
        try
        {
            var id = await service.AgentAsync();
            var cut = false;
            using var network = new Between
            {
                Does = (request, _, sendOn, _) =>
                    Volatile.Read(ref cut) && request.RequestUri!.AbsolutePath.EndsWith("/heartbeat", StringComparison.Ordinal)
                        ? throw new HttpRequestException("cut")
                        : sendOn(),
            };
            await using var ana = await service.Client("agent:" + id, network).ConnectAsync(id, "tab-1", "desktop");
            await ana.SetPresenceAsync("busy");
            Volatile.Write(ref cut, true);
            Assert.Equal(
                ConnectionState.Reconnecting,
                await ana.StatesAsync().FirstAsync(s => s is not ConnectionState.Connected, _patience.Token)
            );
            Assert.IsType<LedgerUnavailableException>(ana.Fault);
            var lost = await ana.PresencesAsync().FirstAsync(p => !p.SignedIn, _patience.Token);
            Assert.Equal(("offline", "connection"), (lost.StatusId, lost.Origin));

            Volatile.Write(ref cut, false);
            await ana.StatesAsync().FirstAsync(s => s is ConnectionState.Connected, _patience.Token);
            Assert.Null(ana.Fault);
            Assert.Equal(("busy", "manual", "CON-4"), (ana.Presence.StatusId, ana.Presence.Origin, ana.Presence.Rule));
            Assert.Equal("tab-1", ana.ConnectionId);
            Assert.Single(await service.EventsAsync(id), "connection-lost");
        }
        finally
        {
            await service.PolicyAsync(new { heartbeatTimeout = 75 });
        }
    }

    [Fact]
    public async Task Heartbeats_keep_it_alive_for_longer_than_the_timeout()
    {
        await service.PolicyAsync(new { heartbeatTimeout = 1 });
        try
        {
            var (ana, ben) = (await service.AgentAsync(), await service.AgentAsync());
            await using var alive = await service.Client("agent:" + ana).ConnectAsync(ana);
            // Ben sends none: his loss says that the timeout is over.
            await service.Client("agent:" + ben).Agent(ben).SignInAsync();
            await service
                .Client(Service.Routing)
                .FollowAsync(new FollowOptions { Agents = [ben] })
                .OfType<Change>()
                .FirstAsync(c => c.Presence.StatusId == "offline", _patience.Token);
            Assert.DoesNotContain("connection-lost", await service.EventsAsync(ana));
        }
        finally
        {
            await service.PolicyAsync(new { heartbeatTimeout = 75 });
        }
    }

    [Fact]
    public async Task Who_signs_out_stays_so_until_signing_in()
    {
        var id = await service.AgentAsync();
        var clock = new Clock();
        using var network = new Between();
        using var client = new PresenceLedgerClient(
            new PresenceLedgerOptions
            {
                Url = service.Nodes[0].Url,
                Actor = "agent:" + id,
                HttpMessageHandler = network,
                TimeProvider = clock,
            }
        );
        await using var ana = await client.ConnectAsync(id);
        await ana.SignOutAsync();
        Assert.Equal(ConnectionState.SignedOut, ana.State);
        clock.Advance(TimeSpan.FromSeconds(1));
        await ana.SignInAsync();
        Assert.Equal(ConnectionState.Connected, ana.State);
        Assert.Equal(2, network.Seen.Count(r => r.RequestUri!.AbsolutePath.EndsWith("/sign-in", StringComparison.Ordinal)));
        Assert.True(ana.Presence.SignedIn);
    }

    [Fact]
    public async Task Who_is_signed_out_by_a_supervisor_stays_so()
    {
        var id = await service.AgentAsync();
        await using var ana = await service.Client("agent:" + id).ConnectAsync(id);
        await service.Client(Service.Supervisor).Agent(id).SignOutAsync();
        await ana.StatesAsync().FirstAsync(s => s is ConnectionState.SignedOut, _patience.Token);
        Assert.False(ana.Presence.SignedIn);
    }

    [Fact]
    public async Task Disposing_says_that_it_closes_and_ends_what_is_read()
    {
        var id = await service.AgentAsync();
        var ana = await service.Client("agent:" + id).ConnectAsync(id);
        var presences = ana.PresencesAsync().LastAsync(_patience.Token);
        var states = ana.StatesAsync().ToListAsync(_patience.Token);
        await ana.DisposeAsync();
        await ana.DisposeAsync();
        Assert.Equal("available", (await presences).StatusId);
        Assert.Equal([ConnectionState.Connected, ConnectionState.Closed], await states);
        Assert.Equal("connection-closing", (await service.EventsAsync(id))[^1]);
    }

    [Fact]
    public async Task Disposing_does_not_insist_where_nobody_answers()
    {
        var id = await service.AgentAsync();
        var gone = false;
        using var network = new Between
        {
            Does = (_, _, sendOn, _) => Volatile.Read(ref gone) ? throw new HttpRequestException("gone") : sendOn(),
        };
        var ana = await service.Client("agent:" + id, network).ConnectAsync(id);
        Volatile.Write(ref gone, true);
        await ana.DisposeAsync().AsTask().WaitAsync(_patience.Token);
        Assert.Equal(ConnectionState.Closed, ana.State);
    }

    [Fact]
    public async Task Commands_say_which_connection_they_come_from()
    {
        var id = await service.AgentAsync();
        await using var ana = await service.Client("agent:" + id).ConnectAsync(id, "tab-7");
        await ana.SetPresenceAsync("away");
        Assert.Equal("tab-7", (await service.TimelineAsync(id))[^1].GetProperty("connectionId").GetString());
    }

    [Fact]
    public async Task Who_may_not_sign_in_learns_it_at_once()
    {
        var e = await Assert.ThrowsAsync<RefusedException>(() => service.Client("agent:nobody").ConnectAsync("nobody"));
        Assert.Equal((int)HttpStatusCode.NotFound, e.Status);
    }

    [Fact]
    public async Task Cancelling_ends_the_reading_and_nothing_else()
    {
        var id = await service.AgentAsync();
        await using var ana = await service.Client("agent:" + id).ConnectAsync(id);
        using var enough = new CancellationTokenSource();
        var reading = ana.PresencesAsync(enough.Token).LastAsync().AsTask();
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        Assert.Equal("away", (await ana.SetPresenceAsync("away")).Presence.StatusId);
    }

    /// <summary>The versions that followers see of a command: each change of the status, and what it left.</summary>
    internal static IEnumerable<long> Shown(CommandResult result) =>
        result.Events.Where(e => e.Type is "presence-changed" || e == result.Events[^1]).Select(e => e.Version);

    private static HttpResponseMessage SignedIn(long version) =>
        Bodies.Json($$"""{"version":{{version}},"events":[],"connectionId":"c","heartbeatSeconds":15,"heartbeatTimeoutSeconds":75}""");

    private Task<List<Presence>> ReadAsync(AgentConnection connection, Predicate<Presence> until)
    {
        // Reading begins before this returns, so that nothing is missed.
        return CollectAsync();

        async Task<List<Presence>> CollectAsync()
        {
            var seen = new List<Presence>();
            await foreach (var presence in connection.PresencesAsync(_patience.Token))
            {
                seen.Add(presence);
                if (until(presence))
                    break;
            }
            return seen;
        }
    }
}
