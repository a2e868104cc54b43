using System.Text.RegularExpressions;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>The wall of supervisors, in a browser.</summary>
[Collection(SharedSite.Name)]
public sealed partial class WallTests(Site site) : IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    private const string Administrator = "administrator:root";
    private const string Routing = "service:routing";
    private const string Sue = "supervisor:sue";

    private static int s_queues;

    [Fact]
    public async Task A_change_is_on_the_wall_within_a_second_with_who_made_it_and_why()
    {
        var queue = NewQueue();
        var (ana, ben) = (await AgentAsync(queue, "Ana"), await AgentAsync(queue, "Ben"));
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-status", "available");
        await Expect(Row(tab, ben)).ToBeVisibleAsync();
        await Expect(tab.Page.Locator(".told")).ToHaveAttributeAsync("data-hearing", "live");

        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away", reason = new { text = "Fire drill" } }, Sue);

        // A second is what is asked for; the machine of the tests may be busy with others.
        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-status", "away", new() { Timeout = 3_000 });
        await Expect(Row(tab, ben)).ToHaveAttributeAsync("data-status", "available");
        await Expect(Row(tab, ana).Locator("time.elapsed").First).ToHaveTextAsync(Seconds());
        await Row(tab, ana).Locator(".why").HoverAsync();
        var tip = tab.Page.GetByRole(AriaRole.Tooltip);
        await Expect(tip).ToContainTextAsync("Set by supervisor:sue at");
        await Expect(tip).ToContainTextAsync("Fire drill");
        await Expect(tip).ToContainTextAsync("Rule ");
        await tab.Page.Keyboard.PressAsync("Escape");
        await Expect(tip).ToBeHiddenAsync();
        await Row(tab, ben).Locator(".why").FocusAsync();
        await Expect(tip).ToContainTextAsync("No reason was given");
        await tab.Page.Keyboard.PressAsync("ArrowUp");
        await Expect(Row(tab, ana).Locator(".why")).ToBeFocusedAsync();
        await Expect(tip).ToContainTextAsync("Fire drill");
        tab.IsClean();
    }

    [Fact]
    public async Task A_conversation_that_two_agents_have_is_a_conflict_with_both_names_until_one_is_released()
    {
        var queue = NewQueue();
        var (ana, ben) = (await AgentAsync(queue, "Ana"), await AgentAsync(queue, "Ben"));
        await AgentAsync(queue, "Cleo");
        var conversation = queue + "-c1";
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Rows(tab)).ToHaveCountAsync(3);

        foreach (var agent in new[] { ana, ben })
            await site.DoneAsync("PUT", $"agents/{agent}/conversations/{conversation}", new { units = 10, autoAccept = true }, Routing);

        await Expect(Row(tab, ana).Locator(".conflicts")).ToHaveAttributeAsync("title", $"{conversation}: also with Ben");
        await Expect(Row(tab, ben).Locator(".conflicts")).ToHaveAttributeAsync("title", $"{conversation}: also with Ana");
        await Expect(tab.Page.Locator("[data-card=conflicts] .figure")).ToHaveTextAsync("1");
        await tab.Page.Locator("[data-card=conflicts]").ClickAsync();
        await Expect(Rows(tab)).ToHaveCountAsync(2);
        await Expect(tab.Page).ToHaveURLAsync(new Regex("conflicts=true"));
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("wall-conflict");

        await site.DoneAsync(
            "POST",
            $"agents/{ana}/conversations/{conversation}/force-release",
            new { reason = new { text = "Ben has the customer" } },
            Sue
        );
        await Expect(Rows(tab)).ToHaveCountAsync(0);
        await Expect(tab.Page.Locator("[data-card=conflicts] .figure")).ToHaveTextAsync("0");
        tab.IsClean();
    }

    [Fact]
    public async Task Until_when_a_status_stands_is_on_the_wall()
    {
        var queue = NewQueue();
        var ana = await AgentAsync(queue, "Ana");
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-status", "available");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Act on Ana" }).ClickAsync();
        var dialog = tab.Page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("New status").SelectOptionAsync("away");
        await dialog.GetByLabel("Stands for").SelectOptionAsync("30");
        await dialog.GetByLabel("Reason").FillAsync("First aid course");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Set", Exact = true }).ClickAsync();

        await Expect(Row(tab, ana).Locator(".until")).ToContainTextAsync("until");
        var until = (await site.Client.GetAsync($"agents/{ana}/presence")).Json.GetProperty("until").GetDateTimeOffset();
        Assert.InRange(until, DateTimeOffset.UtcNow.AddMinutes(28), DateTimeOffset.UtcNow.AddMinutes(30.1));
        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, Sue);
        await Expect(Row(tab, ana).Locator(".until")).ToHaveCountAsync(0);
        tab.IsClean();
    }

    [Fact]
    public async Task What_is_chosen_stands_in_the_address_and_survives_reload_and_the_way_back()
    {
        var queue = NewQueue();
        var (ana, ben) = (await AgentAsync(queue, "Ana"), await AgentAsync(queue, "Ben"));
        var cleo = await AgentAsync(queue, "Cleo", signedIn: false);
        await site.DoneAsync("PUT", $"agents/{ben}/presence", new { statusId = "away" }, Sue);
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Rows(tab)).ToHaveCountAsync(3);

        await tab.Page.Locator(".donut").GetByRole(AriaRole.Link, new() { Name = "Away" }).ClickAsync();
        await Expect(Rows(tab)).ToHaveCountAsync(1);
        await Expect(Row(tab, ben)).ToBeVisibleAsync();
        await Expect(tab.Page).ToHaveURLAsync(new Regex("status=away"));
        await tab.Page.ReloadAsync();
        await Expect(Rows(tab)).ToHaveCountAsync(1);
        await tab.Page.GoBackAsync();
        await Expect(Rows(tab)).ToHaveCountAsync(3);

        await tab.Page.Locator("[data-card=offline]").ClickAsync();
        await Expect(Rows(tab)).ToHaveCountAsync(1);
        await Expect(Row(tab, cleo)).ToBeVisibleAsync();
        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "All", Exact = true }).ClickAsync();
        await Expect(Rows(tab)).ToHaveCountAsync(3);

        await tab.Page.GetByLabel("Search").PressSequentiallyAsync("an");
        await Expect(Rows(tab)).ToHaveCountAsync(1);
        await Expect(Row(tab, ana)).ToBeVisibleAsync();
        await Expect(tab.Page).ToHaveURLAsync(new Regex("q=an"));
        await tab.Page.GetByLabel("Search").FillAsync("nobody is called so");
        await Expect(tab.Page.GetByText("No agent matches the filters.")).ToBeVisibleAsync();
        await tab.Page.GetByLabel("Search").FillAsync("");
        await Expect(Rows(tab)).ToHaveCountAsync(3);

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Agent", Exact = true }).ClickAsync();
        await Expect(Rows(tab).First).ToHaveAttributeAsync("data-agent", cleo);
        await Expect(tab.Page).ToHaveURLAsync(new Regex("sort=agent&order=desc"));
    }

    [Fact]
    public async Task A_wall_that_is_paused_stands_still_and_counts_what_it_misses()
    {
        var queue = NewQueue();
        var ana = await AgentAsync(queue, "Ana");
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-status", "available");

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync();
        await Expect(tab.Page.GetByText("Paused since")).ToBeVisibleAsync();
        var stood = await Row(tab, ana).Locator("time.elapsed").First.TextContentAsync();
        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "busy" }, Sue);
        await Expect(tab.Page.Locator(".paused .missed")).Not.ToHaveTextAsync("Changed meanwhile: 0");
        Assert.Equal("available", await Row(tab, ana).GetAttributeAsync("data-status"));
        Assert.Equal(stood, await Row(tab, ana).Locator("time.elapsed").First.TextContentAsync());

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Resume" }).ClickAsync();
        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-status", "busy");
    }

    [Fact]
    public async Task Many_agents_are_acted_on_at_once_and_what_came_of_it_is_said_for_each()
    {
        var queue = NewQueue();
        var (ana, ben) = (await AgentAsync(queue, "Ana"), await AgentAsync(queue, "Ben"));
        await AgentAsync(queue, "Cleo", signedIn: false);
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await tab.Page.GetByLabel("Select all that are listed").CheckAsync();
        await Expect(tab.Page.GetByText("Selected: 3")).ToBeVisibleAsync();

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Set presence…", Exact = true }).ClickAsync();
        var dialog = tab.Page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("New status").SelectOptionAsync("do-not-disturb");
        await dialog.GetByLabel("Reason").FillAsync("All hands");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Set", Exact = true }).ClickAsync();

        await Expect(dialog.GetByText("Done: 2. Refused: 1. Of 3.")).ToBeVisibleAsync();
        await Expect(dialog.Locator(".outcomes li").First).ToContainTextAsync("agent-not-signed-in");
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("wall-act");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        await Expect(dialog).ToBeHiddenAsync();
        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-status", "do-not-disturb");
        await Expect(Row(tab, ben)).ToHaveAttributeAsync("data-status", "do-not-disturb");
        var entry = (await site.Client.GetAsync($"agents/{ana}/timeline?order=desc&limit=1", Administrator)).Json.GetProperty("items")[0];
        Assert.Equal("sue", entry.GetProperty("actor").GetProperty("id").GetString());
        Assert.Contains("All hands", entry.GetRawText(), StringComparison.Ordinal);
        tab.IsClean();
    }

    [Fact]
    public async Task A_conversation_is_released_by_force_from_the_row_with_the_keyboard_alone()
    {
        var queue = NewQueue();
        var ana = await AgentAsync(queue, "Ana");
        await site.DoneAsync(
            "PUT",
            $"agents/{ana}/conversations/c-1",
            new
            {
                channel = "chat",
                units = 100,
                autoAccept = true,
            },
            Routing
        );
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Row(tab, ana).Locator("td").Nth(4)).ToContainTextAsync("100/100");
        await Expect(tab.Page.Locator("[data-card=full] .figure")).ToHaveTextAsync("1");

        await TabToAsync(tab, Row(tab, ana).Locator("[data-key=act]"));
        await tab.Page.Keyboard.PressAsync("Enter");
        var dialog = tab.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToBeVisibleAsync();
        await TabToAsync(tab, dialog.GetByLabel("Set presence…", new() { Exact = true }));
        await tab.Page.Keyboard.PressAsync("ArrowDown");
        await tab.Page.Keyboard.PressAsync("ArrowDown");
        await Expect(dialog.GetByText("c-1")).ToBeVisibleAsync();
        await TabToAsync(tab, dialog.GetByLabel("Reason"));
        await tab.Page.Keyboard.TypeAsync("Customer is gone");
        await tab.Page.Keyboard.PressAsync("Enter");

        await Expect(dialog.GetByText("Done: 1. Refused: 0. Of 1.")).ToBeVisibleAsync();
        await tab.Page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToBeHiddenAsync();
        await Expect(Row(tab, ana).Locator("[data-key=act]")).ToBeFocusedAsync();
        await Expect(tab.Page.Locator("[data-card=full] .figure")).ToHaveTextAsync("0");
    }

    [Fact]
    public async Task Rows_are_coloured_by_thresholds_of_the_viewer_that_the_browser_keeps()
    {
        var queue = NewQueue();
        var ana = await AgentAsync(queue, "Ana");
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Row(tab, ana)).ToBeVisibleAsync();
        await Expect(Row(tab, ana)).Not.ToHaveAttributeAsync("data-level", new Regex(".+"));

        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Thresholds" }).ClickAsync();
        var dialog = tab.Page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("Amber after, minutes: Available").FillAsync("0");
        await tab.ShootAsync("wall-thresholds");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();

        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-level", "amber");
        await Expect(Row(tab, ana)).ToContainTextAsync("Long");
        await tab.Page.ReloadAsync();
        await Expect(Row(tab, ana)).ToHaveAttributeAsync("data-level", "amber");
        tab.IsClean();
    }

    [Fact]
    public async Task Of_many_agents_only_those_in_sight_are_rows_and_the_last_is_a_scroll_away()
    {
        var queue = NewQueue();
        var ids = await Task.WhenAll(Enumerable.Range(100, 300).Select(n => AgentAsync(queue, $"Agent {n}", signedIn: false)));
        var tab = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(tab.Page.Locator(".listed")).ToContainTextAsync("300 of ");
        await Expect(Row(tab, ids[0])).ToBeVisibleAsync();
        Assert.InRange(await Rows(tab).CountAsync(), 5, 60);

        await tab.Page.Locator(".grid").EvaluateAsync("grid => grid.scrollTop = grid.scrollHeight");

        await Expect(Row(tab, ids[^1])).ToBeVisibleAsync();
        Assert.InRange(await Rows(tab).CountAsync(), 5, 60);
    }

    [Fact]
    public async Task Agents_do_not_get_it()
    {
        var ana = await AgentAsync(NewQueue(), "Ana");

        var tab = await site.OpenAsync("agent:" + ana, "/");

        await Expect(tab.Page.GetByText("This page shows all agents")).ToBeVisibleAsync();
        await Expect(Rows(tab)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task An_auditor_looks_and_is_offered_no_actions()
    {
        var queue = NewQueue();
        var ana = await AgentAsync(queue, "Ana");

        var tab = await site.OpenAsync("auditor:ada", "/?queue=" + queue);

        await Expect(Row(tab, ana)).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("[data-key=act], [data-key=select]")).ToHaveCountAsync(0);
        await Expect(Row(tab, ana).Locator("td").Nth(1)).ToContainTextAsync(":");
    }

    [Fact]
    public async Task It_is_accessible_in_light_and_dark_and_speaks_Russian()
    {
        var queue = NewQueue();
        await CrewAsync(queue);
        var light = await site.OpenAsync(Sue, "/?queue=" + queue);
        await Expect(Rows(light)).ToHaveCountAsync(16);
        await light.Page.GetByLabel("Select Bella Brook").CheckAsync();
        await light.IsAccessibleAsync();
        await light.ShootAsync("wall");
        light.IsClean();

        var dark = await site.OpenAsync(Sue, "/?queue=" + queue, dark: true);
        await Expect(Rows(dark)).ToHaveCountAsync(16);
        await dark.Page.EvaluateAsync(
            "localStorage.setItem('presence-ledger.thresholds', JSON.stringify({ away: { amber: 0, red: null }, busy: { amber: null, red: 0 } }))"
        );
        await dark.Page.ReloadAsync();
        await Expect(dark.Page.Locator("tr[data-level=red]").First).ToBeVisibleAsync();
        await dark.Page.Locator(".why").First.HoverAsync();
        await dark.IsAccessibleAsync();
        await dark.ShootAsync("wall-dark");

        var russian = await site.OpenAsync(Sue, "/?queue=" + queue, language: "ru-RU");
        await Expect(russian.Page.Locator("h1")).ToHaveTextAsync("Сейчас");
        await Expect(russian.Page.GetByText("Агентов: 16 из")).ToBeVisibleAsync();
        await russian.ShootAsync("wall-ru");
        russian.IsClean();
    }

    private static string NewQueue() => "wall-" + Interlocked.Increment(ref s_queues);

    private static ILocator Rows(Tab tab) => tab.Page.Locator("tr[data-agent]");

    private static ILocator Row(Tab tab, string agentId) => tab.Page.Locator($"tr[data-agent='{agentId}']");

    [GeneratedRegex("^0:\\d\\d$")]
    private static partial Regex Seconds();

    /// <summary>Presses Tab until something has the focus, as somebody without a mouse does.</summary>
    private static async Task TabToAsync(Tab tab, ILocator target)
    {
        for (var presses = 0; presses < 120; presses++)
        {
            if (await target.EvaluateAsync<bool>("element => element === document.activeElement"))
                return;
            await tab.Page.Keyboard.PressAsync("Tab");
        }
        Assert.Fail("The keyboard does not get there.");
    }

    private async Task<string> AgentAsync(string queue, string name, bool signedIn = true, string[]? skills = null)
    {
        var id = await site.AgentAsync(name.Split(' ')[0].ToLowerInvariant(), signedIn: false);
        var skillBodies = (skills ?? []).Select(skill => new { skill }).ToArray();
        await site.DoneAsync(
            "PUT",
            "agents/" + id,
            new
            {
                displayName = name,
                queues = new[] { queue },
                skills = skillBodies,
            },
            Administrator
        );
        if (signedIn)
            await site.DoneAsync("POST", $"agents/{id}/sign-in", new { connectionId = "test" }, "agent:" + id);
        return id;
    }

    /// <summary>A team in the middle of its work.</summary>
    private async Task CrewAsync(string queue)
    {
        string[] names =
        [
            "Aaron Abel",
            "Bella Brook",
            "Carlos Cruz",
            "Dana Diaz",
            "Emil Engel",
            "Fay Fisher",
            "Gus Grant",
            "Hana Holm",
            "Ivan Ilyin",
            "Jo Jansen",
            "Kim Kato",
            "Lena Lund",
            "Max Mayer",
            "Nora North",
            "Omar Osman",
            "Pia Park",
        ];
        for (var n = 0; n < names.Length; n++)
        {
            var id = await AgentAsync(queue, names[n], signedIn: n % 7 != 6, ["english", n % 2 == 0 ? "billing" : "returns"]);
            if (n % 7 == 6)
                continue;
            if (n % 3 == 0)
                await site.DoneAsync(
                    "PUT",
                    $"agents/{id}/conversations/c-{id}",
                    new
                    {
                        channel = "chat",
                        queue,
                        units = 40 + (n % 2 * 60),
                        autoAccept = true,
                    },
                    Routing
                );
            if (n % 5 == 1)
                await site.DoneAsync("PUT", $"agents/{id}/presence", new { statusId = "away", reason = new { text = "Lunch" } }, Sue);
            if (n % 5 == 2)
                await site.DoneAsync("PUT", $"agents/{id}/presence", new { statusId = "busy" }, "agent:" + id);
        }
    }
}
