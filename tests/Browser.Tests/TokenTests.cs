using PresenceLedger.Testing;
using static Microsoft.Playwright.Assertions;

namespace PresenceLedger.Browser.Tests;

/// <summary>Who the page is to the service, and what it refuses.</summary>
[Collection(DesktopsCollection.Name)]
public sealed class TokenTests(Desktops desktops)
{
    [Fact]
    [Trait("Rule", "DIA-1")]
    public async Task A_page_asks_for_another_token_where_its_own_is_not_taken_any_more_and_says_with_it_that_it_closes()
    {
        await using var database = await TestPostgres.CreateDatabaseAsync();
        var former = new Issuer("a key of the tests, of more than 32 bytes");
        var present = new Issuer("another key of the tests, of more than 32 bytes");
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var page = await profile.NewPageAsync();
        Uri url;
        await using (var first = await ServiceProcess.StartAsync(Arguments(database, former)))
        {
            url = first.Url;
            using var client = new ServiceClient(url);
            Assert.Equal(200, (await client.PutAsync("agents/ana", new { units = 100 }, null, former.Administrator)).Status);
            var tokens = $"&token={former.Token("ana", "agent")}&token={present.Token("ana", "agent")}";
            await page.GotoAsync(desktops.Address("ana", service: url) + tokens);
            await Expect(page.Locator("#status")).ToHaveTextAsync("available");
            await first.StopAsync("KILL");
        }
        await Expect(page.Locator("#state")).ToHaveTextAsync("offline");

        await using var second = await ServiceProcess.StartAtAsync(url, Arguments(database, present));
        using var again = new ServiceClient(url);
        await Expect(page.Locator("#state")).ToHaveTextAsync("online");
        await page.CloseAsync();
        var story = "";
        await Eventually.IsAsync(
            async () =>
            {
                story = (await again.GetAsync("agents/ana/timeline", null, present.Administrator)).Text;
                return story.Contains("connection-closing", StringComparison.Ordinal);
            },
            () => "The page did not say that it closes: " + story
        );
        Assert.DoesNotContain("connection-lost", story, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_service_refuses_is_told_to_who_asked()
    {
        var agent = await desktops.AgentAsync();
        await using var profile = await desktops.Chromium.NewProfileAsync();
        var desktop = await desktops.OpenAsync(profile, agent);
        const string attempt = "id => presence.setPresence(id, { reason: 'lunch' }).catch((problem) => problem.code)";
        Assert.Equal("status-unknown", await desktop.Page.EvaluateAsync<string>(attempt, "on-the-moon"));

        await desktop.Page.GotoAsync(desktops.Address("nobody"));
        await desktop.ShowsStateAsync("offline");
    }

    private string[] Arguments(TestDatabase database, Issuer issuer) =>
        [
            .. database.Arguments,
            "--Access:Mode",
            "Jwt",
            "--Access:Audience",
            Issuer.Audience,
            "--Access:SigningKey",
            issuer.Key,
            "--Access:Origins",
            desktops.Origin,
        ];
}
