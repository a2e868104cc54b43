using System.Collections.Concurrent;
using Deque.AxeCore.Playwright;
using PresenceLedger.Testing;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>One service and one browser for all tests that leave them as they are, but for agents and people of their own.</summary>
[CollectionDefinition(Name)]
public sealed class SharedSite : ICollectionFixture<Site>
{
    public const string Name = "site";
}

/// <summary>A browser, and the service with its pages on a database of its own.</summary>
public class Site : IAsyncLifetime
{
    private const string Administrator = "administrator:root";

    private TestDatabase _database = null!;
    private ServiceProcess _service = null!;
    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;
    private int _ids;

    /// <summary>What it is started with beside the database.</summary>
    public string[] Settings { get; init; } = [];

    /// <summary>What is in its environment.</summary>
    public (string Name, string Value)[] Environment { get; init; } = [];

    /// <summary>Where the screenshots of the tests go; kept, and looked at.</summary>
    public static string Screenshots { get; } =
        System.Environment.GetEnvironmentVariable("PRESENCE_LEDGER_SCREENSHOTS") is { Length: > 0 } folder
            ? folder
            : Path.Combine(AppContext.BaseDirectory, "screenshots");

    public ServiceClient Client { get; private set; } = null!;

    public Uri Url => _service.Url;

    public virtual async Task InitializeAsync()
    {
        SetDefaultExpectTimeout(15_000);
        var playwright = Playwright.CreateAsync();
        _database = await TestPostgres.CreateDatabaseAsync();
        await WriteAsync(_database);
        _service = await ServiceProcess.StartAsync([.. _database.Arguments, .. Settings], Environment);
        Client = new ServiceClient(_service.Url);
        _playwright = await playwright;
        _browser = await _playwright.Chromium.LaunchAsync(
            new() { ExecutablePath = ChromiumPath.Find(), Args = ["--no-sandbox", "--disable-gpu"] }
        );
    }

    public async Task DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
        Client.Dispose();
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>Closes the pages of a test that has ended; open ones would go on following the service, all at once.</summary>
    public async Task CloseAsync()
    {
        foreach (var context in _browser.Contexts.ToArray())
            await context.CloseAsync();
    }

    /// <summary>Writes what the ledger is to have before the service starts: nothing, unless a site of its own has a past.</summary>
    protected virtual Task WriteAsync(TestDatabase database) => Task.CompletedTask;

    /// <summary>The service stops and starts again at the same address.</summary>
    public async Task RestartAsync()
    {
        var url = _service.Url;
        Assert.Equal(0, await _service.StopAsync("TERM"));
        await _service.DisposeAsync();
        _service = await ServiceProcess.StartAtAsync(url, [.. _database.Arguments, .. Settings], Environment);
    }

    /// <summary>A viewer's browser: a profile with a cookie of its own.</summary>
    /// <param name="actor">Who is signed in, as <c>supervisor:sue</c>.</param>
    /// <param name="language">What the browser asks for.</param>
    /// <param name="dark">Whether it prefers dark colours.</param>
    public async Task<IBrowserContext> SignedInAsync(string actor, string language = "en-GB", bool dark = false)
    {
        var context = await ProfileAsync(language, dark);
        var form = context.APIRequest.CreateFormData();
        var (kind, id) = (actor.Split(':')[0], actor.Split(':')[1]);
        form.Append("kind", kind);
        form.Append("id", id);
        var answer = await context.APIRequest.PostAsync("/session", new() { Form = form, MaxRedirects = 0 });
        Assert.Equal(302, answer.Status);
        return context;
    }

    /// <summary>A browser profile of somebody who is not signed in.</summary>
    public Task<IBrowserContext> ProfileAsync(string language = "en-GB", bool dark = false) =>
        _browser.NewContextAsync(
            new()
            {
                BaseURL = Url.GetLeftPart(UriPartial.Authority),
                Locale = language,
                TimezoneId = "Europe/Berlin",
                ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
                ViewportSize = new() { Width = 1440, Height = 900 },
                AcceptDownloads = true,
            }
        );

    /// <summary>Opens a page and waits until it is alive; whatever its console or the policy complains of fails the test that asks <see cref="Tab.IsClean"/>.</summary>
    public async Task<Tab> OpenAsync(IBrowserContext context, string path)
    {
        var page = await context.NewPageAsync();
        var tab = new Tab(page);
        await page.GotoAsync(path);
        await Expect(page.Locator("header.top nav")).ToBeVisibleAsync();
        await Expect(page.Locator("h1").First).ToBeVisibleAsync();
        return tab;
    }

    /// <summary>Opens a page in a profile of its own.</summary>
    public async Task<Tab> OpenAsync(string actor, string path, string language = "en-GB", bool dark = false) =>
        await OpenAsync(await SignedInAsync(actor, language, dark), path);

    /// <summary>An agent that no other test knows, with 100 units; signed in or not.</summary>
    public async Task<string> AgentAsync(string prefix = "ana", bool signedIn = true, string? displayName = null)
    {
        var id = $"{prefix}-{Interlocked.Increment(ref _ids)}";
        await DoneAsync("PUT", "agents/" + id, new { units = 100, displayName }, Administrator);
        if (signedIn)
            await DoneAsync("POST", $"agents/{id}/sign-in", new { connectionId = "test" }, "agent:" + id);
        return id;
    }

    /// <summary>Sends what has to succeed.</summary>
    public async Task<Answer> DoneAsync(string method, string path, object? body, string actor)
    {
        var answer = await Client.SendAsync(method, path, body, actor);
        Assert.True(answer.Status is 200 or 201 or 204, $"{method} {path}: {answer}");
        return answer;
    }
}

/// <summary>A page under test, with all that its browser complained of.</summary>
public sealed class Tab
{
    private readonly ConcurrentQueue<string> _complaints = new();

    public Tab(IPage page)
    {
        Page = page;
        page.Console += (_, message) =>
        {
            if (message.Type is "error")
                _complaints.Enqueue(message.Text);
        };
        page.PageError += (_, error) => _complaints.Enqueue(error);
    }

    public IPage Page { get; }

    /// <summary>Nothing was blocked by the Content-Security-Policy, and no script failed.</summary>
    public void IsClean() => Assert.Empty(_complaints);

    /// <summary>axe finds nothing serious or critical.</summary>
    public async Task IsAccessibleAsync()
    {
        var found = await Page.RunAxe();
        var serious = found
            .Violations.Where(v => v.Impact is "serious" or "critical")
            .Select(v => $"{v.Id} ({v.Impact}): {v.Help}\n  {string.Join("\n  ", v.Nodes.Take(5).Select(n => n.Html))}")
            .ToArray();
        Assert.True(serious.Length == 0, string.Join("\n", serious));
    }

    /// <summary>Keeps a picture, to be looked at.</summary>
    public async Task ShootAsync(string name, bool fullPage = false)
    {
        Directory.CreateDirectory(Site.Screenshots);
        await Page.ScreenshotAsync(new() { Path = Path.Combine(Site.Screenshots, name + ".png"), FullPage = fullPage });
    }
}
