using System.Globalization;

namespace PresenceLedger.Browser.Tests;

/// <summary>Tabs that come, go, and are many.</summary>
[Collection(DesktopsCollection.Name)]
public sealed class TabTests(Desktops desktops)
{
    [Fact]
    public async Task A_presence_is_set_for_minutes_by_the_clock_of_the_service_though_that_of_the_computer_is_wrong()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);
        await desktop.IsOnlineAsync();
        await desktop.Page.EvaluateAsync("(() => { const now = Date.now; Date.now = () => now() - 7_200_000; })()");
        await desktop.SetPresenceAsync("busy");

        const string attempt = "presence.setPresence('away', { minutes: 10 }).then((p) => p.until)";
        var until = DateTimeOffset.Parse(await desktop.Page.EvaluateAsync<string>(attempt), CultureInfo.InvariantCulture);

        Assert.InRange(until, DateTimeOffset.UtcNow.AddMinutes(8), DateTimeOffset.UtcNow.AddMinutes(11));
        await desktop.ShowsStatusAsync("away");
    }

    [Fact]
    [Trait("Rule", "CON-6")]
    public async Task A_refresh_keeps_the_connection_and_changes_nothing_about_the_presence()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);
        await desktop.SetPresenceAsync("busy");
        var connection = await desktop.ConnectionAsync();

        await desktop.Page.ReloadAsync();
        await desktop.IsOnlineAsync();
        await desktop.ShowsStatusAsync("busy");
        Assert.Equal(connection, await desktop.ConnectionAsync());

        await desktop.LivesUntilAsync(DateTimeOffset.UtcNow + Desktops.Grace + Desktops.Grace, connection);
        // The page that goes may be heard after the one that comes, so of the connection there is more or less to tell.
        var story = await desktops.StoryAsync(agent);
        Assert.Contains("connection-closing CON-1", story);
        Assert.Equal(
            ["agent-registered", "agent-signed-in", "presence-changed SGN-1 available", "presence-changed MAN-1 busy"],
            story.Where(e => e is not ("connection-closing CON-1" or "connection-opened CON-6"))
        );
    }

    [Fact]
    [Trait("Rule", "CON-1")]
    public async Task A_closed_tab_is_lost_after_the_refresh_grace()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);

        await desktop.Page.CloseAsync();

        var story = await desktops.UntilAsync(agent, "presence-changed CON-3 offline");
        Assert.Equal(["connection-closing CON-1", "connection-lost CON-3 closed", "presence-changed CON-3 offline"], story.TakeLast(3));
    }

    [Fact]
    public async Task Back_from_another_page_the_desktop_goes_on_where_it_was()
    {
        var agent = await desktops.AgentAsync();
        var desktop = await desktops.OpenAsync(desktops.Chromium.Tabs, agent);
        var connection = await desktop.ConnectionAsync();
        await desktop.Page.EvaluateAsync("window.sameDocument = true");

        await desktop.Page.GotoAsync(desktops.Origin + "/elsewhere");
        await desktops.UntilAsync(agent, "connection-closing CON-1");
        await desktops.SetPresenceAsync(agent, "busy");
        await desktop.Page.EvaluateAsync("history.back()");

        // From the back/forward cache, which takes only pages that hold nothing.
        await desktop.Page.WaitForFunctionAsync("window.sameDocument");
        await desktop.ShowsStatusAsync("busy");
        await desktop.LivesUntilAsync(DateTimeOffset.UtcNow + Desktops.Grace + Desktops.Grace, connection);
        Assert.DoesNotContain(await desktops.StoryAsync(agent), e => e.StartsWith("connection-lost", StringComparison.Ordinal));
        await desktop.Page.CloseAsync();
    }

    [Fact]
    [Trait("Rule", "SGN-3")]
    public async Task Two_tabs_of_an_agent_share_one_stream_and_when_its_reader_closes_the_other_goes_on()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var streams = new List<string>();
        profile.Request += (_, request) =>
        {
            if (request.Url.Contains("/stream", StringComparison.Ordinal))
                lock (streams)
                    streams.Add(request.Headers.GetValueOrDefault("last-event-id", "from the beginning"));
        };
        var first = await desktops.OpenAsync(profile, agent);
        var second = await desktops.OpenAsync(profile, agent);
        Assert.NotEqual(await first.ConnectionAsync(), await second.ConnectionAsync());

        await desktops.SetPresenceAsync(agent, "busy");
        await first.ShowsStatusAsync("busy");
        await second.ShowsStatusAsync("busy");
        Assert.Equal(["from the beginning"], streams);

        await first.Page.CloseAsync();
        await desktops.SetPresenceAsync(agent, "away");
        await second.ShowsStatusAsync("away");
        Assert.Equal(2, streams.Count);
        Assert.NotEqual("from the beginning", streams[1]);
        Assert.Contains("connection-lost CON-2 closed", await desktops.UntilAsync(agent, "connection-lost CON-2 closed"));
        await second.ShowsStatusAsync("away");
    }

    [Fact]
    public async Task A_duplicated_tab_gets_a_connection_of_its_own()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);
        var connection = await desktop.ConnectionAsync();

        // A window that a page opens has a copy of its session storage, as a duplicated tab has.
        var page = await desktop.Page.RunAndWaitForPopupAsync(() => desktop.Page.EvaluateAsync("void window.open(location.href)"));
        var duplicate = new Desktop(desktops, page, agent);
        await duplicate.IsOnlineAsync();

        var own = await duplicate.ConnectionAsync();
        Assert.NotEqual(connection, own);
        await page.ReloadAsync();
        await duplicate.IsOnlineAsync();
        Assert.Equal(own, await duplicate.ConnectionAsync());
        Assert.Equal(connection, await desktop.ConnectionAsync());
    }

    [Fact]
    [Trait("Rule", "SGN-4")]
    public async Task Who_signs_out_in_one_tab_is_not_brought_back_by_another()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var reading = await desktops.OpenAsync(profile, agent);
        var other = await desktops.OpenAsync(profile, agent);

        await reading.Page.EvaluateAsync("presence.signOut()");
        await reading.ShowsStateAsync("signed-out");
        await other.ShowsStateAsync("signed-out");
        await other.ShowsStatusAsync("offline");
        Assert.Equal("presence-changed SGN-4 offline", (await desktops.StoryAsync(agent))[^1]);

        await other.Page.EvaluateAsync("presence.signIn()");
        await other.ShowsStateAsync("online");
        await desktops.DoneAsync("POST", $"agents/{agent}/sign-out", null, "supervisor:sue");
        await other.ShowsStateAsync("signed-out");
        Assert.Equal("presence-changed SGN-4 offline", (await desktops.StoryAsync(agent))[^1]);
    }
}
