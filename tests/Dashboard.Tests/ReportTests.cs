using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;

namespace PresenceLedger.Dashboard.Tests;

/// <summary>A week of a contact center, with the night in which the clocks of Europe go forward.</summary>
public sealed class SimulatedWeek : Site
{
    /// <summary>The week, by the clock of Berlin, as the page's address has it.</summary>
    public const string Week = "period=custom&from=2026-03-23T00%3A00&to=2026-03-30T00%3A00";

    /// <summary>The same, as the API has it.</summary>
    public const string WeekOfApi = "from=2026-03-23&to=2026-03-30&timeZone=Europe/Berlin";

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        // Waits for the past to be in the facts; the service itself does so for some seconds.
        var now = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        Answer answer;
        var tries = 0;
        do answer = await Client.GetAsync($"reports/historical/totals?bucket=total&{WeekOfApi}&asKnownAt={now}", "supervisor:sue");
        while (answer.Status is 503 && ++tries < 10);
        Assert.True(answer.Status is 200, answer.ToString());
    }

    protected override async Task WriteAsync(TestDatabase database)
    {
        await LedgerSchema.ApplyAsync(database.SuperuserConnectionString, "presence_ledger", CancellationToken.None);
        string[] simulate = ["simulate", "--agents", "24", "--days", "7", "--start", "2026-03-23", "--time-zone", "Europe/Berlin"];
        var ended = await ServiceProcess.RunAsync([.. simulate, "--connection", database.SuperuserConnectionString]);
        Assert.True(ended.ExitCode == 0, ended.Errors);
    }

    /// <summary>A report of the API, once all of the past is in it.</summary>
    public async Task<JsonElement> ReportAsync(string path)
    {
        var answer = await Client.GetAsync("reports/" + path, "supervisor:sue");
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json;
    }
}

