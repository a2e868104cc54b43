using System.Text.Json;
using PresenceLedger.Api.Audit;
using PresenceLedger.Api.Reports;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Queries;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>The timeline of an agent as rows: for a terminal, a spreadsheet, a program.</summary>
public sealed class ReplayTests
{
    private const string Story = """
        start: 2026-01-05T23:58:00Z
        agents: { ana: { units: 100 } }
        steps:
          - { at: "00:00:05", do: sign-in, agent: ana, connection: desk }
          - { at: "00:01:05.25", do: assign, agent: ana, conversation: c1, units: 40 }
          - { at: "00:01:10", do: accept, agent: ana, conversation: c1 }
          - { at: "00:03:10", do: force-release, agent: ana, conversation: c1, by: "supervisor:sue", reason: "=stuck, for long" }
          - { at: "01:10:00", do: sign-out, agent: ana }
        """;

    [Fact]
    public async Task The_view_for_people_shows_durations_statuses_rules_and_who()
    {
        var text = await TextAsync(new ReplayRequest("ana", Any()), coloured: false);
        Assert.Equal(
            """
            ana
            2026-01-05, times in UTC
            23:58:00.000                                          administrator:scenario  The agent was registered.
            23:58:05.000          +5 s                            agent:ana               The agent signed in on connection desk.
            23:58:05.000                Available         SGN-1   agent:ana               The agent signed in on connection desk; no conversation is open, so the default presence Available stands.  (Offline for 5 s)
            23:59:05.250    +1 min 0 s                    CAP-7   service:scenario        Conversation c1 was assigned.
            23:59:10.000        +4.7 s                            agent:ana               Conversation c1 was accepted.
            23:59:10.000                Busy              CAP-2   agent:ana               Conversation c1 was accepted; 40 of 100 units are in use, so the status is Busy.  (Available for 1 min 5 s)
            2026-01-06, times in UTC
            00:01:10.000    +2 min 0 s                    STK-2   supervisor:sue          Conversation c1 was released by force.  [=stuck, for long]
            00:01:10.000                Available         CAP-1   supervisor:sue          Conversation c1 was released by force; no conversation takes capacity any more, so the status is Available.  (Busy for 2 min 0 s)  [=stuck, for long]
            01:08:00.000    +1 h 6 min                    SGN-4   agent:ana               The agent signed out.
            01:08:00.000                Offline           SGN-4   agent:ana               The agent signed out; the status is Offline; Available is kept for a return in time.  (Available for 1 h 6 min)

            """.ReplaceLineEndings(),
            text
        );
    }

    [Fact]
    public async Task Colours_are_for_terminals()
    {
        var text = await TextAsync(new ReplayRequest("ana", Any()), coloured: true);
        Assert.Contains("\e[32mAvailable", text, StringComparison.Ordinal);
        Assert.Contains("\e[31mBusy", text, StringComparison.Ordinal);
        using var file = new StringWriter();
        Assert.False(TextView.IsColoured(file));
    }

    [Fact]
    public async Task Newest_first_shows_the_same_rows_the_other_way_round()
    {
        var rows = await RowsAsync(new ReplayRequest("ana", Any()));
        var back = await RowsAsync(new ReplayRequest("ana", Any()) { Descending = true });
        Assert.Equal(rows.AsEnumerable().Reverse().Select(Line), back.Select(Line));
    }

    [Fact]
    public async Task A_part_of_it_knows_what_stood_before_it()
    {
        var rows = await RowsAsync(
            new ReplayRequest("ana", Any())
            {
                From = DateTimeOffset.Parse("2026-01-05T23:59:10Z", null),
                To = DateTimeOffset.Parse("2026-01-06T00:01:10Z", null),
            }
        );
        Assert.Equal([4, 5], rows.Select(r => r.Entry.Version));
        Assert.Equal(("Available", TimeSpan.FromSeconds(65)), (rows[1].Before, rows[1].Stood));
    }

