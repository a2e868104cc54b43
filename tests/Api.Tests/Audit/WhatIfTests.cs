using System.Globalization;
using System.Text.Json;
using NodaTime;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.WhatIf;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Simulation;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;
using Instant = PresenceLedger.Ledger.Instant;

namespace PresenceLedger.Api.Tests.Audit;

/// <summary>What presence would have been: the replay of whole ledgers, and the verb.</summary>
public sealed class WhatIfTests : IAsyncLifetime
{
    private static readonly SimulationPlan Month = new(35, 30, 7, new DateOnly(2026, 3, 10), DateTimeZoneProviders.Tzdb["Europe/Berlin"]);

    private readonly string _folder = Directory.CreateTempSubdirectory("presence-ledger-what-if-").FullName;
    private readonly StillClock _clock = new();
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await Node.CreateDatabaseAsync();

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_simulated_month_replayed_with_the_same_policy_is_as_it_was_to_the_event()
    {
        var ledger = Center.Ledger(Month).SelectMany(p => p).ToArray();
        var configurations = ConfigurationsOf(ledger);
        var agents = ledger.Where(e => StreamNames.AgentId(e.Stream) is not null).GroupBy(e => e.Stream, StringComparer.Ordinal).ToArray();
        Assert.Equal(Month.Agents, agents.Length);
        Assert.True(ledger.Length > 100_000);
        foreach (var agent in agents)
            AssertSame(agent.Key, [.. agent], configurations);
    }

    [Fact]
    public void Any_week_of_it_too()
    {
        var ledger = Center.Ledger(Month with { Agents = 6 }).SelectMany(p => p).ToArray();
        var configurations = ConfigurationsOf(ledger);
        var random = new Random(3);
        foreach (var agent in ledger.Where(e => StreamNames.AgentId(e.Stream) is not null).GroupBy(e => e.Stream, StringComparer.Ordinal))
            for (var n = 0; n < 20; n++)
            {
                var from = Month.Begin.AddMilliseconds(random.NextInt64((long)TimeSpan.FromDays(29).TotalMilliseconds));
                AssertSame(agent.Key, [.. agent], configurations, from, from.AddDays(7 * random.NextDouble()));
            }
    }

    [Fact]
    public async Task What_a_service_recorded_of_a_busy_time_is_replayed_as_it_was()
    {
        await using (var service = await ServiceProcess.StartAsync(_database.Arguments))
        {
            // Times so short that connections are lost and come back all the time, and another policy in the middle.
            using var client = new ServiceClient(service.Url);
            await SetPolicyAsync(
                client,
                new
                {
                    heartbeatTimeout = 1.5,
                    heartbeatSeconds = 0.5,
                    refreshGrace = 0.3,
                    restoreWindow = 2,
                }
            );
            var url = service.Url.GetLeftPart(UriPartial.Authority);
            var life = ServiceProcess.RunAsync(["simulate", "--live", "--agents", "40", "--speed", "250", "--for", "8", "--url", url]);
            await UntilThereIsMuchAsync();
            await SetPolicyAsync(
                client,
                new
                {
                    heartbeatTimeout = 1,
                    heartbeatSeconds = 0.5,
                    refreshGrace = 0.6,
                    restoreWindow = 3,
                    maxOpenSessions = 2,
                }
            );
            var ended = await life;
            Assert.True(ended.ExitCode == 0, ended.Errors + ended.Output);
        }
        await using (var node = await Node.StartAsync(_database))
        {
            var ledger = (await node.Log.ReadAllAsync(LogPosition.Start, 1_000_000, default)).Select(e => e.Record).ToArray();
            var configurations = ConfigurationsOf(ledger);
            foreach (
                var agent in ledger.Where(e => StreamNames.AgentId(e.Stream) is not null).GroupBy(e => e.Stream, StringComparer.Ordinal)
            )
                AssertSame(agent.Key, [.. agent], configurations);
            foreach (var type in new[] { "connection-lost.v1", "conversation-accepted.v1", "policy-changed.v1" })
                Assert.True(ledger.Any(e => e.Type == type), $"no {type}");
        }
        var answer = await JsonAsync("policy: {}");
        Assert.Equal(40, answer.GetProperty("agentsCompared").GetInt32());
        AssertNoDifference(answer);
    }

