using System.Globalization;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>The pages of the administration.</summary>
[Collection(SharedSite.Name)]
public sealed class AdministrationTests(Site site) : IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    private const string Administrator = "administrator:root";

    private static int _ids;

    [Fact]
    public async Task A_status_is_added_by_keyboard_alone_and_others_see_it_at_once()
    {
        var id = NewId("away-training");
        var watching = await site.OpenAsync("supervisor:sue", "/administration/statuses");
        await Expect(watching.Page.GetByText("Do not disturb").First).ToBeVisibleAsync();
        var tab = await site.OpenAsync(Administrator, "/administration/statuses");
        await Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "Add a status" })).ToBeVisibleAsync();
        var keys = tab.Page.Keyboard;

        await tab.Page.Locator("h1").FocusAsync();
        await keys.PressAsync("Tab");
        await keys.PressAsync("Enter");
        await Expect(tab.Page.GetByLabel("Id")).ToBeVisibleAsync();
        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Show retired ones" }).FocusAsync();
        await keys.PressAsync("Tab");
        await keys.TypeAsync(id);
        await keys.PressAsync("Tab");
        await keys.TypeAsync("In training " + id);
        await keys.PressAsync("Enter");

        await Expect(tab.Page.GetByText($"In training {id} is saved.")).ToBeVisibleAsync();
        await Expect(watching.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToBeVisibleAsync();
        await Expect(watching.Page.GetByRole(AriaRole.Link, new() { Name = "Add a status" })).ToHaveCountAsync(0);
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("administration-statuses");
        tab.IsClean();
        watching.IsClean();
    }

    [Fact]
    public async Task A_status_is_edited_and_retired_and_the_address_says_whether_retired_ones_are_shown()
    {
        var id = NewId("away-lunch");
        await site.DoneAsync("PUT", "statuses/" + id, new { text = "Lunch " + id, @base = "away" }, Administrator);
        var tab = await site.OpenAsync(Administrator, "/administration/statuses?edit=" + id, dark: true);

        await tab.Page.GetByLabel("Description").FillAsync("The midday break");
        await tab.ShootAsync("administration-statuses-dark");
        await tab.IsAccessibleAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToContainTextAsync("The midday break");

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Retire Lunch " + id }).ClickAsync();
        await tab.Page.GetByLabel("Reason", new() { Exact = true }).FillAsync("Nobody eats any more");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Retire" }).ClickAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToHaveCountAsync(0);

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Show retired ones" }).ClickAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToContainTextAsync("Retired");
        Assert.EndsWith("?retired=true", tab.Page.Url, StringComparison.Ordinal);
        tab.IsClean();
    }

    [Fact]
    public async Task What_somebody_else_changes_meanwhile_is_shown_and_does_not_undo_what_is_typed()
    {
        var id = NewId("busy-mail");
        await site.DoneAsync("PUT", "statuses/" + id, new { text = "Mail", @base = "busy" }, Administrator);
        var tab = await site.OpenAsync(Administrator, "/administration/statuses?edit=" + id);
        await tab.Page.Locator("#status-text").FillAsync("Letters");

        await site.DoneAsync("PUT", "statuses/" + id, new { text = "Parcels", @base = "busy" }, Administrator);
        await Expect(tab.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToContainTextAsync("Parcels");

        await Expect(tab.Page.Locator("#status-text")).ToHaveValueAsync("Letters");
        tab.IsClean();
    }

    [Fact]
    public async Task A_capacity_profile_is_added_and_given_back()
    {
        var id = NewId("voice");
        var agent = await site.AgentAsync("pro");
        var tab = await site.OpenAsync(Administrator, "/administration/profiles?new=true");

        await tab.Page.GetByLabel("Id").FillAsync(id);
        await tab.Page.GetByLabel("Name").FillAsync("Voice " + id);
        await tab.Page.Locator("#profile-limit").FillAsync("2");
        await tab.Page.GetByLabel("Gives back").SelectOptionAsync("end-of-day");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToContainTextAsync("At the end of the day");

        await site.DoneAsync("PUT", "agents/" + agent, new { profiles = new[] { new { profileId = id } } }, Administrator);
        await site.DoneAsync("PUT", $"agents/{agent}/conversations/c1", new { profiles = new[] { id } }, "service:routing");
        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Reset now Voice " + id }).ClickAsync();
        await tab.IsAccessibleAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Reset now" }).ClickAsync();
        await Expect(tab.Page.GetByText("Agents for whom it was given back: 1.")).ToBeVisibleAsync();
        await tab.ShootAsync("administration-profiles");
        tab.IsClean();
    }

    [Fact]
    public async Task A_policy_is_tried_before_it_is_live_and_the_address_is_the_trial()
    {
        var agent = await site.AgentAsync("missed");
        await site.DoneAsync("PUT", $"agents/{agent}/conversations/c1", new { units = 10 }, "service:routing");
        await site.DoneAsync("POST", $"agents/{agent}/conversations/c1/miss", null, "service:routing");
        var tab = await site.OpenAsync("supervisor:sue", "/administration/policy");

        await tab.Page.GetByLabel("A missed notification sets Inactive").SelectOptionAsync("false");
        await Expect(tab.Page.GetByText("It is Yes now.")).ToBeVisibleAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Try it" }).ClickAsync();

        await Expect(tab.Page.Locator("#changed-scenarios")).ToBeVisibleAsync();
        var changed = int.Parse(
            (await tab.Page.Locator("#changed-scenarios").InnerTextAsync()).Split(' ')[0],
            CultureInfo.InvariantCulture
        );
        Assert.InRange(changed, 3, 50);
        await Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = agent, Exact = true })).ToBeVisibleAsync();
        await Expect(tab.Page.GetByText("no longer holds").First).ToBeVisibleAsync();
        Assert.EndsWith("?missedNotificationSetsInactive=false", tab.Page.Url, StringComparison.Ordinal);
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("administration-policy", fullPage: true);

        var shared = await site.OpenAsync("auditor:al", new Uri(tab.Page.Url).PathAndQuery, dark: true);
        await Expect(shared.Page.Locator("#changed-scenarios")).ToContainTextAsync(changed.ToString(CultureInfo.InvariantCulture) + " of");
        await Expect(shared.Page.GetByRole(AriaRole.Button, new() { Name = "Put into force" })).ToHaveCountAsync(0);
        await shared.IsAccessibleAsync();
        await shared.ShootAsync("administration-policy-dark");

        // Nothing of it is recorded.
        var policy = await site.Client.GetAsync("policy", Administrator);
        Assert.True(policy.Json.GetProperty("missedNotificationSetsInactive").GetBoolean());
        tab.IsClean();
        shared.IsClean();
    }

    [Fact]
    public async Task A_policy_is_put_into_force_and_who_looks_sees_it()
    {
        var watching = await site.OpenAsync("supervisor:sue", "/administration/policy");
        var tab = await site.OpenAsync(Administrator, "/administration/policy");
        var times = tab.Page.Locator("#flappingTimes");
        var next = int.Parse(await times.InputValueAsync(), CultureInfo.InvariantCulture) + 1;

        await times.FillAsync("many");
        await Expect(tab.Page.GetByText("This cannot be read.")).ToBeVisibleAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "Put into force" })).ToBeDisabledAsync();
        await times.FillAsync("1000000");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Put into force" }).ClickAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("flappingTimes");

        await times.FillAsync(next.ToString(CultureInfo.InvariantCulture));
        await tab.Page.GetByLabel("Reason", new() { Exact = true }).FillAsync("Fewer false alarms");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Put into force" }).ClickAsync();

        await Expect(tab.Page.GetByText("The policy is in force.")).ToBeVisibleAsync();
        await Expect(watching.Page.Locator("#flappingTimes")).ToHaveValueAsync(next.ToString(CultureInfo.InvariantCulture));
        tab.IsClean();
    }

    [Fact]
    public async Task An_agent_is_registered_edited_and_erased()
    {
        var profile = NewId("chat");
        await site.DoneAsync("PUT", "capacity-profiles/" + profile, new { name = "Chat " + profile, limit = 3 }, Administrator);
        var id = NewId("eve");
        var tab = await site.OpenAsync(Administrator, "/administration/agents");

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Register an agent" }).ClickAsync();
        await tab.Page.GetByLabel("Id").FillAsync(id);
        await tab.Page.GetByLabel("Name", new() { Exact = false }).First.FillAsync("Eve Example " + id);
        await tab.Page.Locator("#agent-units").FillAsync("80");
        await tab.Page.GetByLabel("Chat " + profile, new() { Exact = true }).CheckAsync();
        await tab.Page.GetByLabel("Custom limit of Chat " + profile).FillAsync("5");
        await tab.Page.GetByLabel("Skills").FillAsync("billing, german=native");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Register" }).ClickAsync();
        await Expect(tab.Page.GetByText($"Agent {id} is registered.")).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("Agent " + id);

        await Expect(tab.Page.GetByLabel("Skills")).ToHaveValueAsync("billing, german=native");
        await tab.Page.GetByLabel("Queues").FillAsync("q-admin, q-two");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await Expect(tab.Page.GetByText($"The settings of {id} are saved.")).ToBeVisibleAsync();
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("administration-agent", fullPage: true);

        var list = await site.OpenAsync("auditor:al", "/administration/agents?queue=q-admin&q=" + id);
        await Expect(list.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToContainTextAsync("Eve Example");
        await Expect(list.Page.GetByRole(AriaRole.Row, new() { Name = id })).ToContainTextAsync($"{profile} (5)");
        await list.IsAccessibleAsync();
        await list.ShootAsync("administration-agents");
        list.IsClean();

        await tab.Page.GetByText("Erase the person behind this agent").ClickAsync();
        await tab.Page.GetByLabel("Code of the reason").FillAsync("left");
        await Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "Erase for good" })).ToBeDisabledAsync();
        await tab.Page.GetByLabel($"Write {id} to confirm").FillAsync(id);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Erase for good" }).ClickAsync();
        await Expect(tab.Page.GetByText($"What was known of the person behind {id} is erased.")).ToBeVisibleAsync();
        var settings = await site.Client.GetAsync("agents/" + id, Administrator);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, settings.Json.GetProperty("displayName").ValueKind);
        Assert.Equal(2, settings.Json.GetProperty("queues").GetArrayLength());
        tab.IsClean();
    }

    [Fact]
    public async Task What_an_agents_presence_lacks_is_shown_and_what_to_do()
    {
        var agent = await site.AgentAsync("lacking", signedIn: false);
        var tab = await site.OpenAsync("supervisor:sue", "/administration/diagnostics");

        await tab.Page.GetByLabel("Agent", new() { Exact = true }).FillAsync(agent);
        await tab.Page.Keyboard.PressAsync("Enter");
        await Expect(tab.Page.GetByText($"Prerequisites of {agent} that fail: 2.")).ToBeVisibleAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Row, new() { Name = "A connection lives" })).ToContainTextAsync("The agent signs in.");
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("administration-diagnostics");

        // It is looked at again by itself.
        await site.DoneAsync("POST", $"agents/{agent}/sign-in", new { connectionId = "test" }, "agent:" + agent);
        await Expect(tab.Page.GetByText($"All is well with {agent}.")).ToBeVisibleAsync();
        tab.IsClean();
    }

    [Fact]
    public async Task Personas_and_the_service_are_shown_as_they_are()
    {
        var tab = await site.OpenAsync("auditor:al", "/administration/personas");
        var configure = tab.Page.GetByRole(AriaRole.Row, new() { Name = "Change statuses, capacity profiles and policy" });
        await Expect(configure.GetByRole(AriaRole.Cell)).ToHaveTextAsync(["–No", "–No", "Yes", "–No", "–No"]);
        var audit = tab.Page.GetByRole(AriaRole.Row, new() { Name = "Read timeline, state and evidence" });
        await Expect(audit.GetByRole(AriaRole.Cell).First).ToHaveTextAsync("own only");
        await Expect(tab.Page.GetByText("Access:Mode=Open")).ToBeVisibleAsync();
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("administration-personas");

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Service", Exact = true }).ClickAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Row, new() { Name = "presence" })).ToBeVisibleAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "Verify" })).ToBeVisibleAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Button, new() { Name = "Seal now" })).ToHaveCountAsync(0);
        tab.IsClean();
    }

    [Fact]
    public async Task An_administrator_seals_and_verifies_the_ledger()
    {
        var tab = await site.OpenAsync("administrator:root", "/administration");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Seal now" }).ClickAsync();
        await Expect(tab.Page.GetByText("Seals made:")).ToBeVisibleAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Verify" }).ClickAsync();
        await Expect(tab.Page.GetByText("events hold.")).ToBeVisibleAsync();
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("administration-service");
        tab.IsClean();
    }

    [Fact]
    public async Task Who_has_nothing_to_do_here_is_told_so_and_it_speaks_Russian()
    {
        var agent = await site.AgentAsync();
        var none = await site.OpenAsync("agent:" + agent, "/administration/policy");
        await Expect(none.Page.GetByText($"agent:{agent} has nothing to do here.")).ToBeVisibleAsync();
        none.IsClean();

        var tab = await site.OpenAsync(
            "supervisor:sue",
            "/administration/policy?missedNotificationSetsInactive=false",
            language: "ru-RU",
            dark: true
        );
        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("Политика");
        await Expect(tab.Page.GetByText("Иначе проходят")).ToBeVisibleAsync();
        await tab.ShootAsync("administration-russian");
        await tab.Page.GotoAsync("/administration");
        await Expect(tab.Page.GetByText("Модели чтения").First).ToBeVisibleAsync();
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("administration-service-dark");
        tab.IsClean();
    }

    private static string NewId(string name) => $"{name}-{Interlocked.Increment(ref _ids)}";
}