    [Theory]
    [InlineData("presence-changed", null, null, "2 5 7 9")]
    [InlineData("presence-changed,agent-signed-out", null, null, "2 5 7 8 9")]
    [InlineData(null, "CAP-2,CAP-1", null, "5 7")]
    [InlineData(null, null, "supervisor", "6 7")]
    [InlineData(null, null, "supervisor:sue,service", "3 6 7")]
    [InlineData(null, null, "supervisor:joe", "")]
    [InlineData("presence-changed", null, "agent:ana", "2 5 9")]
    public async Task What_fits_is_shown_and_how_long_a_status_stood_stays_right(string? type, string? rule, string? actor, string versions)
    {
        var rows = await RowsAsync(new ReplayRequest("ana", TimelineFilter.Of(type, rule, actor)));
        Assert.Equal(versions, string.Join(' ', rows.Select(r => r.Entry.Version)));
        Assert.All(rows.Where(r => r.Entry.Version == 7), r => Assert.Equal(TimeSpan.FromMinutes(2), r.Stood));
    }

    [Theory]
    [InlineData("changed", null, null, "type")]
    [InlineData("status-defined", null, null, "type")]
    [InlineData(null, "CAP-99", null, "rule")]
    [InlineData(null, null, "boss", "actor")]
    [InlineData(null, null, "agent:", "actor")]
    public void What_cannot_fit_is_refused(string? type, string? rule, string? actor, string field) =>
        Assert.Equal(field, Assert.Throws<InvalidQueryException>(() => TimelineFilter.Of(type, rule, actor)).Errors[0].Field);

    [Fact]
    public async Task For_a_spreadsheet_each_event_is_a_line_and_no_text_is_a_formula()
    {
        using var output = new StringWriter();
        await RunAsync(new ReplayRequest("ana", Any()), new CsvView(output, CsvStyle.Plain, CsvView.AllColumns));
        var lines = output.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(11, lines.Length);
        Assert.StartsWith(
            "\uFEFFversion,localDate,occurredAt,recordedAt,type,from,fromText,to,toText,rule,actor,explanation,",
            lines[0],
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "7,2026-01-06,2026-01-06T00:01:10+00:00,2026-01-06T00:01:10+00:00,presence-changed,busy,Busy,available,Available,CAP-1,supervisor:sue,",
            lines[8],
            StringComparison.Ordinal
        );
        Assert.Contains("\"'=stuck, for long\",6,", lines[8], StringComparison.Ordinal);
    }

    [Fact]
    public async Task For_a_program_each_line_is_an_entry()
    {
        using var output = new StringWriter();
        await RunAsync(new ReplayRequest("ana", Any()), new JsonView(output));
        var entries = output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(10, entries.Length);
        Assert.Equal("CAP-2", JsonElement.Parse(entries[5]).GetProperty("rule").GetString());
    }

    [Fact]
    public async Task What_a_terminal_would_obey_is_not_shown_to_it()
    {
        Assert.Equal("a\uFFFD[31mb", TextView.Visible("a\e[31mb"));
        using var output = new StringWriter();
        Assert.False(await RunAsync(new ReplayRequest("nobody", Any()), new TextView(output, Wording.English, coloured: false)));
        Assert.Empty(output.ToString());
    }

    [Fact]
    public async Task Following_goes_on_with_what_is_recorded()
    {
        var records = await RecordsAsync();
        var seen = new Rows { Awaited = 11 };
        using var stop = new CancellationTokenSource();
        var following = RunAsync(new ReplayRequest("ana", Any()) { Follow = true }, seen, records, stop.Token);
        await seen.Ended.Task.WaitAsync(TimeSpan.FromSeconds(30));

        var last = (await records.Log.ReadStreamBackwardsAsync(StreamNames.Agent("ana"), long.MaxValue, 1, CancellationToken.None))[
            0
        ].Record;
        var back = new AgentSignedIn("desk", null, Returned: true) { OccurredAt = last.OccurredAt.AddSeconds(1) };
        var sealedBack = EventRecords.Create(
            last.Stream,
            last.Version,
            last.Hash,
            [back],
            due: 0,
            new CommandEnvelope(new Actor(Persona.Agent, "ana"), Guid.NewGuid(), "test"),
            policyVersion: -1,
            back.OccurredAt
        );
        await records.Log.AppendAsync(new Commit([new StreamAppend(last.Stream, last.Version, sealedBack)]));

        await seen.All.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("agent-signed-in", seen.Shown[^1].Entry.Type);
        Assert.Equal(TimeSpan.FromSeconds(1), seen.Shown[^1].Gap);
        await stop.CancelAsync();
        Assert.True(await following);
    }