    [Fact]
    public async Task As_a_program_it_finds_no_difference_in_a_simulated_month_and_writes_nothing()
    {
        string[] simulate = ["simulate", "--agents", "12", "--days", "30", "--seed", "5", "--start", "2026-03-10"];
        var written = await ServiceProcess.RunAsync([.. simulate, "--connection", _database.SuperuserConnectionString]);
        Assert.True(written.ExitCode == 0, written.Errors);
        await using var node = await Node.StartAsync(_database);
        var before = await CountAsync(node);

        // What the policy says anyway.
        var answer = await JsonAsync("{ policy: { restoreWindow: 150, heartbeatTimeout: 75 }, profiles: { voice: { limit: 1 } } }");
        Assert.Equal(12, answer.GetProperty("agentsCompared").GetInt32());
        Assert.Empty(answer.GetProperty("settings").EnumerateArray());
        AssertNoDifference(answer);
        var window = (answer.GetProperty("to").GetDateTimeOffset() - answer.GetProperty("from").GetDateTimeOffset()).TotalSeconds;
        var all = answer
            .GetProperty("total")
            .GetProperty("statusSeconds")
            .EnumerateObject()
            .Sum(s => s.Value.GetProperty("recorded").GetDouble());
        // Agents are registered within seconds of the beginning.
        Assert.InRange(all, 12 * (window - 60), 12 * window);

        var shorter = await JsonAsync("policy: { restoreWindow: 60, heartbeatTimeout: 45, missedNotificationSetsInactive: false }");
        Assert.True(shorter.GetProperty("agentsOther").GetInt32() > 6);
        Assert.True(shorter.GetProperty("refused").GetProperty("byCode").GetProperty("nothing-to-reset").GetInt32() > 0);
        var difference = shorter
            .GetProperty("total")
            .GetProperty("statusSeconds")
            .EnumerateObject()
            .Sum(s => s.Value.GetProperty("difference").GetDouble());
        Assert.Equal(0, difference, 3);
        Assert.Equal(before, await CountAsync(node));
    }

    [Fact]
    public async Task Another_restore_window_gives_what_is_expected_by_hand()
    {
        await WriteAnasMorningAsync();
        var answer = await JsonAsync("policy: { restoreWindow: 300 }");
        // Lost at 08:20:10 and back at 08:25:00: 290 s. She would have been away again until 09:00, not available.
        AssertAmount(answer, "available", 600 + 2100, 600);
        AssertAmount(answer, "away", 610, 610 + 2100);
        AssertAmount(answer, "offline", 290.001, 290.001);
        Assert.Equal(-2100, Amount(answer.GetProperty("total").GetProperty("routableSeconds"), "difference"));
        Assert.Equal(0, Amount(answer.GetProperty("total").GetProperty("signedInSeconds"), "difference"));
        var queue = Assert.Single(answer.GetProperty("queues").EnumerateArray());
        Assert.Equal("q1", queue.GetProperty("queue").GetString());
        Assert.Equal(2700, Amount(queue.GetProperty("routableSeconds"), "recorded"));
        Assert.Equal(2100, Amount(queue.GetProperty("nobodySeconds"), "difference"));

        var setting = Assert.Single(answer.GetProperty("settings").EnumerateArray());
        Assert.Equal(
            "policy.restoreWindow 150 300",
            $"{setting.GetProperty("what")} {setting.GetProperty("recorded")} {setting.GetProperty("whatIf")}"
        );
        var transitions = answer.GetProperty("transitions");
        Assert.Equal(
            (5, 5, 1),
            (
                transitions.GetProperty("recorded").GetInt32(),
                transitions.GetProperty("whatIf").GetInt32(),
                transitions.GetProperty("other").GetInt32()
            )
        );
        var transition = Assert.Single(transitions.GetProperty("first").EnumerateArray());
        Assert.Equal("2026-03-16T08:25:00.000Z", transition.GetProperty("at").GetString());
        Assert.Equal("SGN-1", transition.GetProperty("recorded").GetProperty("rule").GetString());
        Assert.Equal(
            "away manual CON-4",
            string.Join(' ', transition.GetProperty("whatIf").EnumerateObject().Select(p => p.Value.GetString()))
        );
    }

