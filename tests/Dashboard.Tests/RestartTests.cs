namespace PresenceLedger.Dashboard.Tests;

/// <summary>A service that restarts under its pages; not one that other tests use.</summary>
public sealed class RestartTests(Site site) : IClassFixture<Site>
{
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
}
