namespace PresenceLedger.Client.Tests;

/// <summary>Presence live, as the service tells it.</summary>
[Collection(ServiceCollection.Name)]
public sealed class FollowTests(OneNode service) : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task A_snapshot_comes_first_then_each_change_with_what_made_it()
    {
        var (ana, ben) = (await service.AgentAsync(), await service.AgentAsync());
        var agent = service.Client("agent:" + ana).Agent(ana);
        var signedIn = await agent.SignInAsync();
        var routing = service.Client(Service.Routing);
        await routing.Agent(ana).GetPresenceAsync(signedIn.Position);
        await using var told = Follow(new FollowOptions { Agents = [ana, ben] });

        var snapshot = Assert.IsType<Snapshot>(await NextAsync(told));
        Assert.Equal([(ana, "available"), (ben, "offline")], snapshot.Items.Select(p => (p.AgentId, p.StatusId)));
        Assert.NotEqual(default, snapshot.AsOf);

        var done = await agent.SetPresenceAsync("away");
        var change = Assert.IsType<Change>(await NextAsync(told));
        Assert.Equal(("presence-changed", "away", done.Presence.Version), (change.Type, change.Presence.StatusId, change.Presence.Version));
        Assert.Equal(done.Presence.Since, change.OccurredAt);
        await routing.Agent(ana).AssignAsync("c1", new Work { Units = 10 });
        Assert.Equal("conversation-assigned", Assert.IsType<Change>(await NextAsync(told)).Type);
    }

    [Fact]
    public async Task A_queue_is_followed()
    {
        var ana = await service.AgentAsync(new { queues = new[] { "billing" } });
        var ben = await service.AgentAsync();
        await using var told = Follow(new FollowOptions { Queue = "billing", Agents = [ana, ben] });
        Assert.Equal(ana, Assert.Single(Assert.IsType<Snapshot>(await NextAsync(told)).Items).AgentId);
    }

    [Fact]
    public async Task Who_comes_back_with_a_position_gets_what_came_after_it()
    {
        var ana = await service.AgentAsync();
        var agent = service.Client("agent:" + ana).Agent(ana);
        var signedIn = await agent.SignInAsync();
        await agent.SetPresenceAsync("away");
        await agent.SetPresenceAsync("busy");
        await using var told = Follow(new FollowOptions { Agents = [ana], After = signedIn.Position });
        Assert.Equal("away", Assert.IsType<Change>(await NextAsync(told)).Presence.StatusId);
        Assert.Equal("busy", Assert.IsType<Change>(await NextAsync(told)).Presence.StatusId);
    }

    [Fact]
    public async Task A_position_of_another_ledger_is_a_gap_and_a_new_beginning()
    {
        var ana = await service.AgentAsync();
        await using var told = Follow(new FollowOptions { Agents = [ana], After = "99.99.99" });
        Assert.Equal("99.99.99", Assert.IsType<Gap>(await NextAsync(told)).Position);
        Assert.Single(Assert.IsType<Snapshot>(await NextAsync(told)).Items);
    }

    [Fact]
    public async Task A_position_that_is_none_is_refused()
    {
        await using var told = Follow(new FollowOptions { After = "yesterday" });
        Assert.Equal("validation", (await Assert.ThrowsAsync<RefusedException>(() => NextAsync(told))).Code);
    }

    [Fact]
    public async Task Cancelling_ends_it()
    {
        using var enough = new CancellationTokenSource();
        await using var told = service.Client(Service.Routing).FollowAsync(ct: enough.Token).GetAsyncEnumerator();
        Assert.IsType<Snapshot>(await NextAsync(told));
        var next = told.MoveNextAsync().AsTask();
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    [Fact]
    public async Task Over_streams_that_break_off_every_change_comes_once()
    {
        using var network = new Between
        {
            Does = async (request, _, sendOn, ct) =>
            {
                var answer = await sendOn();
                if (request.RequestUri!.AbsolutePath.EndsWith("/stream", StringComparison.Ordinal))
                    answer.Content = new StreamContent(new Bodies.Breaking(await answer.Content.ReadAsStreamAsync(ct), bytes: 2_500));
                return answer;
            },
        };
        var ana = await service.AgentAsync();
        var agent = service.Client("agent:" + ana).Agent(ana);
        var signedIn = await agent.SignInAsync();
        var told = service
            .Client(Service.Routing, network)
            .FollowAsync(new FollowOptions { Agents = [ana], After = signedIn.Position })
            .Cast<Change>()
            .Select(c => c.Presence.Version)
            .Take(30)
            .ToListAsync(_patience.Token);
        var done = new List<CommandResult>();
        for (var n = 0; n < 30; n++)
            done.Add(await agent.SetPresenceAsync(n % 2 == 0 ? "away" : "busy"));
        Assert.Equal(done.SelectMany(ConnectionTests.Shown), await told);
        Assert.True(network.Seen.Count(r => r.RequestUri!.AbsolutePath.EndsWith("/stream", StringComparison.Ordinal)) > 3, "nothing broke");
    }

    [Fact]
    public async Task A_stream_that_falls_silent_is_left_for_a_new_one()
    {
        var clock = new Clock();
        using var network = new Between
        {
            Does = (request, number, _, _) =>
                Task.FromResult(
                    request.RequestUri!.AbsolutePath.EndsWith("/policy", StringComparison.Ordinal)
                        ? Bodies.Json("""{"heartbeatSeconds":20}""")
                    : number == 2
                        ? Bodies.Events(
                            Bodies.Told("snapshot", """{"position":"0.7.1","asOf":"2026-01-01T00:00:00Z","more":false,"items":[]}"""),
                            open: true
                        )
                    : Bodies.Events(
                        Bodies.Told("change", """{"position":"0.8.1","type":"x","occurredAt":"2026-01-01T00:00:00Z","agentId":"ana"}"""),
                        open: true
                    )
                ),
        };
        using var client = Scripted(network, clock);
        await using var told = client.FollowAsync(ct: _patience.Token).GetAsyncEnumerator();
        Assert.IsType<Snapshot>(await NextAsync(told));
        var next = NextAsync(told);
        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.False(next.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        await clock.PassAsync();
        Assert.Equal("ana", Assert.IsType<Change>(await next).Presence.AgentId);
        Assert.Equal(["0.7.1"], network.Seen[^1].Headers.GetValues("Last-Event-ID"));
    }

    [Fact]
    public async Task Parts_make_one_snapshot_and_what_is_unknown_is_passed_over()
    {
        var clock = new Clock();
        var text =
            Bodies.Told("snapshot", """{"position":"0.7.1","asOf":"2026-01-01T00:00:00Z","more":true,"items":[{"agentId":"ana"}]}""")
            + Bodies.Told("weather", """{"sun":true}""")
            + Bodies.Told("heartbeat", "{}")
            + Bodies.Told(
                "snapshot",
                """{"position":"0.7.1","asOf":"2026-01-01T00:00:00Z","more":false,"items":[{"agentId":"ben","mood":"good"}]}"""
            )
            + Bodies.Told("dropped", """{"reason":"the service stops"}""");
        using var network = new Between { Does = (_, _, _, _) => Task.FromResult(Bodies.Events(text, open: false)) };
        using var client = Scripted(network, clock);
        await using var told = client
            .FollowAsync(new FollowOptions { Silence = TimeSpan.FromMinutes(1) }, _patience.Token)
            .GetAsyncEnumerator();
        Assert.Equal(["ana", "ben"], Assert.IsType<Snapshot>(await NextAsync(told)).Items.Select(p => p.AgentId));
    }

    private IAsyncEnumerator<StreamEvent> Follow(FollowOptions options) =>
        service.Client(Service.Routing).FollowAsync(options, _patience.Token).GetAsyncEnumerator();

    private static async Task<StreamEvent> NextAsync(IAsyncEnumerator<StreamEvent> told)
    {
        Assert.True(await told.MoveNextAsync());
        return told.Current;
    }

    private static PresenceLedgerClient Scripted(Between network, Clock clock) =>
        new(
            new PresenceLedgerOptions
            {
                Url = new Uri("http://one/"),
                HttpMessageHandler = network,
                TimeProvider = clock,
            }
        );
}
