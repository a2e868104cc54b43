using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Playwright;
using PresenceLedger.Testing;

namespace PresenceLedger.Browser.Tests;

/// <summary>The machine's Chromium, driven by Playwright.</summary>
public sealed class Chromium : IAsyncDisposable
{
    // What tests usually switch off: slow timers in hidden tabs and the back/forward cache are what these tests are about.
    private static readonly string[] NotSwitchedOff =
    [
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        "--disable-back-forward-cache",
    ];

    // What hidden tabs are slowed down to after five minutes, after a second.
    private const string SlowTimersSoon = "--enable-features=CDPScreenshotNewSurface,IntensiveWakeUpThrottling:grace_period_seconds/1";

    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;

    private Chromium(IPlaywright playwright, IBrowser browser, IBrowser asIs)
    {
        _playwright = playwright;
        _browser = browser;
        Tabs = asIs.Contexts[0];
    }

    /// <summary>Tabs of one window as they are: all but the one in front are hidden. Elsewhere every page believes that it is in front.</summary>
    public IBrowserContext Tabs { get; }

    public static async Task<Chromium> StartAsync()
    {
        var playwright = await Playwright.CreateAsync();
        var port = FreePort().ToString(CultureInfo.InvariantCulture);
        var browser = await playwright.Chromium.LaunchAsync(
            new()
            {
                ExecutablePath = ChromiumPath.Find(),
                // Root has no sandbox, nor have many containers.
                Args = ["--no-sandbox", "--remote-debugging-port=" + port, SlowTimersSoon],
                IgnoreDefaultArgs = NotSwitchedOff,
            }
        );
        var asIs = await playwright.Chromium.ConnectOverCDPAsync("http://127.0.0.1:" + port, new() { NoDefaults = true });
        return new Chromium(playwright, browser, asIs);
    }

    /// <summary>A profile of its own, as of another machine.</summary>
    public Task<IBrowserContext> NewProfileAsync() => _browser.NewContextAsync();

    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
