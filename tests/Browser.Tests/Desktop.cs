using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace PresenceLedger.Browser.Tests;

/// <summary>A tab with an agent's desktop.</summary>
public sealed class Desktop(Desktops desktops, IPage page, string agentId)
{
    public IPage Page => page;

    /// <summary>The page signed in and shows so.</summary>
    public async Task IsOnlineAsync()
    {
        await ShowsStateAsync("online");
        await Expect(page.Locator("#connection")).Not.ToBeEmptyAsync();
    }

    public Task ShowsStateAsync(string state) => Expect(page.Locator("#state")).ToHaveTextAsync(state);

    public Task ShowsStatusAsync(string statusId) => Expect(page.Locator("#status")).ToHaveTextAsync(statusId);

    /// <summary>The id of the tab's connection.</summary>
    public Task<string> ConnectionAsync() => page.EvaluateAsync<string>("presence.connectionId");

    /// <summary>The agent sets the presence here.</summary>
    public async Task SetPresenceAsync(string statusId)
    {
        await page.EvaluateAsync("statusId => presence.setPresence(statusId)", statusId);
        await ShowsStatusAsync(statusId);
    }

    /// <summary>Waits until the tab's connection was seen alive at an instant yet to come; fails where it is lost before.</summary>
    public async Task LivesUntilAsync(DateTimeOffset instant, string connectionId)
    {
        DateTimeOffset? seen = null;
        await Eventually.IsAsync(
            async () =>
            {
                var before = seen;
                seen = await desktops.LastSeenAsync(agentId, connectionId);
                Assert.True(seen is not null || before is null, $"Connection {connectionId} was lost; it was last seen at {before:O}.");
                return seen >= instant;
            },
            () => $"Connection {connectionId} was last seen at {seen:O}, and not until {instant:O}."
        );
    }

    /// <summary>The page begins to hang: nothing in it runs until <see cref="Desktops.LetGo"/>.</summary>
    public async Task HangAsync()
    {
        desktops.HoldUp(agentId);
        await page.EvaluateAsync("void setTimeout(hang)");
    }

    /// <summary>The browser freezes the tab (<c>frozen</c>), or has it run again (<c>active</c>).</summary>
    public async Task BecomesAsync(string lifecycleState)
    {
        var devtools = await page.Context.NewCDPSessionAsync(page);
        await devtools.SendAsync("Page.setWebLifecycleState", new Dictionary<string, object> { ["state"] = lifecycleState });
        await devtools.DetachAsync();
    }
}
