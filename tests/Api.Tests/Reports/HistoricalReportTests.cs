using System.Text.Json;
using PresenceLedger.Testing;
using Snapshooter.Xunit;
using static PresenceLedger.Api.Tests.OpenService;
using static PresenceLedger.Api.Tests.Reports.WrittenPast;

namespace PresenceLedger.Api.Tests.Reports;

/// <summary>The historical report, by hand-checked numbers.</summary>
[Collection(WrittenPastCollection.Name)]
public sealed class HistoricalReportTests(WrittenPast past)
{
    private const string SamsWindow = "from=2025-05-08T08:00:00Z&to=2025-05-08T12:00:00Z";
    private const string SamsDay = "agents=sam&" + SamsWindow;

    private readonly ServiceClient _client = past.Client;

    [Fact]
    public async Task Half_hours_have_7_30_and_15_minutes_of_a_stretch_from_0523_to_0615()
    {
        const string Query = "agents=rep2&bucket=30m&from=2025-01-06T05:00:00Z&to=2025-01-06T06:30:00Z";
        Assert.Equal([420, 1800, 900], await past.NumbersAsync(Query, "awaySeconds"));
        Assert.Equal([1380, 0, 900], await past.NumbersAsync(Query, "availableSeconds"));
        var lunch = (await past.ItemsAsync(Query)).Select(i => i.GetProperty("statusSeconds").GetProperty("away-lunch").GetRawText());
        Assert.Equal(
            new[] { 420, 1800, 900 }.Select(s => $$"""{"seconds":{{s}},"episodes":1,"minSeconds":{{s}},"maxSeconds":{{s}}}"""),
            lunch
        );
    }

    [Theory]
    [InlineData("Europe/Berlin", "2025-03-30", "2025-03-31", 23)]
    [InlineData("Europe/Berlin", "2025-10-26", "2025-10-27", 25)]
    [InlineData("America/New_York", "2025-03-09", "2025-03-10", 23)]
    [InlineData("America/New_York", "2025-11-02", "2025-11-03", 25)]
    [InlineData("Asia/Kolkata", "2025-03-30", "2025-03-31", 24)]
    [InlineData("Australia/Lord_Howe", "2025-04-06", "2025-04-07", 24.5)]
    [InlineData("Australia/Lord_Howe", "2025-10-05", "2025-10-06", 23.5)]
    public async Task A_day_over_a_change_of_the_clock_is_as_long_as_it_was(string zone, string from, string to, double hours)
    {
        var answer = (await past.GetAsync($"reports/historical/agents?agents=long&from={from}&to={to}&timeZone={zone}")).Json;
        var item = Assert.Single(answer.GetProperty("items").EnumerateArray());
        Assert.Equal(hours * 3600, Number(item, "awaySeconds"));
        Assert.Equal(hours * 3600, Number(item, "loginSeconds"));
        Assert.True(answer.GetProperty("conserved").GetBoolean());
        Assert.Equal(zone, answer.GetProperty("timeZone").GetString());
    }

    [Fact]
    public async Task A_status_that_stood_for_a_month_is_in_each_of_its_days()
    {
        const string March = "agents=long&from=2025-03-01&to=2025-04-01&timeZone=Europe/Berlin";
        var days = await past.NumbersAsync(March, "awaySeconds");
        Assert.Equal(Enumerable.Range(1, 31).Select(day => (double?)(day == 30 ? 82_800 : 86_400)), days);
        Assert.Equal([(31 * 24 - 1) * 3600], await past.NumbersAsync(March + "&bucket=month", "awaySeconds"));
    }

