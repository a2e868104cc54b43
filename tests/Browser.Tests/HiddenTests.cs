namespace PresenceLedger.Browser.Tests;

/// <summary>Tabs that nobody looks at.</summary>
[Collection(DesktopsCollection.Name)]
public sealed class HiddenTests(Desktops desktops)
{
    [Fact]
    [Trait("Rule", "CON-1")]
    public async Task Hidden_tabs_whose_timers_stand_still_stay_alive_by_the_worker_or_without_one_by_the_stream()
    {
        var withWorker = await desktops.AgentAsync();
        var without = await desktops.AgentAsync();
        var tabs = desktops.Chromium.Tabs;
        var one = await desktops.OpenAsync(tabs, withWorker);
        var two = await desktops.OpenAsync(tabs, without, Desktops.Strict);
        Assert.Single(one.Page.Workers);
        Assert.Empty(two.Page.Workers);
        foreach (var desktop in new[] { one, two })
            await desktop.Page.EvaluateAsync("slowTimers()");

        var inFront = await tabs.NewPageAsync();
        await inFront.BringToFrontAsync();
        foreach (var desktop in new[] { one, two })
            Assert.Equal("hidden", await desktop.Page.EvaluateAsync<string>("document.visibilityState"));

        var until = DateTimeOffset.UtcNow + Desktops.Timeout + Desktops.Timeout;
        await one.LivesUntilAsync(until, await one.ConnectionAsync());
        await two.LivesUntilAsync(until, await two.ConnectionAsync());

        foreach (var agent in new[] { withWorker, without })
            Assert.DoesNotContain(await desktops.StoryAsync(agent), e => e.StartsWith("connection-lost", StringComparison.Ordinal));
        foreach (var page in new[] { one.Page, two.Page, inFront })
            await page.CloseAsync();
    }

    [Fact]
    [Trait("Rule", "CON-1")]
    public async Task A_hidden_tab_whose_timers_the_browser_slows_to_one_a_minute_is_not_taken_for_one_that_hangs()
    {
        var agent = await desktops.AgentAsync();
        var tabs = desktops.Chromium.Tabs;
        var desktop = await desktops.OpenAsync(tabs, agent);
        var connection = await desktop.ConnectionAsync();
        var inFront = await tabs.NewPageAsync();
        await inFront.BringToFrontAsync();
        await desktop.Page.EvaluateAsync("countTimers()");

        // The browser waits a while before it does.
        await Eventually.IsAsync(
            () => desktop.Page.EvaluateAsync<bool>("Date.now() - ran.at(-1) > 5000"),
            () => "The timers of the hidden tab are not slowed.",
            longest: TimeSpan.FromMinutes(2)
        );
        var before = await desktop.Page.EvaluateAsync<int>("ran.length");
        await desktop.LivesUntilAsync(DateTimeOffset.UtcNow + 3 * Desktops.Timeout, connection);
        var ran = await desktop.Page.EvaluateAsync<int>("ran.length") - before;

        Assert.True(ran <= 2, $"{ran} timers ran in {3 * Desktops.Timeout.TotalSeconds} s: they are not slowed.");
        Assert.Equal("hidden", await desktop.Page.EvaluateAsync<string>("document.visibilityState"));
        Assert.DoesNotContain(await desktops.StoryAsync(agent), e => e.StartsWith("connection-lost", StringComparison.Ordinal));
        await desktop.Page.CloseAsync();
        await inFront.CloseAsync();
    }

    [Fact]
    [Trait("Rule", "CON-4")]
    public async Task A_frozen_tab_is_lost_and_restored_when_it_runs_again()
    {
        var agent = await desktops.AgentAsync();
        var tabs = desktops.Chromium.Tabs;
        var desktop = await desktops.OpenAsync(tabs, agent);
        await desktop.SetPresenceAsync("busy");
        var connection = await desktop.ConnectionAsync();

        var inFront = await tabs.NewPageAsync();
        await inFront.BringToFrontAsync();
        await desktop.BecomesAsync("frozen");
        await desktops.UntilAsync(agent, "presence-changed CON-3 offline");

        await desktop.Page.BringToFrontAsync();
        await desktop.BecomesAsync("active");
        var story = await desktops.UntilAsync(agent, "presence-changed CON-4 busy");
        Assert.Contains("connection-lost CON-3 heartbeat", story);
        await desktop.IsOnlineAsync();
        await desktop.ShowsStatusAsync("busy");
        Assert.Equal(connection, await desktop.ConnectionAsync());
        await desktop.Page.CloseAsync();
        await inFront.CloseAsync();
    }

    [Fact]
    public async Task When_the_tab_that_reads_the_stream_freezes_the_other_goes_on()
    {
        var agent = await desktops.AgentAsync();
        var tabs = desktops.Chromium.Tabs;
        var first = await desktops.OpenAsync(tabs, agent);
        var second = await desktops.OpenAsync(tabs, agent);
        await second.Page.BringToFrontAsync();
        var stream = await second.Page.RunAndWaitForRequestAsync(
            () => first.BecomesAsync("frozen"),
            request => request.Url.Contains("/stream", StringComparison.Ordinal)
        );
        Assert.True(stream.Headers.ContainsKey("last-event-id"));

        await desktops.SetPresenceAsync(agent, "busy");
        await second.ShowsStatusAsync("busy");

        await first.BecomesAsync("active");
        await first.ShowsStatusAsync("busy");
        await first.Page.CloseAsync();
        await second.Page.CloseAsync();
    }
}
