using System.IO.Compression;
using System.Text.RegularExpressions;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>The list of agents, and the page of an agent.</summary>
[Collection(SharedSite.Name)]
public sealed class AgentTests(Site site) : IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    private const string Supervisor = "supervisor:sue";

    [Fact]
    public async Task The_list_is_searched_and_filtered_and_its_address_keeps_that()
    {
        var (una, uma) = (await site.AgentAsync("list-una", displayName: "Una Quist"), await site.AgentAsync("list-uma", signedIn: false));
        var tab = await site.OpenAsync(Supervisor, "/agents?q=list-u");
        var rows = tab.Page.Locator("tbody tr");
        await Expect(rows).ToHaveCountAsync(2);
        await Expect(rows.Filter(new() { HasText = una })).ToContainTextAsync("Una Quist");
        await tab.ShootAsync("agents");
        await tab.IsAccessibleAsync();

        await tab.Page.GetByLabel("Status").SelectOptionAsync("Available");

        await Expect(rows).ToHaveCountAsync(1);
        await Expect(tab.Page).ToHaveURLAsync(new Regex("q=list-u&base=available"));
        await tab.Page.ReloadAsync();
        await Expect(rows).ToHaveCountAsync(1);
        await tab.Page.GetByLabel("Status").SelectOptionAsync("Away");
        await Expect(tab.Page.GetByText("No agent fits the filters.")).ToBeVisibleAsync();

        await tab.Page.GotoAsync("/agents?q=list-u");
        await Expect(rows).ToHaveCountAsync(2);
        await site.DoneAsync("POST", $"agents/{uma}/sign-in", new { connectionId = "test" }, "agent:" + uma);
        await Expect(rows.Filter(new() { HasText = uma })).ToContainTextAsync("Available");
        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Una Quist" }).ClickAsync();
        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("Una Quist");
        tab.IsClean();
    }

    [Theory]
    [InlineData("SIP/8007")]
    [InlineData("auth0|5f7c")]
    [InlineData("Jürgen, 1st line?")]
    [InlineData("100%")]
    public async Task An_agent_of_any_name_has_a_page_and_may_be_who_looks(string name)
    {
        var path = "agents/" + Uri.EscapeDataString(name);
        await site.DoneAsync("PUT", path, new { units = 100 }, "administrator:root");
        await site.DoneAsync("POST", path + "/sign-in", new { connectionId = "tab 1" }, "agent:" + Uri.EscapeDataString(name));

        var tab = await site.OpenAsync("agent:" + name, "/" + path);

        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync(name);
        await Expect(tab.Page.Locator("section.entries tbody tr")).ToHaveCountAsync(3);
        var evidence = await tab.Page.Context.APIRequest.GetAsync($"/{path}/evidence");
        Assert.Equal(200, evidence.Status);
        var statuses = await tab.Page.Context.APIRequest.GetAsync($"/reports/{path}/statuses.csv");
        Assert.Equal(200, statuses.Status);
        await tab.Page.GotoAsync("/agents");
        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync(name);
        tab.IsClean();
    }

    [Fact]
    public async Task What_happens_is_on_the_page_at_once()
    {
        var ana = await site.AgentAsync("live");
        var tab = await site.OpenAsync(Supervisor, $"/agents/{ana}");
        var rows = tab.Page.Locator("section.entries tbody tr");
        await Expect(rows).ToHaveCountAsync(3);
        await Expect(tab.Page.Locator(".head .live")).ToHaveTextAsync("Live");

        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "agent:" + ana);

        await Expect(rows.First).ToContainTextAsync("set by hand from Available to Away");
        await Expect(tab.Page.Locator(".head .now")).ToContainTextAsync("Away");
        await Expect(tab.Page.Locator(".stretch[data-lane=statuses][data-look=away]")).ToHaveCountAsync(1);
        tab.IsClean();
    }

    [Fact]
    public async Task An_entry_leads_to_the_state_at_its_instant_and_why_and_a_link_shows_the_same()
    {
        var ana = await site.AgentAsync("replay");
        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away", reason = new { text = "dentist" } }, "agent:" + ana);
        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "busy" }, "supervisor:sam");
        var tab = await site.OpenAsync(Supervisor, $"/agents/{ana}");

        await Entry(tab, "from Available to Away").GetByRole(AriaRole.Button).First.ClickAsync();
        await Expect(tab.Page.Locator(".details")).ToContainTextAsync("dentist");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "State at this instant" }).ClickAsync();

        var replay = tab.Page.Locator("section.replay");
        await Expect(replay.Locator(".why")).ToContainTextAsync($"agent {ana} was Away");
        await Expect(replay.Locator(".why")).ToContainTextAsync("“dentist”");
        await Expect(replay).ToContainTextAsync("MAN-1");
        await Expect(tab.Page).ToHaveURLAsync(new Regex(@"at=\d{4}-"));
        await tab.Page.ReloadAsync();
        await Expect(replay.Locator(".why")).ToContainTextAsync($"agent {ana} was Away");
        await replay.GetByRole(AriaRole.Button, new() { Name = "Back to now" }).ClickAsync();
        await Expect(replay.Locator("h2").First).ToHaveTextAsync("Now");
        await Expect(replay.Locator(".presence")).ToContainTextAsync("Busy");
        tab.IsClean();
    }

    [Fact]
    public async Task Entries_are_filtered_and_the_address_keeps_that()
    {
        var ana = await site.AgentAsync("filter");
        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "supervisor:sam");
        var tab = await site.OpenAsync(Supervisor, $"/agents/{ana}");
        var rows = tab.Page.Locator("section.entries tbody tr");

        await tab.Page.GetByLabel("Type").SelectOptionAsync("presence-changed");
        await Expect(rows).ToHaveCountAsync(2);
        await tab.Page.GetByLabel("Who did it").SelectOptionAsync("supervisor:sam");
        await Expect(rows).ToHaveCountAsync(1);

        await Expect(tab.Page).ToHaveURLAsync(new Regex("type=presence-changed&actor=supervisor"));
        await tab.Page.ReloadAsync();
        await Expect(rows).ToHaveCountAsync(1);
        await tab.Page.GetByLabel("Rule").SelectOptionAsync("MAN-1");
        await tab.Page.GetByLabel("Type").SelectOptionAsync("");
        await tab.Page.GetByLabel("Who did it").SelectOptionAsync("");
        await Expect(rows).ToHaveCountAsync(1);
    }

    [Fact]
    public async Task An_agent_has_its_own_page_alone_and_disputes_an_entry_that_a_supervisor_answers()
    {
        var (ana, other) = (await site.AgentAsync("own"), await site.AgentAsync("other"));
        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "supervisor:sam");
        var own = await site.OpenAsync("agent:" + ana, "/agents");
        await Expect(own.Page).ToHaveURLAsync(new Regex($"/agents/{ana}$"));

        await Entry(own, "from Available to Away").GetByRole(AriaRole.Button).First.ClickAsync();
        await own.Page.GetByLabel("What is not right").FillAsync("I was on a call.");
        await own.Page.GetByRole(AriaRole.Button, new() { Name = "Dispute this entry" }).ClickAsync();
        await Expect(own.Page.Locator(".disputes")).ToContainTextAsync("I was on a call.");
        await Expect(Entry(own, "from Available to Away")).ToContainTextAsync("awaits an answer");

        var answering = await site.OpenAsync("supervisor:sam", $"/agents/{ana}");
        await answering.Page.GetByLabel("Your answer").FillAsync("So it was.");
        await answering.Page.GetByRole(AriaRole.Button, new() { Name = "The agent is right" }).ClickAsync();
        await Expect(Entry(answering, "from Available to Away")).ToContainTextAsync("Disputed: the agent is right");
        await answering.ShootAsync("agent-dispute");
        answering.IsClean();

        await own.Page.ReloadAsync();
        await Expect(own.Page.Locator(".disputes")).ToContainTextAsync("So it was.");
        await own.Page.GetByText("Who read this").ClickAsync();
        await Expect(own.Page.Locator(".readers tbody tr").First).ToContainTextAsync("supervisor:sam");
        own.IsClean();
        await own.Page.GotoAsync("/agents/" + other);
        await Expect(own.Page.GetByText("reads its own audit only")).ToBeVisibleAsync();
        await Expect(own.Page.Locator(".picture")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task The_record_is_verified_and_the_evidence_saved()
    {
        var ana = await site.AgentAsync("proof");
        var tab = await site.OpenAsync("auditor:al", $"/agents/{ana}");
        await Expect(tab.Page.Locator(".verified")).ToContainTextAsync("Record verified, 3 events");

        var saved = await tab.Page.RunAndWaitForDownloadAsync(() =>
            tab.Page.GetByRole(AriaRole.Link, new() { Name = "Evidence, all" }).ClickAsync()
        );
        Assert.Equal($"evidence-{ana}.zip", saved.SuggestedFilename);
        using var zip = await ZipFile.OpenReadAsync(await saved.PathAsync());
        Assert.Contains("events.ndjson", zip.Entries.Select(e => e.FullName));

        await site.DoneAsync("POST", "ledger/seals", null, "administrator:root");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Verify again" }).ClickAsync();
        await Expect(tab.Page.Locator(".verified")).ToContainTextAsync("sealed up to 2");
        tab.IsClean();
    }

    [Fact]
    public async Task The_page_speaks_Russian_and_so_does_the_ledger()
    {
        var ana = await site.AgentAsync("ru");
        await site.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = "away" }, "supervisor:sam");
        var tab = await site.OpenAsync(Supervisor, $"/agents/{ana}", language: "ru-RU");
        await Expect(tab.Page.Locator("section.entries tbody tr").First)
            .ToContainTextAsync("Статус сменён вручную с «Доступен» на «Нет на месте».");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Почему так?" }).ClickAsync();
        await Expect(tab.Page.Locator(".why")).ToContainTextAsync("Команда поступила от супервизора sam.");
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("agent-russian");
    }

    [Fact]
    public async Task Nobody_knows_an_agent_that_there_is_not()
    {
        var tab = await site.OpenAsync(Supervisor, "/agents/nobody-of-that-name");
        await Expect(tab.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("agent-unknown");
        await Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "To the list of agents" })).ToBeVisibleAsync();
    }

    private static ILocator Entry(Tab tab, string text) => tab.Page.Locator("section.entries tbody tr").Filter(new() { HasText = text });
}