    [Fact]
    public async Task It_is_told_as_text_and_as_a_table_too()
    {
        await WriteAnasMorningAsync();
        var text = (await RunAsync("policy: { restoreWindow: 300 }")).Output;
        foreach (
            var line in new[]
            {
                "From 2026-03-16T08:00:00.000Z to 2026-03-16T09:00:00.001Z, 1 agents. What would have been other:",
                "  policy.restoreWindow: 150 → 300",
                "  available   0:45:00  0:10:00    -0:35:00",
                "  routable    0:45:00  0:10:00    -0:35:00",
                "Agents with a difference: 1 of 1:",
                "Transitions: 5 recorded, 5 what-if; 1 would be other:",
                "  2026-03-16T08:25:00.000Z ana: available (default, SGN-1) → away (manual, CON-4)",
            }
        )
            Assert.Contains(line, text.Split('\n'));

        var csv = (await RunAsync("policy: { restoreWindow: 300 }", "--format", "csv")).Output;
        Assert.Equal(
            [
                "agentId,displayName,measure,statusText,recordedSeconds,whatIfSeconds,differenceSeconds",
                "ana,,status.available,Available,2700,600,-2100",
                "ana,,status.away,Away,610,2710,2100",
                "ana,,status.offline,Offline,290.001,290.001,0",
                "ana,,signedIn,,3310,3310,0",
                "ana,,routable,,2700,600,-2100",
                "",
            ],
            csv.Split("\r\n")
        );
    }

    [Fact]
    public async Task Of_a_ledger_in_an_EventStoreDB_it_is_the_same()
    {
        _database.EventStore = await TestEventStore.StartAsync();
        await WriteAnasMorningAsync();
        var answer = await JsonAsync("policy: { restoreWindow: 300 }");
        AssertAmount(answer, "away", 610, 610 + 2100);
        Assert.Equal(1, answer.GetProperty("transitions").GetProperty("other").GetInt32());
    }

    [Fact]
    public async Task A_window_and_single_agents_are_taken_and_settings_hold_for_whom_they_name()
    {
        await WriteAnasMorningAsync();
        _clock.Now = At("09:10:00");
        await using (var node = await Node.StartAsync(_database, _clock))
        {
            await node.RegisterAsync("ben");
            await node.AcceptAsync("ben", new SignIn("main", null));
            BeatUntil(node, "09:20:00");
            var work = new Work("chat", "q1", null, 40, [], WrapUp.Default, null);
            await node.AcceptAsync("ben", new AssignConversation("c1", work, AutoAccept: true), OverMain);
            BeatUntil(node, "09:30:00");
            await node.AcceptAsync("ben", new MoveConversation("c1", ConversationVerb.Close), OverMain);
        }
        const string fewer = "agents: { '*': { units: 120 }, ben: { units: 40 } }";
        string[] window = ["--from", "2026-03-16T09:15:00Z", "--to", "2026-03-16T09:25:00Z"];
        var answer = await JsonAsync(fewer, window);
        AssertAmount(answer, "busy", 300, 0);
        AssertAmount(answer, "do-not-disturb", 0, 300);
        Assert.Equal(["ana", "ben"], answer.GetProperty("agents").EnumerateArray().Select(a => a.GetProperty("agentId").GetString()));
        Assert.Equal(
            ["agents.*.units=120", "agents.ben.units=40"],
            answer.GetProperty("settings").EnumerateArray().Select(s => $"{s.GetProperty("what")}={s.GetProperty("whatIf")}")
        );

        answer = await JsonAsync(fewer, [.. window, "--agents", "ana"]);
        Assert.Equal(1, answer.GetProperty("agentsCompared").GetInt32());
        AssertNoDifference(answer);

        void BeatUntil(Node node, string at)
        {
            for (; _clock.Now < At(at); _clock.Now += TimeSpan.FromMinutes(1))
                node.Leases.Arrived("ben", "main", _clock.Now);
        }

        static CommandEnvelope OverMain(CommandEnvelope envelope) => envelope with { ConnectionId = "main" };
    }

