using System.Globalization;
using System.Text.RegularExpressions;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>The agent's console: by the browser client, at a service of mode Open.</summary>
[Collection(SharedSite.Name)]
public sealed class ConsoleTests(Site site) : IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    private const string Administrator = "administrator:root";

    [Fact]
    public async Task An_agent_is_signed_in_and_chooses_a_custom_status_with_a_reason()
    {
        await site.DoneAsync("PUT", "statuses/away-coaching", new { text = "In coaching", @base = "away" }, Administrator);
        var (agent, tab) = await OpenAsync();
        await StandsAsync(tab, "available");

        await tab.Page.GetByLabel("Reason").FillAsync("With Sue until three");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "In coaching" }).ClickAsync();

        await StandsAsync(tab, "away-coaching");
        await Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "In coaching" })).ToHaveAttributeAsync("aria-pressed", "true");
        await Expect(tab.Page.Locator(".entries li").First).ToContainTextAsync("In coaching");
        var entry = (await site.Client.GetAsync($"agents/{agent}/timeline?order=desc&limit=1", "agent:" + agent)).Json.GetProperty("items")[
            0
        ];
        Assert.Equal("With Sue until three", entry.GetProperty("reason").GetProperty("text").GetString());
        Assert.Equal("agent-console", entry.GetProperty("client").GetString());
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("console");
        tab.IsClean();
    }

    [Fact]
    public async Task A_status_is_chosen_for_a_while_and_capacity_decides_when_it_is_over()
    {
        var (agent, tab) = await OpenAsync();
        await StandsAsync(tab, "available");
        var duration = tab.Page.GetByLabel("Stands for");

        await duration.SelectOptionAsync("15");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Away", Exact = true }).ClickAsync();

        await StandsAsync(tab, "away");
        await Expect(tab.Page.Locator(".now .until")).ToContainTextAsync("until");
        Assert.InRange(await UntilAsync(agent), DateTimeOffset.UtcNow.AddMinutes(13), DateTimeOffset.UtcNow.AddMinutes(15.1));
        await Expect(duration).ToHaveValueAsync("");

        await duration.SelectOptionAsync("time");
        var inTwoHours = await tab.Page.EvaluateAsync<string>("new Date(Date.now() + 7_200_000).toTimeString().slice(0, 5)");
        await tab.Page.Locator("input[type=time]").FillAsync(inTwoHours);
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("console-until");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Do not disturb", Exact = true }).ClickAsync();
        await StandsAsync(tab, "do-not-disturb");
        Assert.InRange(await UntilAsync(agent), DateTimeOffset.UtcNow.AddMinutes(115), DateTimeOffset.UtcNow.AddMinutes(121));

        var soon = DateTimeOffset.UtcNow.AddSeconds(10);
        await site.DoneAsync("PUT", $"agents/{agent}/presence", new { statusId = "away", until = soon }, "supervisor:sue");
        await Expect(Standing(tab)).ToHaveAttributeAsync("data-status", "away");
        await Expect(Standing(tab)).ToHaveAttributeAsync("data-status", "available", new() { Timeout = 30_000 });
        await Expect(tab.Page.Locator(".now .until")).ToHaveCountAsync(0);
        await Expect(tab.Page.Locator(".entries li").First).ToContainTextAsync("MAN-6");
        tab.IsClean();
    }

    /// <summary>Until when the newest status stands. The page knows it from the answer to its command, before it is in the read model.</summary>
    private async Task<DateTimeOffset> UntilAsync(string agent)
    {
        var newest = (await site.Client.GetAsync($"agents/{agent}/timeline?order=desc&limit=1", "auditor:ada")).Json.GetProperty("items")[
            0
        ];
        var presence = await site.Client.GetAsync($"agents/{agent}/presence?minVersion={newest.GetProperty("version").GetInt64()}");
        return presence.Json.GetProperty("until").GetDateTimeOffset();
    }

    [Fact]
    public async Task What_a_supervisor_does_shows_at_once()
    {
        var (agent, tab) = await OpenAsync();
        await StandsAsync(tab, "available");

        await site.DoneAsync("PUT", $"agents/{agent}/presence", new { statusId = "busy" }, "supervisor:sue");

        await Expect(Standing(tab)).ToHaveAttributeAsync("data-status", "busy");
        await Expect(tab.Page.Locator(".entries li").First).ToContainTextAsync("supervisor:sue");
    }

    [Fact]
    public async Task A_conversation_is_taken_and_brought_to_its_end_by_keyboard_alone()
    {
        var (agent, tab) = await OpenAsync();
        await StandsAsync(tab, "available");

        await PressAsync(tab, "Let it ring");
        await Expect(tab.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("Incoming: chat from queue practice, 40 units");
        await tab.ShootAsync("console-ringing");
        await PressAsync(tab, "Accept");

        await StandsAsync(tab, "busy");
        await Expect(tab.Page.Locator(".ringing")).ToHaveCountAsync(0);
        await Expect(tab.Page.Locator("#conversations")).ToBeFocusedAsync();
        await Expect(tab.Page.GetByText("40 of 100", new() { Exact = true })).ToBeVisibleAsync();
        await PressAsync(tab, "Put to wait");
        await StandsAsync(tab, "available");
        await PressAsync(tab, "Resume");
        await StandsAsync(tab, "busy");
        await PressAsync(tab, "Wrap up");
        await Expect(tab.Page.GetByRole(AriaRole.Cell, new() { Name = "Wrap-up" })).ToBeVisibleAsync();
        await PressAsync(tab, "Close");

        await StandsAsync(tab, "available");
        await Expect(tab.Page.GetByText("No conversation is open.")).ToBeVisibleAsync();
        var types = (await site.Client.GetAsync($"agents/{agent}/timeline", "agent:" + agent)).Text;
        Assert.Contains("conversation-closed", types, StringComparison.Ordinal);
        tab.IsClean();
    }

    [Fact]
    public async Task A_conversation_that_rings_out_is_missed_until_presence_is_reset()
    {
        var (_, tab) = await OpenAsync();
        await StandsAsync(tab, "available");

        await tab.Page.GetByLabel("Rings for").FillAsync("1");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Let it ring" }).ClickAsync();

        await StandsAsync(tab, "inactive");
        await Expect(tab.Page.Locator(".missed")).ToContainTextAsync("You missed a conversation");
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("console-missed");
        await PressAsync(tab, "Reset presence");
        await StandsAsync(tab, "available");
        await Expect(tab.Page.Locator(".missed")).ToHaveCountAsync(0);
        await Expect(tab.Page.Locator("#now")).ToBeFocusedAsync();
        tab.IsClean();
    }

    [Fact]
    public async Task Offers_that_cannot_be_delivered_make_inactive_and_say_what_to_look_at()
    {
        var (agent, tab) = await OpenAsync();
        await StandsAsync(tab, "available");

        for (var times = 1; times <= 3; times++)
        {
            await Expect(tab.Page.Locator(".entries li").Filter(new() { HasText = "could not be delivered" })).ToHaveCountAsync(times - 1);
            await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Offer that cannot be delivered" }).ClickAsync();
        }

        await StandsAsync(tab, "inactive");
        await Expect(tab.Page.Locator(".missed")).ToContainTextAsync("Offers could not be delivered to your device");
        await tab.IsAccessibleAsync();
        await PressAsync(tab, "Reset presence");
        await StandsAsync(tab, "available");
        var day = await site.OpenAsync("agent:" + agent, "/agents/" + agent);
        await Expect(day.Page.Locator("option", new() { HasText = "Offer undelivered" })).ToHaveCountAsync(1);
        tab.IsClean();
    }

    [Fact]
    public async Task An_outbound_attempt_is_active_at_once_and_wrapped_up_although_nobody_answered()
    {
        var (_, tab) = await OpenAsync();
        await StandsAsync(tab, "available");

        await PressAsync(tab, "Call out");

        await StandsAsync(tab, "busy");
        await Expect(tab.Page.Locator(".ringing")).ToHaveCountAsync(0);
        await Expect(tab.Page.GetByRole(AriaRole.Cell, new() { Name = "Active · outbound" })).ToBeVisibleAsync();
        await PressAsync(tab, "Wrap up");
        await Expect(tab.Page.GetByRole(AriaRole.Cell, new() { Name = "Wrap-up · outbound" })).ToBeVisibleAsync();
        await PressAsync(tab, "Close");
        await StandsAsync(tab, "available");
        tab.IsClean();
    }

    [Fact]
    public async Task A_conversation_that_is_rejected_sets_do_not_disturb_and_looks_right_in_the_dark()
    {
        var (agent, tab) = await OpenAsync(dark: true);
        await StandsAsync(tab, "available");
        await site.DoneAsync(
            "PUT",
            $"agents/{agent}/conversations/c1",
            new
            {
                units = 60,
                channel = "chat",
                queue = "billing",
            },
            "service:routing"
        );
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Accept" }).ClickAsync();
        await StandsAsync(tab, "busy");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Let it ring" }).ClickAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Reject" }).ClickAsync();

        await StandsAsync(tab, "do-not-disturb");
        await Expect(tab.Page.Locator(".missed")).ToContainTextAsync("You rejected a conversation");
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("console-dark");
        tab.IsClean();
    }

    [Fact]
    public async Task What_the_service_refuses_is_said()
    {
        var (agent, tab) = await OpenAsync();
        await site.DoneAsync("PUT", "statuses/away-soon-gone", new { text = "Soon gone", @base = "away" }, Administrator);
        await tab.Page.ReloadAsync();
        var choice = tab.Page.GetByRole(AriaRole.Button, new() { Name = "Soon gone" });
        await Expect(choice).ToBeEnabledAsync();

        await site.DoneAsync("POST", "statuses/away-soon-gone/retire", null, Administrator);
        await choice.ClickAsync();

        await Expect(tab.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("status-retired");
        await Expect(choice).ToHaveCountAsync(0);
        await StandsAsync(tab, "available");
        Assert.Equal("available", await StatusAsync(agent));
    }

    [Fact]
    public async Task Who_signed_out_stays_so_when_the_page_is_loaded_anew()
    {
        var (agent, tab) = await OpenAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "End work" }).ClickAsync();
        await IsAsync(tab, "signed-out");

        await tab.Page.ReloadAsync();
        await IsAsync(tab, "signed-out");
        Assert.Equal("offline", await StatusAsync(agent));
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Start work" }).ClickAsync();

        await IsAsync(tab, "online");
        await StandsAsync(tab, "available");
        tab.IsClean();
    }

    [Fact]
    public async Task Another_page_of_the_dashboard_keeps_the_agent_signed_in()
    {
        var (agent, tab) = await OpenAsync();
        var farewells = 0;
        tab.Page.Request += (_, request) => farewells += request.Url.Contains("/closing", StringComparison.Ordinal) ? 1 : 0;

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "PresenceLedger" }).ClickAsync();
        await Expect(tab.Page.Locator(".console")).ToHaveCountAsync(0);
        await site.DoneAsync("PUT", $"agents/{agent}/presence", new { statusId = "away" }, "supervisor:sue");
        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Console", Exact = true }).ClickAsync();

        await IsAsync(tab, "online");
        await StandsAsync(tab, "away");
        Assert.Equal(0, farewells);
        var presence = (await site.Client.GetAsync($"agents/{agent}/presence")).Json;
        Assert.Equal(1, presence.GetProperty("connections").GetInt32());
    }

    [Fact]
    public async Task Who_is_no_agent_is_told_how_to_become_one()
    {
        var tab = await site.OpenAsync("supervisor:sue", "/console");

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Sign in as an agent" }).ClickAsync();

        await Expect(tab.Page.Locator("#kind")).ToHaveValueAsync("Agent");
        tab.IsClean();
    }

    [Fact]
    public async Task Whom_the_ledger_does_not_know_may_register_to_try_it()
    {
        var agent = await site.AgentAsync("known", signedIn: false) + "-not";
        var tab = await site.OpenAsync("agent:" + agent, "/console");
        await Expect(tab.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("agent-unknown");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Register " + agent }).ClickAsync();

        await IsAsync(tab, "online");
        await StandsAsync(tab, "available");
        await Expect(tab.Page.GetByText("0 of 100", new() { Exact = true })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task It_speaks_Russian()
    {
        var (_, tab) = await OpenAsync(language: "ru-RU");

        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("Рабочее место");
        await Expect(tab.Page.Locator(".tab .online")).ToHaveTextAsync("Связь есть");
        await Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "Подать обращение" })).ToBeVisibleAsync();
        await tab.ShootAsync("console-ru");
        tab.IsClean();
    }

    /// <summary>A console whose agent is online.</summary>
    private async Task<(string Agent, Tab Tab)> OpenAsync(string language = "en-GB", bool dark = false)
    {
        var agent = await site.AgentAsync("desk", signedIn: false);
        var tab = await site.OpenAsync("agent:" + agent, "/console", language, dark);
        await IsAsync(tab, "online");
        return (agent, tab);
    }

    private async Task<string?> StatusAsync(string agent) =>
        (await site.Client.GetAsync($"agents/{agent}/presence")).Json.GetProperty("statusId").GetString();

    private static ILocator Standing(Tab tab) => tab.Page.Locator(".standing");

    private static Task StandsAsync(Tab tab, string statusId) => Expect(Standing(tab)).ToHaveAttributeAsync("data-status", statusId);

    private static Task IsAsync(Tab tab, string state) => Expect(tab.Page.Locator(".tab")).ToHaveAttributeAsync("data-state", state);

    /// <summary>Goes to a button by Tab and presses it by Enter.</summary>
    private static async Task PressAsync(Tab tab, string name)
    {
        var button = tab.Page.GetByRole(
            AriaRole.Button,
            new() { NameRegex = new Regex("^" + Regex.Escape(name), RegexOptions.None, TimeSpan.FromSeconds(1)) }
        );
        await Expect(button).ToBeVisibleAsync();
        for (var stops = 0; stops < 60; stops++)
        {
            if (await button.EvaluateAsync<bool>("button => button === document.activeElement"))
            {
                await tab.Page.Keyboard.PressAsync("Enter");
                return;
            }
            await tab.Page.Keyboard.PressAsync("Tab");
        }
        Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"'{name}' is not reached by Tab."));
    }
}
