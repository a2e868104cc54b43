namespace PresenceLedger.Browser.Tests;

/// <summary>Networks and services that go and come back.</summary>
[Collection(DesktopsCollection.Name)]
public sealed class NetworkTests(Desktops desktops)
{
    [Fact]
    [Trait("Rule", "CON-4")]
    public async Task Without_network_for_longer_than_the_timeout_the_agent_is_Offline_and_back_in_time_restored_without_a_reload()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);
        await desktop.SetPresenceAsync("busy");
        await desktop.Page.EvaluateAsync("window.sameDocument = true");

        await profile.SetOfflineAsync(true);
        await desktop.ShowsStateAsync("offline");
        await desktops.UntilAsync(agent, "presence-changed CON-3 offline");

        await profile.SetOfflineAsync(false);
        await desktops.UntilAsync(agent, "presence-changed CON-4 busy");
        await desktop.IsOnlineAsync();
        await desktop.ShowsStatusAsync("busy");
        Assert.True(await desktop.Page.EvaluateAsync<bool>("window.sameDocument"));
    }

    [Fact]
    [Trait("Rule", "CON-1")]
    public async Task Without_network_for_a_moment_nothing_is_lost()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);
        var connection = await desktop.ConnectionAsync();

        await profile.SetOfflineAsync(true);
        await desktop.ShowsStateAsync("offline");
        await profile.SetOfflineAsync(false);

        await desktop.ShowsStateAsync("online");
        await desktop.LivesUntilAsync(DateTimeOffset.UtcNow + Desktops.Timeout, connection);
        Assert.Equal("presence-changed SGN-1 available", (await desktops.StoryAsync(agent))[^1]);
    }

    [Fact]
    [Trait("Rule", "CON-8")]
    public async Task After_a_restart_of_the_service_the_page_comes_back_by_itself_and_nothing_was_lost()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);
        var connection = await desktop.ConnectionAsync();

        await desktops.KillServiceAsync();
        await desktop.ShowsStateAsync("offline");
        await desktops.StartServiceAsync();

        await desktop.ShowsStateAsync("online");
        await desktops.SetPresenceAsync(agent, "busy");
        await desktop.ShowsStatusAsync("busy");
        await desktop.LivesUntilAsync(DateTimeOffset.UtcNow + Desktops.Timeout, connection);
        Assert.Equal(
            ["agent-registered", "agent-signed-in", "presence-changed SGN-1 available", "presence-changed MAN-1 busy"],
            await desktops.StoryAsync(agent)
        );
    }
}