    [Fact]
    public async Task An_agent_counts_from_registration_on_and_one_without_data_is_listed_with_zeros()
    {
        const string Query = "agents=rex&bucket=hour&from=2025-06-10T09:00:00Z&to=2025-06-10T12:00:00Z";
        Assert.Equal([0, 2400, 3600], await past.NumbersAsync(Query, "offlineSeconds"));
        Assert.True((await past.GetAsync("reports/historical/agents?" + Query)).Json.GetProperty("conserved").GetBoolean());
        var before = Assert.Single(await past.ItemsAsync("agents=rex&from=2025-01-01&to=2025-01-02"));
        Assert.Equal(0, Number(before, "offlineSeconds"));
        Assert.Null(Number(before, "rejectionRate"));
        Assert.Equal("{}", before.GetProperty("statusSeconds").GetRawText());
        // Who was not there yet is listed only when asked for.
        Assert.Equal(
            ["rep2"],
            Expect.Ids((await past.GetAsync("reports/historical/agents?from=2025-01-06&to=2025-01-07")).Json, "agentId")
        );
    }

    [Fact]
    public async Task A_createdAt_that_was_recorded_ahead_is_no_wait_but_by_a_few_seconds()
    {
        var item = Assert.Single(await past.ItemsAsync("agents=sam&from=2025-05-09&to=2025-05-10&bucket=total"));
        // 60 s, and 3 s ahead counts as 0; nearly five minutes ahead counts for nothing.
        Assert.Equal(30, Number(item, "averageWaitSeconds"));
        Assert.Equal(2, Number(item, "averageWaitSecondsDenominator"));
        Assert.Equal(3, Number(item, "engagedSessions"));
    }

    [Fact]
    public async Task What_happened_to_sessions_is_counted_and_averaged()
    {
        var answer = (await past.GetAsync("reports/historical/agents?" + SamsDay + "&bucket=total")).Json;
        var item = Assert.Single(answer.GetProperty("items").EnumerateArray());
        foreach (
            var (metric, expected) in new (string, double?)[]
            {
                ("presentedSessions", 5),
                ("engagedSessions", 2),
                ("rejectedSessions", 1),
                ("missedSessions", 1),
                ("abandonedSessions", 1),
                ("forceReleasedSessions", 0),
                ("rejectionRate", 0.25),
                ("missedRate", 0.25),
                ("transferredSessions", 1),
                ("transferRate", 0.5),
                ("averageTimeToAcceptSeconds", 15),
                ("averageTimeToRejectSeconds", 15),
                ("averageWaitSeconds", 50),
                ("averageSessionSeconds", 1335),
                ("averageHandleSeconds", 1185),
                ("averageHandleSecondsNumerator", 2370),
                ("averageHandleSecondsDenominator", 2),
                ("averageWrapUpSeconds", 300),
                ("consultSessions", 1),
                ("averageConsultSeconds", 720),
                ("averageMonitorSeconds", 300),
                ("onContactSeconds", 580 + 1200 + 590),
                ("loginSeconds", 3 * 3600),
                ("offlineSeconds", 3600),
                ("atCapacitySeconds", 600 + 1200),
            }
        )
            Assert.True(expected == Number(item, metric), $"{metric}: {expected}, not {Number(item, metric)}");
        var idle = Number(item, "idleSeconds")!.Value;
        Assert.Equal(2370 / (2370 + idle), Number(item, "occupancy")!.Value, 12);
        Expect.Indented(item).MatchSnapshot();
    }

    [Fact]
    public async Task Totals_are_what_all_agents_did_together_by_bucket_and_in_all()
    {
        const string Query = "from=2025-05-05&to=2025-05-09&bucket=day";
        var totals = (await past.GetAsync("reports/historical/totals?" + Query)).Json;
        var items = await past.ItemsAsync(Query);

        foreach (var metric in new[] { "loginSeconds", "awaySeconds", "offlineSeconds", "presentedSessions" })
        {
            var ofDays = totals.GetProperty("items").EnumerateArray().Select(day => (Start(day), Number(day, metric)));
            Assert.Equal(items.GroupBy(Start).Select(day => (day.Key, (double?)day.Sum(i => Number(i, metric)))).Order(), ofDays);
            Assert.Equal(items.Sum(i => Number(i, metric)), Number(totals.GetProperty("total"), metric));
        }
        Assert.Equal(items.Select(i => i.GetProperty("agentId").GetString()).Distinct().Count(), totals.GetProperty("agents").GetInt32());
        Assert.True(totals.GetProperty("conserved").GetBoolean());
        // A stretch that stood through all four days is one.
        var ofLong = (await past.GetAsync("reports/historical/totals?agents=long&" + Query)).Json.GetProperty("total");
        var away = ofLong.GetProperty("statusSeconds").GetProperty("away");
        Assert.Equal((1, 4 * 86_400), (away.GetProperty("episodes").GetInt32(), away.GetProperty("maxSeconds").GetDouble()));

        static string? Start(JsonElement item) => item.GetProperty("bucketStart").GetString();
    }

