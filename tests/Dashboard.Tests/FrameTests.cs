namespace PresenceLedger.Dashboard.Tests;

/// <summary>What all pages share.</summary>
[Collection(SharedSite.Name)]
public sealed class FrameTests(Site site) : IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    [Fact]
    public async Task A_page_opens_without_a_complaint_of_the_browser()
    {
        var tab = await site.OpenAsync("supervisor:sue", "/");

        await Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "Real time" })).ToBeVisibleAsync();
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("frame");
        tab.IsClean();
    }

    [Fact]
    public async Task A_browser_that_asks_for_Russian_gets_it_and_may_choose_another()
    {
        var tab = await site.OpenAsync("supervisor:sue", "/", language: "ru-RU");
        await Expect(tab.Page.Locator("html")).ToHaveAttributeAsync("lang", "ru");
        await Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "Отчёт" })).ToBeVisibleAsync();

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "English" }).ClickAsync();

        await Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "Report" })).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("html")).ToHaveAttributeAsync("lang", "en");
    }

    [Fact]
    public async Task Dark_is_chosen_and_kept()
    {
        var tab = await site.OpenAsync("supervisor:sue", "/");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Dark" }).ClickAsync();
        await Expect(tab.Page.Locator("body")).ToHaveAttributeAsync("data-theme", "dark");
        await tab.Page.ReloadAsync();

        await Expect(tab.Page.Locator("body")).ToHaveAttributeAsync("data-theme", "dark");
        await Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "Dark" })).ToHaveAttributeAsync("aria-pressed", "true");
        await tab.ShootAsync("frame-dark");
    }

    [Fact]
    public async Task An_unknown_address_is_a_page_for_people_and_a_problem_for_programs()
    {
        var tab = await site.OpenAsync("supervisor:sue", "/no/such/page");

        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("There is no such page");
        var api = await site.Client.GetAsync("nothing", "supervisor:sue", ("Accept", "text/html"));
        Assert.Equal((404, "not-found"), (api.Status, api.Code));
    }

    [Fact]
    public async Task Everything_is_served_by_the_service_itself_under_a_strict_policy()
    {
        var context = await site.SignedInAsync("supervisor:sue");
        var hosts = new HashSet<string>(StringComparer.Ordinal);
        context.Request += (_, request) => hosts.Add(new Uri(request.Url).Authority);
        var page = await context.NewPageAsync();

        var answer = await page.GotoAsync("/");

        await Expect(page.Locator("header.top nav")).ToBeVisibleAsync();
        Assert.Equal([site.Url.Authority], hosts);
        var policy = answer!.Headers["content-security-policy"];
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-eval", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_of_other_sites_get_neither_a_page_nor_a_session()
    {
        var page = await site.Client.SendAsync("GET", "/", null, null, ("Host", "evil.example"));
        var session = await site.Client.SendAsync("POST", "/session", null, null, ("Origin", "https://evil.example"));

        Assert.Equal((403, 403), (page.Status, session.Status));
    }
}