/// <summary>A center with a past, where who reads somebody's audit has to say what for.</summary>
public sealed class SimulatedDays : Site
{
    public SimulatedDays() => Settings = ["--Audit:PurposeRequired=true"];

    protected override async Task WriteAsync(TestDatabase database)
    {
        await LedgerSchema.ApplyAsync(database.SuperuserConnectionString, "presence_ledger", CancellationToken.None);
        string[] simulate = ["simulate", "--agents", "4", "--days", "3", "--start", "2026-03-23", "--time-zone", "Europe/Berlin"];
        var ended = await ServiceProcess.RunAsync([.. simulate, "--connection", database.SuperuserConnectionString]);
        Assert.True(ended.ExitCode == 0, ended.Errors);
    }
}

/// <summary>The picture of a day, of agents with a past.</summary>
public sealed class DayPictureTests(SimulatedDays site) : IClassFixture<SimulatedDays>, IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    private const string Agent = "agent-0001";
    private const string Day = $"/agents/{Agent}?day=2026-03-24";

    [Fact]
    public async Task The_picture_has_what_the_report_has_and_looks_right_in_both_themes()
    {
        // The day of Berlin, by the facts of the reports.
        var report = await site.Client.GetAsync(
            $"reports/historical/agents/{Agent}/statuses?from=2026-03-24&to=2026-03-25&timeZone=Europe/Berlin&view=raw&limit=1000",
            "agent:" + Agent
        );
        var stood = report.Json.GetProperty("items").EnumerateArray().Count(i => i.GetProperty("durationSeconds").GetDouble() > 0);

        var tab = await site.OpenAsync("agent:" + Agent, Day);
        await Expect(tab.Page.Locator(".stretch[data-lane=statuses]")).ToHaveCountAsync(stood);
        Assert.True(await tab.Page.Locator(".stretch[data-lane=conversations]").CountAsync() > 5);
        Assert.True(await tab.Page.Locator(".stretch[data-lane=connections]").CountAsync() > 0);
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("agent-day");
        await tab.Page.EmulateMediaAsync(new() { Media = Media.Print });
        await tab.ShootAsync("agent-day-print");
        tab.IsClean();

        var dark = await site.OpenAsync(
            "agent:" + Agent,
            Day + "&from=2026-03-24T09:00:00Z&to=2026-03-24T11:00:00Z&at=2026-03-24T10:00:00Z",
            dark: true
        );
        await Expect(dark.Page.Locator(".why")).ToContainTextAsync("At 2026-03-24 10:00:00Z agent agent-0001 was");
        await dark.IsAccessibleAsync();
        await dark.ShootAsync("agent-day-dark");
        dark.IsClean();
    }

    [Fact]
    public async Task All_of_it_is_reached_by_keys()
    {
        var tab = await site.OpenAsync("agent:" + Agent, Day);
        var picture = tab.Page.GetByRole(AriaRole.Application);
        await Expect(picture).ToBeVisibleAsync();
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Zoom in" }).FocusAsync();
        for (var n = 0; n < 8 && !await picture.EvaluateAsync<bool>("chart => chart === document.activeElement"); n++)
            await tab.Page.Keyboard.PressAsync("Tab");
        await Expect(picture).ToBeFocusedAsync();

        await tab.Page.Keyboard.PressAsync("Home");
        await Expect(tab.Page.Locator("tr.selected")).ToHaveCountAsync(1);
        var first = await tab.Page.Locator("tr.selected").GetAttributeAsync("data-version");
        await tab.Page.Keyboard.PressAsync("ArrowRight");
        await Expect(tab.Page.Locator("tr.selected")).Not.ToHaveAttributeAsync("data-version", first!);
        await Expect(tab.Page.Locator(".under")).ToContainTextAsync("2026-03-24");
        await tab.Page.Keyboard.PressAsync("+");
        await Expect(tab.Page).ToHaveURLAsync(new Regex("from=2026-03-2"));
        await tab.Page.Keyboard.PressAsync("0");
        await Expect(tab.Page).Not.ToHaveURLAsync(new Regex("from="));

        // The slider: nothing is read until it stands still.
        await tab.Page.GetByRole(AriaRole.Slider).FocusAsync();
        await tab.Page.Keyboard.PressAsync("ArrowLeft");
        await tab.Page.Keyboard.PressAsync("ArrowLeft");
        await Expect(tab.Page.Locator(".why")).ToContainTextAsync("agent-0001 was");
        tab.IsClean();
    }

    [Fact]
    public async Task The_wheel_and_the_pointer_look_nearer_and_two_instants_are_compared()
    {
        var tab = await site.OpenAsync("agent:" + Agent, Day);
        var picture = tab.Page.GetByRole(AriaRole.Application);
        await Expect(picture).ToHaveAttributeAsync("data-listens", "");
        var drawing = picture.Locator("> svg");
        await drawing.HoverAsync();
        await tab.Page.Keyboard.DownAsync("Control");
        await tab.Page.Mouse.WheelAsync(0, -400);
        await tab.Page.Keyboard.UpAsync("Control");
        await Expect(tab.Page).ToHaveURLAsync(new Regex("from=2026-03-24T"));

        await drawing.ClickAsync();
        await Expect(tab.Page.Locator(".why")).ToContainTextAsync("agent-0001 was");
        await tab.Page.GetByLabel("Compare with").FillAsync("2026-03-24T00:00");
        await Expect(tab.Page.Locator(".replay tbody")).ToContainTextAsync("version");
        await Expect(tab.Page).ToHaveURLAsync(new Regex("compare=2026-03-23T23"));
        tab.IsClean();
    }

    [Fact]
    public async Task Who_reads_the_day_of_somebody_else_says_what_for_and_that_is_seen()
    {
        var tab = await site.OpenAsync("auditor:al", Day);
        await tab.Page.GetByLabel("Purpose").FillAsync("complaint 4711");
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Go on" }).ClickAsync();
        await Expect(tab.Page.Locator(".picture")).ToBeVisibleAsync();
        await Expect(tab.Page.Locator(".verified")).ToContainTextAsync("Record verified");

        await tab.Page.GetByText("Who read this").ClickAsync();
        await Expect(tab.Page.Locator(".readers tbody tr").First).ToContainTextAsync("complaint 4711");
        await tab.IsAccessibleAsync();
    }
}