/// <summary>The historical report.</summary>
public sealed class ReportTests(SimulatedWeek site) : IClassFixture<SimulatedWeek>, IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => site.CloseAsync();

    private const string Sue = "supervisor:sue";
    private const string Report = "/reports?" + SimulatedWeek.Week;

    /// <summary>Those of agents; the table beside the picture is another.</summary>
    private const string Rows = "section[aria-labelledby=agents] tbody tr:has(th)";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_page_has_the_numbers_of_the_API_in_a_picture_and_in_a_table(bool dark)
    {
        var tab = await site.OpenAsync(await site.SignedInAsync(Sue, dark: dark), Report);
        var totals = await site.ReportAsync("historical/totals?bucket=day&" + SimulatedWeek.WeekOfApi);

        var together = tab.Page.Locator("tfoot td");
        await Expect(together.First).ToHaveTextAsync(Length(totals.GetProperty("total").GetProperty("loginSeconds").GetDouble()));
        await Expect(tab.Page.Locator(".facts")).ToContainTextAsync("Agents: 24");
        await Expect(tab.Page.Locator(".facts")).ToContainTextAsync("Totals reconcile");
        var first = await site.ReportAsync("historical/agents?bucket=day&limit=1&" + SimulatedWeek.WeekOfApi);
        await Expect(tab.Page.Locator(Rows + " td.number").First)
            .ToHaveTextAsync(Length(first.GetProperty("items")[0].GetProperty("loginSeconds").GetDouble()));
        await Expect(tab.Page.Locator(".chart svg path").First).ToBeAttachedAsync();

        await tab.IsAccessibleAsync();
        await tab.ShootAsync(dark ? "report-dark" : "report", fullPage: true);
        tab.IsClean();
    }

    [Fact]
    public async Task A_bar_tells_its_numbers_and_leads_into_its_bucket()
    {
        var tab = await site.OpenAsync(Sue, Report);
        var bar = tab.Page.Locator(".chart svg path:not([fill='none'])").First;
        await Expect(bar).ToBeAttachedAsync();
        await Expect(tab.Page.Locator(".chart svg .rz-tick-text").First).ToBeVisibleAsync();

        var box = (await tab.Page.Locator(".chart svg").BoundingBoxAsync())!;
        await tab.Page.Mouse.MoveAsync(box.X + 150, box.Y + 160);
        await tab.Page.Mouse.MoveAsync(box.X + 152, box.Y + 162);
        await Expect(tab.Page.Locator(".rz-chart-tooltip")).ToContainTextAsync("Available");
        await tab.ShootAsync("report-bar");
        await tab.Page.Mouse.ClickAsync(box.X + 152, box.Y + 162);

        await Expect(tab.Page.Locator(".window")).ToContainTextAsync("2026-03-23 00:00 – 2026-03-24 00:00");
        await tab.Page.GetByText("As a table").ClickAsync();
        await Expect(tab.Page.GetByRole(AriaRole.Link, new() { Name = "14:00" })).ToBeVisibleAsync();
        tab.IsClean();
    }

    [Fact]
    public async Task A_number_leads_to_what_it_is_made_of_and_back_by_keyboard_alone()
    {
        var tab = await site.OpenAsync(Sue, Report + "&agents=agent-0003&columns=sessions");
        var cell = tab.Page.Locator("[data-cell^='agent-0003 engagedSessions']").First;
        var number = int.Parse(await cell.InnerTextAsync(), CultureInfo.InvariantCulture);

        await cell.FocusAsync();
        await tab.Page.Keyboard.PressAsync("Enter");

        await Expect(tab.Page.Locator("#explained")).ToBeFocusedAsync();
        await Expect(tab.Page.Locator("aside .value strong")).ToHaveTextAsync(number.ToString(CultureInfo.InvariantCulture));
        await Expect(tab.Page.Locator("aside ol > li")).ToHaveCountAsync(number);
        await Expect(tab.Page.Locator("aside .sum .number")).ToHaveTextAsync(number.ToString(CultureInfo.InvariantCulture));
        await tab.Page.Locator("aside summary").First.FocusAsync();
        await tab.Page.Keyboard.PressAsync("Enter");
        await Expect(tab.Page.Locator("aside li li code").First).ToHaveTextAsync("conversation-assigned");
        Assert.Contains("drill=agent-0003&metric=engagedSessions", tab.Page.Url, StringComparison.Ordinal);
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("report-explained");

        await tab.Page.Keyboard.PressAsync("Escape");
        await Expect(tab.Page.Locator("aside")).ToHaveCountAsync(0);
        await Expect(cell).ToBeFocusedAsync();
        tab.IsClean();
    }

    [Fact]
    public async Task What_is_asked_for_stands_in_the_address_and_comes_back()
    {
        var tab = await site.OpenAsync(Sue, Report);
        var page = tab.Page;
        await page.GetByLabel("Agents (ids with commas)").FillAsync("agent-0001,agent-0002");
        await page.GetByLabel("Bucket").SelectOptionAsync("total");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show" }).ClickAsync();

        await Expect(page.Locator(".facts")).ToContainTextAsync(new Regex("Agents: 2(?!4)"));
        await Expect(page).ToHaveURLAsync(new Regex("bucket=total&agents=agent-0001%2Cagent-0002$"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Averages" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Columnheader, new() { Name = "Handle time" })).ToBeVisibleAsync();

        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Columnheader, new() { Name = "Handle time" })).ToBeVisibleAsync();
        await Expect(page.GetByLabel("Agents (ids with commas)")).ToHaveValueAsync("agent-0001,agent-0002");
        await page.GoBackAsync();
        await page.GoBackAsync();
        await Expect(page.Locator(".facts")).ToContainTextAsync("Agents: 24");
        await Expect(page.GetByLabel("Agents (ids with commas)")).ToHaveValueAsync("");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Hours_leave_out_the_one_that_the_clock_skipped_and_lead_to_their_agents(bool dark)
    {
        var tab = await site.OpenAsync(await site.SignedInAsync(Sue, dark: dark), Report + "&show=hours");
        var days = tab.Page.Locator(".heat tbody tr");

        await Expect(days).ToHaveCountAsync(7);
        await Expect(days.Nth(6).Locator("td").Nth(2)).ToHaveTextAsync("");
        await Expect(days.Nth(5).Locator("td").Nth(2)).ToHaveTextAsync("0.0");
        await tab.IsAccessibleAsync();
        await tab.ShootAsync(dark ? "report-hours-dark" : "report-hours");

        await days.Nth(1).Locator("td").Nth(10).Locator("a").ClickAsync();
        await Expect(tab.Page.Locator(".window")).ToContainTextAsync("2026-03-24 10:00 – 2026-03-24 11:00");
        await Expect(tab.Page.Locator(Rows + " th").First).ToHaveTextAsync("agent-0001");
        tab.IsClean();
    }

    [Fact]
    public async Task Each_status_is_listed_with_its_start_and_end_and_downloaded()
    {
        var tab = await site.OpenAsync(Sue, Report);

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "agent-0001" }).First.ClickAsync();

        var history = await site.ReportAsync("historical/agents/agent-0001/statuses?limit=1000&" + SimulatedWeek.WeekOfApi);
        var stretches = history.GetProperty("items").GetArrayLength();
        await Expect(tab.Page.Locator("tbody tr")).ToHaveCountAsync(Math.Min(stretches, 200));
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("report-statuses");
        var file = await DownloadAsync(tab);
        Assert.Equal(stretches + 1, file.Length);
        tab.IsClean();
    }

    [Fact]
    public async Task The_table_is_downloaded_as_a_file()
    {
        var tab = await site.OpenAsync(Sue, Report + "&agents=agent-0001");

        var file = await DownloadAsync(tab);

        Assert.StartsWith("agentId,displayName,localDate,bucketStart,bucketEnd,loginSeconds", file[0], StringComparison.Ordinal);
        Assert.Equal(7, file.Count(line => line.StartsWith("agent-0001,", StringComparison.Ordinal)));
        tab.IsClean();
    }

    [Fact]
    public async Task Coverage_says_when_too_few_of_a_queue_were_routable_and_why()
    {
        var tab = await site.OpenAsync(Sue, Report + "&show=coverage");
        await tab.Page.GetByLabel("Queue", new() { Exact = true }).FillAsync("billing");
        await tab.Page.GetByLabel("Fewer than").FillAsync("2");
        await tab.Page.Locator("form", new() { HasText = "Fewer than" }).GetByRole(AriaRole.Button, new() { Name = "Show" }).ClickAsync();

        await Expect(tab.Page.Locator("tbody tr").First).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("tbody .causes").First).ToContainTextAsync("agent-");
        Assert.Contains("queue=billing&below=2", tab.Page.Url, StringComparison.Ordinal);
        await tab.IsAccessibleAsync();
        await tab.ShootAsync("report-coverage");
        tab.IsClean();
    }

    [Fact]
    public async Task Definitions_are_those_of_the_API_and_shown_on_focus()
    {
        var formulas = (await site.ReportAsync("metrics"))
            .GetProperty("items")
            .EnumerateArray()
            .ToDictionary(m => m.GetProperty("name").GetString()!, m => m.GetProperty("formula").GetString()!);
        foreach (var (columns, count) in new[] { ("time", 11), ("sessions", 13), ("averages", 11) })
        {
            var tab = await site.OpenAsync(Sue, Report + "&columns=" + columns);
            await Expect(tab.Page.Locator("thead [role=tooltip]")).ToHaveCountAsync(count);
            foreach (var definition in await tab.Page.Locator("thead [role=tooltip]").AllAsync())
            {
                var metric = (await definition.GetAttributeAsync("id"))!.Replace("definition-", "", StringComparison.Ordinal);
                Assert.Contains(formulas[metric], await definition.TextContentAsync(), StringComparison.Ordinal);
            }

            var last = tab.Page.Locator("thead .defined > a").Last;
            await last.FocusAsync();
            await Expect(tab.Page.Locator("thead [role=tooltip]").Last).ToBeVisibleAsync();
            if (columns == "sessions")
                await tab.ShootAsync("report-definition", fullPage: true);
        }
    }

    [Fact]
    public async Task Rows_are_sorted_by_a_column()
    {
        var tab = await site.OpenAsync(Sue, Report + "&bucket=total&columns=sessions");
        var items = (await site.ReportAsync("historical/agents?bucket=total&" + SimulatedWeek.WeekOfApi)).GetProperty("items");
        var most = items.EnumerateArray().Max(i => i.GetProperty("presentedSessions").GetInt32());

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Presented" }).ClickAsync();

        await Expect(tab.Page.Locator("th[aria-sort=descending]")).ToContainTextAsync("Presented");
        await Expect(tab.Page.Locator(Rows + " td.number").First).ToHaveTextAsync(most.ToString(CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task What_happens_now_is_in_the_report_when_it_is_read_anew()
    {
        var agentId = await site.AgentAsync("nora");
        var tab = await site.OpenAsync(Sue, "/reports?period=today&bucket=total&columns=statuses&agents=" + agentId);
        await Expect(tab.Page.GetByRole(AriaRole.Columnheader, new() { Name = "Available" })).ToBeVisibleAsync();

        await site.DoneAsync("PUT", $"agents/{agentId}/presence", new { statusId = "busy" }, Sue);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Refresh" }).ClickAsync();

        // The command is in the facts soon after its answer, and the report has two reads to make of them.
        await Expect(tab.Page.GetByRole(AriaRole.Columnheader, new() { Name = "Busy" })).ToBeVisibleAsync();
        tab.IsClean();
    }

    [Fact]
    public async Task What_cannot_be_shown_says_why_and_what_to_do()
    {
        var backwards = await site.OpenAsync(Sue, "/reports?period=custom&from=2026-03-24T00%3A00&to=2026-03-23T00%3A00");
        await Expect(backwards.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("the end has to be later");
        var nowhere = await site.OpenAsync(Sue, Report + "&zone=Mars%2FOlympus");
        await Expect(nowhere.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("no time zone of that name");
        var nobody = await site.OpenAsync(Sue, Report + "&agents=nobody");
        await Expect(nobody.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("there is no agent 'nobody'");
        var early = await site.OpenAsync(Sue, "/reports?period=custom&from=2020-03-23T00%3A00&to=2020-03-24T00%3A00");
        await Expect(early.Page.Locator(".message")).ToContainTextAsync("No agents were registered");
    }

    [Fact]
    public async Task An_agent_sees_its_own_numbers_alone()
    {
        var own = await site.OpenAsync("agent:agent-0002", Report);
        await Expect(own.Page.Locator(".facts")).ToContainTextAsync("Agents: 1");
        await Expect(own.Page.Locator(Rows + " th").First).ToHaveTextAsync("agent-0002");
        var others = await site.OpenAsync("agent:agent-0002", Report + "&agents=agent-0001");
        await Expect(others.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("forbidden");
    }

    [Fact]
    public async Task It_speaks_Russian()
    {
        var tab = await site.OpenAsync(Sue, Report, language: "ru-RU");

        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("Отчёт");
        await Expect(tab.Page.Locator(".facts")).ToContainTextAsync("Сходится");
        await Expect(tab.Page.Locator(".chart svg path").First).ToBeAttachedAsync();
        await tab.ShootAsync("report-ru", fullPage: true);

        // As a Russian spreadsheet expects it.
        var file = await DownloadAsync(tab, "Скачать CSV");
        Assert.StartsWith("agentId;displayName;localDate;", file[0], StringComparison.Ordinal);
        Assert.Contains(file, line => line.StartsWith("agent-0001;", StringComparison.Ordinal) && line.Contains(','));
        tab.IsClean();
    }

    private static async Task<string[]> DownloadAsync(Tab tab, string link = "Download as CSV")
    {
        var download = await tab.Page.RunAndWaitForDownloadAsync(() =>
            tab.Page.GetByRole(AriaRole.Link, new() { Name = link }).ClickAsync()
        );
        Assert.EndsWith(".csv", download.SuggestedFilename, StringComparison.Ordinal);
        return await File.ReadAllLinesAsync(await download.PathAsync());
    }

    private static string Length(double seconds)
    {
        var whole = (long)Math.Floor(seconds);
        return string.Create(CultureInfo.InvariantCulture, $"{whole / 3600}:{whole / 60 % 60:00}:{whole % 60:00}");
    }
}
