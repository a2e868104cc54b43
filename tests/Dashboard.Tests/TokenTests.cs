using PresenceLedger.Testing;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>Signing in where tokens are asked for (Access:Mode=Jwt).</summary>
public sealed class TokenTests : IAsyncLifetime
{
    private static readonly Issuer Issuer = new("a key of the tests, of more than 32 bytes");

    private readonly Site _site = new()
    {
        Settings = ["--Access:Mode", "Jwt", "--Access:Audience", Issuer.Audience],
        Environment = [("Access__SigningKey", Issuer.Key)],
    };

    public Task InitializeAsync() => _site.InitializeAsync();

    public Task DisposeAsync() => _site.DisposeAsync();

    [Fact]
    public async Task A_token_is_asked_for_and_leads_back_to_where_one_was_going()
    {
        var page = await (await _site.ProfileAsync()).NewPageAsync();
        await page.GotoAsync("/agents?q=ana");
        Assert.Equal("/sign-in", new Uri(page.Url).AbsolutePath);

        await page.GetByLabel("Token").FillAsync("nonsense");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("not valid");
        await page.GetByLabel("Token").FillAsync(Issuer.Token("sue", "supervisor"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();

        await Expect(page.GetByText("supervisor:sue")).ToBeVisibleAsync();
        Assert.Equal("/agents?q=ana", new Uri(page.Url).PathAndQuery);
        // A refresh is the same person's; signing out is not.
        await page.ReloadAsync();
        await Expect(page.GetByText("supervisor:sue")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(page.GetByLabel("Token")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_token_whose_roles_are_nobodys_is_refused_and_a_cookie_of_the_pages_is_no_token()
    {
        var context = await _site.ProfileAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync("/sign-in");
        await page.GetByLabel("Token").FillAsync(Issuer.Token("joe", "janitor"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("persona");

        await page.GetByLabel("Token").FillAsync(Issuer.Token("ann", "administrator"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Expect(page.GetByText("administrator:ann")).ToBeVisibleAsync();

        // What is sent along by browsers without anybody's doing is not believed by the API, nor is a header.
        var answer = await context.APIRequest.GetAsync("/api/v1/agents", new() { Headers = [new("X-Actor", "administrator:ann")] });
        Assert.Equal(401, answer.Status);
    }
}