    [Theory]
    [InlineData("policies: {}", "'policies' is not known")]
    [InlineData("policy: { restoreWindows: 1 }", "'restoreWindows' is not known")]
    [InlineData("policy: { at: 1 }", "'at' is not known")]
    [InlineData("policy: { refreshGrace: -1 }", "not a duration in seconds")]
    [InlineData("policy: { heartbeatTimeout: 0 }", "at least 0.5 seconds")]
    [InlineData("policy: { restoreWindow: long }", "'long' is not a number")]
    [InlineData("policy: [", "what-if.yaml:")]
    [InlineData("", "one mapping with policy, profiles or agents is expected")]
    [InlineData("profiles: { fax: { blocking: true } }", "profile 'fax' needs a 'limit'")]
    [InlineData("agents: { ana: { profiles: [fax] } }", "there is no profile 'fax'")]
    [InlineData("agents: { ana: { units: -1 } }", "cannot be negative")]
    [InlineData("agents: { ana: { default: inactive } }", "cannot be a default")]
    [InlineData("agents: { zoe: { units: 1 } }", "There is no agent 'zoe'")]
    [InlineData("policy: {}", "There is no agent 'zoe'", "--agents", "ana,zoe")]
    [InlineData("policy: {}", "--from yesterday is no instant", "--from", "yesterday")]
    [InlineData("policy: {}", "--from must be earlier", "--from", "2999-01-01")]
    [InlineData("policy: {}", "--format xml is not known", "--format", "xml")]
    public async Task What_cannot_be_is_refused_with_a_word_why(string file, string why, params string[] options)
    {
        await using (var node = await Node.StartAsync(_database))
            await node.RegisterAsync("ana");
        var ended = await RunAsync(file, options);
        Assert.Equal((2, ""), (ended.ExitCode, ended.Output));
        Assert.Contains(why, ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_an_empty_ledger_and_a_missing_file_it_says_so()
    {
        var empty = await RunAsync("policy: {}");
        Assert.Equal((2, "presence-ledger: The ledger has no events.\n"), (empty.ExitCode, empty.Errors));
        var missing = await ServiceProcess.RunAsync(["what-if", "--policy", Path.Combine(_folder, "none.yaml")]);
        Assert.Equal(2, missing.ExitCode);
        Assert.Contains("none.yaml", missing.Errors, StringComparison.Ordinal);
    }

    /// <summary>
    /// Available from 08:00, away from 08:10, the tab closed at 08:20 and lost 10 s later, back at 08:25, signed out at 09:00.
    /// </summary>
    private async Task WriteAnasMorningAsync()
    {
        _clock.Now = At("08:00:00");
        await using var node = await Node.StartAsync(_database, _clock);
        await DoAsync("08:00:00", new ConfigureAgent(s => s with { Units = 100, Queues = ["q1"] }));
        await DoAsync("08:00:00", new SignIn("main", null));
        await DoAsync("08:10:00", new SetPresence("away"), "main");
        await DoAsync("08:20:00", new CloseConnection("main"), "main");
        await DoAsync("08:20:11", new SettleDue());
        await DoAsync("08:25:00", new SignIn("main", null));
        await DoAsync("09:00:00", new SignOut(), "main");

        async Task DoAsync(string at, AgentCommand command, string? connection = null)
        {
            // Nobody else sends heartbeats here.
            for (; connection is not null && _clock.Now < At(at); _clock.Now += TimeSpan.FromMinutes(1))
                node.Leases.Arrived("ana", connection, _clock.Now);
            _clock.Now = At(at);
            await node.AcceptAsync("ana", command, e => e with { ConnectionId = connection });
        }
    }

    private static DateTimeOffset At(string time) => DateTimeOffset.Parse($"2026-03-16T{time}Z", CultureInfo.InvariantCulture);

    private async Task<Ended> RunAsync(string file, params string[] options)
    {
        var path = Path.Combine(_folder, "what-if.yaml");
        await File.WriteAllTextAsync(path, file);
        string[] ledger = _database.EventStore is { } store
            ? ["--connection", store.ConnectionString, "--stream-prefix", store.Prefix]
            : ["--connection", _database.ServiceConnectionString];
        return await ServiceProcess.RunAsync(["what-if", "--policy", path, .. ledger, .. options]);
    }

    private async Task<JsonElement> JsonAsync(string file, params string[] options)
    {
        var ended = await RunAsync(file, [.. options, "--format", "json"]);
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        return JsonElement.Parse(ended.Output);
    }

    private static void AssertNoDifference(JsonElement answer)
    {
        Assert.Equal(0, answer.GetProperty("agentsOther").GetInt32());
        Assert.Equal(0, answer.GetProperty("transitions").GetProperty("other").GetInt32());
        Assert.Equal(0, answer.GetProperty("refused").GetProperty("count").GetInt32());
        var total = answer.GetProperty("total");
        var amounts = total
            .GetProperty("statusSeconds")
            .EnumerateObject()
            .Select(s => s.Value)
            .Concat([total.GetProperty("signedInSeconds"), total.GetProperty("routableSeconds")])
            .Concat(
                answer
                    .GetProperty("queues")
                    .EnumerateArray()
                    .SelectMany(q => new[] { q.GetProperty("routableSeconds"), q.GetProperty("nobodySeconds") })
            );
        Assert.All(amounts, a => Assert.Equal(0, Amount(a, "difference")));
    }

    private static void AssertAmount(JsonElement answer, string status, double recorded, double whatIf)
    {
        var amount = answer.GetProperty("total").GetProperty("statusSeconds").GetProperty(status);
        Assert.Equal((recorded, whatIf), (Amount(amount, "recorded"), Amount(amount, "whatIf")));
    }

    private static double Amount(JsonElement amount, string member) => amount.GetProperty(member).GetDouble();

    private static async Task<int> CountAsync(Node node) => (await node.Log.ReadAllAsync(LogPosition.Start, 1_000_000, default)).Count;

    private static async Task SetPolicyAsync(ServiceClient client, object policy)
    {
        var answer = await client.PutAsync("policy", policy, OpenService.Administrator);
        Assert.True(answer.Status == 200, answer.ToString());
    }

    private async Task UntilThereIsMuchAsync()
    {
        await using var node = await Node.StartAsync(_database);
        while (true)
        {
            var next = node.Log.NextAppend;
            if (await CountAsync(node) > 400)
                return;
            await next.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    private static ConfigurationHistory ConfigurationsOf(IEnumerable<EventRecord> ledger) =>
        ConfigurationHistory.Of(
            ledger.Where(e => e.Stream == StreamNames.Configuration).Select(e => (ConfigurationEvent)WireNames.Read(e))
        );

    private static void AssertSame(
        string stream,
        EventRecord[] events,
        ConfigurationHistory configurations,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null
    )
    {
        RecordedEvent[] recorded =
        [
            .. events.Select(e =>
            {
                var metadata = LedgerJson.Read<EventMetadata>(e.Metadata);
                return new RecordedEvent(
                    (AgentEvent)WireNames.Read(e),
                    e.RecordedAt,
                    metadata.PolicyVersion,
                    metadata.CausationId,
                    metadata.Actor.Kind is Persona.System
                );
            }),
        ];
        var replay = AgentReplay.Of(
            StreamNames.AgentId(stream)!,
            recorded,
            Alternative.None(configurations, TzdbCalendar.Instance),
            from ?? DateTimeOffset.MinValue,
            to ?? new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero)
        );
        Assert.Empty(replay.Refused);
        string[] expected = [.. recorded.Take(replay.Begin..replay.End).Select(e => Line(e.Event))];
        string[] actual = [.. replay.Events.Select(e => Line(e.Event))];
        // Of two long lists the place is of interest where they part.
        var same = expected.Zip(actual).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.True(
            same == expected.Length && same == actual.Length,
            $"{stream}@{replay.Begin + same}: {expected.ElementAtOrDefault(same)} became {actual.ElementAtOrDefault(same)}"
        );

        static string Line(AgentEvent e) => $"{Instant.Format(e.OccurredAt)} {e.Rule} {WireNames.Of(e)} {WireNames.Write(e)}";
    }
}
