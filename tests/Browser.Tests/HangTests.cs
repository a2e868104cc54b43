using Microsoft.Playwright;

namespace PresenceLedger.Browser.Tests;

/// <summary>Pages in which nothing runs any more, while the worker beside them does.</summary>
[Collection(DesktopsCollection.Name)]
public sealed class HangTests(Desktops desktops)
{
    [Theory]
    [InlineData("/")]
    [InlineData(Desktops.Strict)]
    [Trait("Rule", "CON-1")]
    public async Task A_page_in_an_endless_loop_is_lost_and_restored_when_it_runs_again(string path)
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent, path);
        await desktop.SetPresenceAsync("busy");
        var connection = await desktop.ConnectionAsync();

        await desktop.HangAsync();
        Assert.Contains("connection-lost CON-3 heartbeat", await desktops.UntilAsync(agent, "presence-changed CON-3 offline"));

        desktops.LetGo(agent);
        await desktops.UntilAsync(agent, "presence-changed CON-4 busy");
        await desktop.IsOnlineAsync();
        await desktop.ShowsStatusAsync("busy");
        Assert.Equal(connection, await desktop.ConnectionAsync());
        await desktop.LivesUntilAsync(DateTimeOffset.UtcNow + Desktops.Timeout + Desktops.Timeout, connection);
    }

    [Fact]
    [Trait("Rule", "CON-1")]
    public async Task A_page_with_an_open_alert_is_lost_and_restored_when_somebody_closes_it()
    {
        var agent = await desktops.AgentAsync();
        // In a profile of its own the alert would be closed at once, by the other of the two connections to the browser.
        var desktop = await desktops.OpenAsync(desktops.Chromium.Tabs, agent);
        await desktop.SetPresenceAsync("busy");
        var opened = new TaskCompletionSource<IDialog>();
        desktop.Page.Dialog += (_, dialog) => opened.TrySetResult(dialog);

        await desktop.Page.EvaluateAsync("void setTimeout(() => alert('Lunch is ready'))");
        var alert = await opened.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Contains("connection-lost CON-3 heartbeat", await desktops.UntilAsync(agent, "presence-changed CON-3 offline"));

        await alert.AcceptAsync();
        await desktops.UntilAsync(agent, "presence-changed CON-4 busy");
        await desktop.IsOnlineAsync();
        await desktop.ShowsStatusAsync("busy");
        await desktop.Page.CloseAsync();
    }

    [Fact]
    [Trait("Rule", "SGN-4")]
    public async Task A_page_that_hung_while_the_agent_was_signed_out_does_not_bring_the_agent_back()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);

        await desktop.HangAsync();
        await desktops.DoneAsync("POST", $"agents/{agent}/sign-out", null, "supervisor:sue");
        await desktops.UntilAsync(agent, "presence-changed SGN-4 offline");
        desktops.LetGo(agent);

        await desktop.ShowsStateAsync("signed-out");
        Assert.Equal("presence-changed SGN-4 offline", (await desktops.StoryAsync(agent))[^1]);
    }

    [Fact]
    [Trait("Rule", "CON-2")]
    public async Task When_the_tab_that_reads_the_stream_hangs_another_takes_over_and_the_agent_stays()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var first = await desktops.OpenAsync(profile, agent);
        var second = await desktops.OpenAsync(profile, agent);
        var streams = 0;
        profile.Request += (_, request) =>
        {
            if (request.Url.Contains("/stream", StringComparison.Ordinal))
                Interlocked.Increment(ref streams);
        };

        await first.HangAsync();
        await desktops.UntilAsync(agent, "connection-lost CON-2 heartbeat");
        await desktops.SetPresenceAsync(agent, "busy");
        await second.ShowsStatusAsync("busy");
        Assert.Equal(1, streams);

        // Whoever took over goes on, and the other one hears of it.
        desktops.LetGo(agent);
        await first.ShowsStatusAsync("busy");
        await desktops.SetPresenceAsync(agent, "away");
        await first.ShowsStatusAsync("away");
        await second.ShowsStatusAsync("away");
        Assert.Equal(1, streams);
        Assert.DoesNotContain("presence-changed CON-3 offline", await desktops.StoryAsync(agent));
    }
}
