namespace PresenceLedger.Dashboard.Tests;

/// <summary>A service that restarts under its pages; not one that other tests use.</summary>
public sealed class RestartTests(Site site) : IClassFixture<Site>, IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    [Fact]
    public async Task A_page_comes_back_after_the_service_restarts()
    {
        var tab = await site.OpenAsync("supervisor:sue", "/?q=1");

        await site.RestartAsync();

        await Expect(tab.Page.Locator("#components-reconnect-modal")).ToBeHiddenAsync(new() { Timeout = 30_000 });
        await Expect(tab.Page.Locator("header.top nav")).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await Expect(tab.Page.GetByText("supervisor:sue")).ToBeVisibleAsync();
        Assert.EndsWith("/?q=1", tab.Page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_at_the_console_is_after_a_restart_what_it_was()
    {
        // The page is loaded anew, which may take longer than the usual grace where the machine has much to do.
        await site.DoneAsync("PUT", "policy", new { refreshGrace = 60 }, "administrator:root");
        var agent = await site.AgentAsync(signedIn: false);
        var tab = await site.OpenAsync("agent:" + agent, "/console");
        await Expect(tab.Page.Locator(".tab")).ToHaveAttributeAsync("data-state", "online");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Away" }).ClickAsync();
        await Expect(tab.Page.Locator(".standing")).ToHaveAttributeAsync("data-status", "away");

        await site.RestartAsync();

        await Expect(tab.Page.Locator("#components-reconnect-modal")).ToBeHiddenAsync(new() { Timeout = 30_000 });
        await Expect(tab.Page.Locator(".tab")).ToHaveAttributeAsync("data-state", "online", new() { Timeout = 30_000 });
        await Expect(tab.Page.Locator(".standing")).ToHaveAttributeAsync("data-status", "away");
        // CON-6: it closed and came back, and that is all that there was.
        var story = await site.Client.GetAsync($"agents/{agent}/timeline?type=presence-changed", "agent:" + agent);
        Assert.True(story.Json.GetProperty("items").GetArrayLength() == 2, story.Text);
    }
}