    [Theory]
    [InlineData("10:42", "2026-01-05T10:42:00.000Z")]
    [InlineData("10:42:03", "2026-01-05T10:42:03.000Z")]
    [InlineData("10:42:03Z", "2026-01-05T10:42:03.000Z")]
    [InlineData("10:42:03.5", "2026-01-05T10:42:03.500Z")]
    [InlineData("2026-01-04T10:42:03Z", "2026-01-04T10:42:03.000Z")]
    [InlineData("2026-01-04T10:42:03.1234567Z", "2026-01-04T10:42:03.123Z")]
    [InlineData("2026-01-04T12:42:03+02:00", "2026-01-04T10:42:03.000Z")]
    [InlineData("2026-01-04 10:42:03", "2026-01-04T10:42:03.000Z")]
    [InlineData("2026-01-04 10:42:03Z", "2026-01-04T10:42:03.000Z")]
    [InlineData("yesterday", null)]
    [InlineData("25:00", null)]
    public void Instants_are_read_as_people_write_them(string text, string? instant)
    {
        var now = DateTimeOffset.Parse("2026-01-05T12:00:00Z", null);
        Assert.Equal(instant, Moment.Read(text, now) is { } read ? Instant.Format(read) : null);
    }

    [Theory]
    [InlineData("10:42:03", "10:42:03.999")]
    [InlineData("10:42:03.000", "10:42:03.000")]
    [InlineData("12:00:00", "12:00:00.100")]
    public void An_instant_to_the_second_is_the_whole_second_but_not_later_than_now(string text, string meant)
    {
        var now = DateTimeOffset.Parse("2026-01-05T12:00:00.100Z", null);
        var read = Moment.WholeSecond(text, Moment.Read(text, now)!.Value, now);
        Assert.Equal($"2026-01-05T{meant}Z", Instant.Format(read));
    }

    private static TimelineFilter Any() => TimelineFilter.Of((string?)null, null, null);

    private static (long, string?, string?, TimeSpan?) Line(ReplayRow row) => (row.Entry.Version, row.Status, row.Before, row.Stood);

    private static async Task<Records> RecordsAsync()
    {
        var (steps, records) = await RecordedScenarios.RecordAsync(RecordedScenarios.Read(Story));
        Assert.Empty(steps.SelectMany(s => s.Failures));
        return records;
    }

    private static async Task<string> TextAsync(ReplayRequest request, bool coloured)
    {
        using var output = new StringWriter();
        await RunAsync(request, new TextView(output, Wording.English, coloured));
        return output.ToString();
    }

    private static async Task<List<ReplayRow>> RowsAsync(ReplayRequest request)
    {
        var rows = new Rows();
        Assert.True(await RunAsync(request, rows));
        return rows.Shown;
    }

    private static async Task<bool> RunAsync(
        ReplayRequest request,
        IReplayView view,
        Records? records = null,
        CancellationToken ct = default
    )
    {
        records ??= await RecordsAsync();
        var replay = new Replay(records, new Entries(records), Wording.English);
        return await replay.RunAsync(request, view, TimeProvider.System, ct);
    }

    /// <summary>Keeps what it is shown.</summary>
    private sealed class Rows : IReplayView
    {
        public List<ReplayRow> Shown { get; } = [];

        public int Awaited { get; init; }

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource All { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task BeginAsync(string agentId) => Task.CompletedTask;

        public Task ShowAsync(ReplayRow row)
        {
            Shown.Add(row);
            if (Shown.Count == Awaited)
                All.TrySetResult();
            return Task.CompletedTask;
        }

        public Task EndAsync(int rows)
        {
            Ended.TrySetResult();
            return Task.CompletedTask;
        }
    }
}