    [Fact]
    public async Task Averages_of_totals_are_over_the_sessions_of_all()
    {
        var total = (await past.GetAsync($"reports/historical/totals?{SamsDay}&bucket=total")).Json.GetProperty("total");
        var item = Assert.Single(await past.ItemsAsync(SamsDay + "&bucket=total"));

        Assert.Equal(Number(item, "averageHandleSeconds"), Number(total, "averageHandleSeconds"));
        Assert.Equal(Number(item, "rejectionRate"), Number(total, "rejectionRate"));
        Assert.False(total.TryGetProperty("agentId", out _));
    }

    [Fact]
    public async Task Filters_narrow_sessions_and_the_answer_says_what_they_do_not()
    {
        var answer = (await past.GetAsync($"reports/historical/agents?{SamsDay}&bucket=total&queues=q1&statuses=away,busy")).Json;
        var item = answer.GetProperty("items")[0];
        Assert.Equal((2, 1, 3 * 3600), (Number(item, "presentedSessions"), Number(item, "engagedSessions"), Number(item, "loginSeconds")));
        Assert.Equal(["away", "busy"], item.GetProperty("statusSeconds").EnumerateObject().Select(s => s.Name));
        Assert.Equal(2, answer.GetProperty("notes").GetArrayLength());
        Assert.Equal([3], await past.NumbersAsync(SamsDay + "&bucket=total&channel=voice", "presentedSessions"));
        Assert.Equal([5], await past.NumbersAsync(SamsDay + "&bucket=total&queue=q1&queue=q2&workstreams=ws", "presentedSessions"));
    }

    [Fact]
    public async Task Corrections_are_applied_unless_the_raw_view_is_asked_for()
    {
        const string Day = "agents=cora&from=2025-05-05&to=2025-05-06";
        Assert.Equal([9 * 3600], await past.NumbersAsync(Day, "loginSeconds"));
        Assert.Equal([12 * 3600], await past.NumbersAsync(Day + "&view=raw", "loginSeconds"));
        var corrected = (await past.GetAsync("reports/historical/agents?" + Day)).Json;
        Assert.True(corrected.GetProperty("conserved").GetBoolean());
        Assert.Equal("corrected", corrected.GetProperty("view").GetString());
    }

    [Fact]
    public async Task A_number_as_it_was_known_is_the_same_after_corrections_and_late_losses()
    {
        const string Coras = "agents=cora&from=2025-05-05&to=2025-05-06&asKnownAt=2025-05-06T";
        Assert.Equal([12 * 3600], await past.NumbersAsync(Coras + "08:59:59.999Z", "loginSeconds"));
        Assert.Equal([9 * 3600], await past.NumbersAsync(Coras + "09:00:00Z", "loginSeconds"));
        const string Lolas = "agents=lola&from=2025-05-07&to=2025-05-08";
        Assert.Equal([3 * 3600], await past.NumbersAsync(Lolas + "&asKnownAt=2025-05-07T11:00:00Z", "loginSeconds"));
        Assert.Equal([3610], await past.NumbersAsync(Lolas, "loginSeconds"));
        var then = (await past.GetAsync($"reports/historical/agents?{Lolas}&asKnownAt=2025-05-07T11:00:00Z")).Json;
        Assert.Equal("2025-05-07T11:00:00.000Z", then.GetProperty("asOf").GetString());
        Assert.Equal("2025-05-07T11:00:00.000Z", then.GetProperty("asKnownAt").GetString());
        Assert.True(then.GetProperty("conserved").GetBoolean());
    }

    [Fact]
    public async Task Pages_lines_and_rows_are_the_same_items()
    {
        const string Query = "bucket=hour&from=2025-06-10T00:00:00Z&to=2025-06-11T00:00:00Z";
        var whole = (await past.ItemsAsync(Query)).Select(i => i.GetRawText()).ToArray();
        Assert.Equal(AgentIds.Length * 24, whole.Length);

        var lines = await past.GetAsync("reports/historical/agents?" + Query, "application/x-ndjson");
        Assert.Equal("application/x-ndjson", lines.ContentType);
        Assert.Matches(@"^\d{4}-.*Z$", lines.Headers["As-Of"]);
        Assert.Equal(whole, lines.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries));

        var paged = new List<string>();
        for (var next = ""; next is not null; )
        {
            var page = (await past.GetAsync($"reports/historical/agents?{Query}&limit=31{next}")).Json;
            paged.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetRawText()));
            next = page.TryGetProperty("next", out var cursor) ? "&cursor=" + cursor.GetString() : null;
        }
        Assert.Equal(whole, paged);

        var rows = (await past.GetAsync($"reports/historical/agents?{Query}&format=csv")).Text.Split("\r\n");
        Assert.Equal(whole.Length + 2, rows.Length);
        Assert.Equal("", rows[^1]);
    }

    [Fact]
    public async Task Rows_are_safe_to_open_and_have_every_metric_and_status()
    {
        var answer = await past.GetAsync("reports/historical/agents?agents=@home,rep2&from=2025-06-10&to=2025-06-11", "text/csv");
        Assert.StartsWith("text/csv", answer.ContentType, StringComparison.Ordinal);
        Assert.Contains("attachment", answer.Headers["Content-Disposition"], StringComparison.Ordinal);
        var rows = answer.Text.Split("\r\n");
        Assert.Equal(4, rows.Length);
        Assert.StartsWith(
            "\"'@home\",,2025-06-10,2025-06-10T00:00:00+00:00,2025-06-11T00:00:00+00:00,0,0,0,0,0,49200,0,",
            rows[1],
            StringComparison.Ordinal
        );
        Assert.StartsWith("rep2,", rows[2], StringComparison.Ordinal);
        var names = rows[0].Split(',');
        Assert.All(rows[1..3], row => Assert.Equal(names.Length, row.Split(',').Length));
        Assert.Equal(
            ["available", "away", "away-lunch (At lunch)", "busy", "do-not-disturb", "inactive", "offline"],
            names.Where(n => n.StartsWith("statusSeconds.", StringComparison.Ordinal)).Select(n => n["statusSeconds.".Length..])
        );
    }

    [Fact]
    public async Task The_detailed_view_has_every_status_with_its_own_start_and_end()
    {
        const string Path = "reports/historical/agents/rep2/statuses?from=2025-01-06T05:30:00Z&to=2025-01-06T06:30:00Z";
        var items = (await past.GetAsync(Path)).Json.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(
            [
                "away-lunch 2025-01-06T05:23:00.000Z 2025-01-06T06:15:00.000Z 2700",
                "available 2025-01-06T06:15:00.000Z 2025-01-06T07:00:00.000Z 900",
            ],
            items.Select(i =>
                $"{i.GetProperty("statusId")} {i.GetProperty("start")} {i.GetProperty("end")} {i.GetProperty("durationSeconds")}"
            )
        );
        Assert.Equal("administrator", items[0].GetProperty("actor").GetProperty("kind").GetString());

        var all = await StatusesAsync("");
        Assert.Equal(["offline", "available", "away-lunch", "available", "offline"], all);
        Assert.Equal(all, await StatusesAsync("limit=2"));
        var last = (await past.GetAsync("reports/historical/agents/rep2/statuses")).Json.GetProperty("items").EnumerateArray().Last();
        Assert.Equal(JsonValueKind.Null, last.GetProperty("end").ValueKind);
        var rows = (await past.GetAsync("reports/historical/agents/rep2/statuses", "text/csv")).Text.Split("\r\n");
        Assert.Equal("agentId,displayName,statusId,statusText,base,localDate,start,end,durationSeconds,origin,rule,actor", rows[0]);
        Assert.Equal(
            "rep2,,away-lunch,At lunch,away,2025-01-06,2025-01-06T05:23:00+00:00,2025-01-06T06:15:00+00:00,3120,manual,MAN-1,administrator:root",
            rows[3]
        );
        var lines = (await past.GetAsync("reports/historical/agents/rep2/statuses?format=ndjson")).Text;
        Assert.Equal(all, lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => Expect.Status(JsonElement.Parse(l))));
    }

    [Fact]
    public async Task Every_number_is_explained_by_what_adds_up_to_it()
    {
        var item = Assert.Single(await past.ItemsAsync(SamsDay + "&bucket=total"));
        var metrics = (await past.Client.GetAsync("reports/metrics")).Json.GetProperty("items").EnumerateArray().ToArray();
        foreach (var definition in metrics.Where(m => m.GetProperty("name").GetString() != "statusSeconds"))
        {
            var metric = definition.GetProperty("name").GetString()!;
            var explained = (await past.GetAsync($"reports/historical/agents/sam/explain?metric={metric}&{SamsWindow}")).Json;
            Assert.Equal(item.GetProperty(metric).GetRawText(), explained.GetProperty("value").GetRawText());
            Assert.Equal(Sum(explained, "numerator"), explained.GetProperty("numerator").GetDouble(), 6);
            if (explained.TryGetProperty("denominator", out var denominator))
                Assert.Equal(Sum(explained, "denominator"), denominator.GetDouble(), 6);
            Assert.All(
                explained.GetProperty("items").EnumerateArray(),
                i => Assert.True(i.GetProperty("events").GetArrayLength() > 0, $"{metric}: {i}")
            );
        }
        var status = (await past.GetAsync($"reports/historical/agents/sam/explain?metric=statusSeconds&status=inactive&{SamsWindow}")).Json;
        Assert.Equal(
            item.GetProperty("statusSeconds").TryGetProperty("inactive", out var inactive)
                ? inactive.GetProperty("seconds").GetDouble()
                : 0,
            status.GetProperty("value").GetDouble()
        );
        Assert.Equal(status.GetProperty("value").GetDouble(), Sum(status, "numerator"));

        static double Sum(JsonElement explained, string part) =>
            explained
                .GetProperty("items")
                .EnumerateArray()
                .Where(i => i.GetProperty("part").GetString() == part)
                .Sum(i => i.GetProperty("amount").GetDouble());
    }

    [Fact]
    public async Task An_explanation_names_the_fact_and_its_events()
    {
        var explained = (
            await past.GetAsync($"reports/historical/agents/sam/explain?metric=averageHandleSeconds&{SamsWindow}&queues=q1")
        ).Json;
        Assert.Equal(1780, explained.GetProperty("value").GetDouble());
        var session = explained.GetProperty("items")[0];
        Assert.Equal(
            ("session", "c1", "q1", "accepted", "closed"),
            (Text("kind"), Text("conversationId"), Text("queue"), Text("outcome"), Text("endedBy"))
        );
        Assert.Equal(
            [
                "conversation-assigned",
                "conversation-accepted",
                "conversation-waiting",
                "conversation-resumed",
                "wrap-up-started",
                "conversation-closed",
            ],
            session.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("type").GetString())
        );
        string? Text(string member) => session.GetProperty(member).GetString();
    }

    [Fact]
    public async Task An_agent_reads_its_own_report_only()
    {
        foreach (var path in new[] { "?agents=sam&", "/sam/statuses?", "/sam/explain?metric=loginSeconds&" })
        {
            var query = "reports/historical/agents" + path + SamsWindow;
            Assert.Equal(200, (await _client.GetAsync(query, "agent:sam")).Status);
            Expect.Problem(await _client.GetAsync(query, "agent:rex"), 403, "forbidden");
            Assert.Equal(200, (await _client.GetAsync(query, Auditor)).Status);
        }
        var own = await _client.GetAsync("reports/historical/agents?from=2025-05-08&to=2025-05-09", "agent:sam");
        Assert.Equal(["sam"], Expect.Ids(own.Json, "agentId"));
    }

    [Fact]
    public async Task What_is_asked_wrongly_is_told_by_field()
    {
        const string Window = "from=2025-05-08&to=2025-05-09";
        foreach (
            var (query, field) in new[]
            {
                ("to=2025-05-09", "from"),
                ("from=2025-05-09", "to"),
                ("from=2025-05-09&to=2025-05-09", "to"),
                ("from=yesterday&to=2025-05-09", "from"),
                (Window + "&timeZone=Mars/Base", "timeZone"),
                (Window + "&bucket=minute", "bucket"),
                ("from=1990-01-01&to=2025-05-09&bucket=15m", "bucket"),
                (Window + "&view=both", "view"),
                (Window + "&asKnownAt=2999-01-01T00:00:00Z", "asKnownAt"),
                (Window + "&agents=nobody", "agents"),
                (Window + "&agents=no%20body", "agents"),
                (Window + "&limit=0", "limit"),
                (Window + "&cursor=x", "cursor"),
                (Window + "&format=xml", "format"),
            }
        )
            Expect.BadField(await past.Client.GetAsync("reports/historical/agents?" + query), field);
        Expect.BadField(await _client.GetAsync($"reports/historical/agents/sam/explain?metric=speed&{Window}"), "metric");
        Expect.BadField(await _client.GetAsync($"reports/historical/agents/sam/explain?metric=statusSeconds&{Window}"), "status");
        Expect.Problem(await _client.GetAsync("reports/historical/agents/nobody/statuses"), 404, "agent-unknown");
        Expect.Problem(await _client.GetAsync($"reports/historical/agents/nobody/explain?metric=occupancy&{Window}"), 404, "agent-unknown");
        var behind = await _client.GetAsync("reports/historical/agents?" + Window, null, ("Ledger-Position", "999999999999"));
        Expect.Problem(behind, 503, "projection-behind");
    }

    [Fact]
    public async Task A_report_that_nobody_reads_on_ends_and_others_are_told()
    {
        using var http = new HttpClient();
        for (var n = 0; n < 6; n++)
        {
            // More than fits into the buffers on the way: it goes on being told until the reader leaves.
            using var leaving = new CancellationTokenSource();
            var path = new Uri(past.Url, "/api/v1/reports/historical/agents?from=2025-01-01&to=2025-11-20&bucket=15m&format=ndjson");
            using var response = await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, leaving.Token);
            await using var body = await response.Content.ReadAsStreamAsync();
            Assert.True(await body.ReadAsync(new byte[1024]) > 0);
            await leaving.CancelAsync();
        }
        Assert.Equal([12 * 3600], await past.NumbersAsync("agents=cora&from=2025-05-05&to=2025-05-06&view=raw", "loginSeconds"));
    }

    /// <summary>All that <c>rep2</c> ever was, page by page.</summary>
    private async Task<List<string>> StatusesAsync(string query)
    {
        var ids = new List<string>();
        for (var next = ""; next is not null; )
        {
            var page = (await past.GetAsync($"reports/historical/agents/rep2/statuses?{query}{next}")).Json;
            ids.AddRange(Expect.Ids(page, "statusId"));
            next = page.TryGetProperty("next", out var cursor) ? "&cursor=" + cursor.GetString() : null;
        }
        return ids;
    }
}
