using System.Globalization;
using System.Text;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Reporting;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests.Facts;

/// <summary>Facts of random ledgers, on a real PostgreSQL, and what is computed of them.</summary>
public sealed class FactsTests : IAsyncLifetime
{
    private static readonly string[] AgentIds = ["ana", "ben", "cid"];
    private static readonly string[] StatusIds = ["available", "busy", "away", "do-not-disturb", "offline", "away-training"];

    private static readonly ConversationVerb[] Verbs =
    [
        .. Enum.GetValues<ConversationVerb>(),
        ConversationVerb.Accept,
        ConversationVerb.Accept,
        ConversationVerb.Accept,
        ConversationVerb.WrapUp,
        ConversationVerb.WrapUp,
    ];

    private readonly ShiftedClock _clock = new();
    private TestDatabase _database = null!;
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _node = await Node.StartAsync(_database, _clock);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Sums_by_sets_of_ranges_in_SQL_are_those_of_the_arithmetic(int seed)
    {
        var random = new Random(seed);
        var began = _clock.GetUtcNow().ToMillisecond();
        await LiveAsync(random, 600);
        await using var projected = await ProjectedFacts.OfAsync(_database, _node, pageSize: 1 + random.Next(60));
        await using var snapshot = await projected.Reader.OpenAsync(default);
        var asOf = snapshot.Read.AsOf;
        var met = new HashSet<Measure>();

        for (var window = 0; window < 4; window++)
        {
            var (earliest, latest) = (began - TimeSpan.FromHours(1), asOf + TimeSpan.FromHours(1));
            // All of it first, for a window by chance may have little in it.
            var edges = window == 0 ? [earliest, latest] : EdgesWithin(random, earliest, latest);
            foreach (var corrected in new[] { false, true })
            {
                var oracle = await SqlOracle.RunAsync(_database.SuperuserConnectionString, edges, asOf, corrected);
                var read = 0;
                await foreach (var (_, facts) in snapshot.ReadAsync(AgentIds, new FactsWindow(edges[0], edges[^1]), default))
                {
                    var cells = Arithmetic.Of(corrected ? facts.Corrected(asOf) : facts, edges, asOf, SessionFilter.All);
                    met.UnionWith(Enum.GetValues<Measure>().Where(m => cells.Any(c => c[m] > 0)));
                    for (var bucket = 0; bucket < cells.Count; bucket++)
                        AssertSame(
                            oracle[(facts.AgentId, bucket)],
                            cells[bucket],
                            $"seed {seed}, {facts.AgentId}, {cells[bucket].Start:O}"
                        );
                    read++;
                }
                Assert.Equal(AgentIds.Length, read);
            }
        }
        // What never came up was not compared.
        Assert.True(met.Count >= Enum.GetValues<Measure>().Length - 5, string.Join(", ", Enum.GetValues<Measure>().Except(met)));
    }

    [Fact]
    public async Task Who_read_what_is_no_fact()
    {
        await LiveAsync(new Random(21), 40);
        var before = await DumpAsync();
        await _node.Access.RecordAsync("ana", new Actor(Persona.Auditor, "al"), new AuditRead("timeline", null, null, null), null, default);

        Assert.Equal(before, await DumpAsync());

        async Task<string> DumpAsync()
        {
            await using var projected = await ProjectedFacts.OfAsync(_database, _node, pageSize: 100);
            return await projected.DumpAsync();
        }
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task The_tables_are_the_same_whatever_the_pages_were(int seed)
    {
        var random = new Random(seed);
        await LiveAsync(random, 250);
        string[] dumps =
        [
            await DumpAsync(await ProjectedFacts.OfAsync(_database, _node, pageSize: 1)),
            await DumpAsync(await ProjectedFacts.OfAsync(_database, _node, pageSize: 7, forgetful: true)),
            await DumpAsync(await ProjectedFacts.OfAsync(_database, _node, pageSize: 100_000)),
        ];

        Assert.True(dumps[0].Length > 10_000);
        Assert.Equal(dumps[0], dumps[1]);
        Assert.Equal(dumps[0], dumps[2]);

        async Task<string> DumpAsync(ProjectedFacts projected)
        {
            await using (projected)
                return await projected.DumpAsync();
        }
    }

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    public async Task What_was_known_at_an_instant_is_what_the_events_recorded_by_then_give(int seed)
    {
        var random = new Random(seed);
        var began = _clock.GetUtcNow().ToMillisecond();
        await LiveAsync(random, 300);
        var records = (await _node.Log.ReadAllAsync(LogPosition.Start, 100_000, default)).Select(e => e.Record).ToArray();
        await using var projected = await ProjectedFacts.OfAsync(_database, _node, pageSize: 50);
        await using var snapshot = await projected.Reader.OpenAsync(default);

        for (var n = 0; n < 12; n++)
        {
            var at = records[random.Next(records.Length)].RecordedAt;
            var edges = EdgesWithin(random, began - TimeSpan.FromHours(1), at);
            var then = ReplayedTo(at);
            await foreach (var (_, facts) in snapshot.ReadAsync(AgentIds, new FactsWindow(edges[0], edges[^1]) { KnownAt = at }, default))
            {
                var expected = then.TryGetValue(facts.AgentId, out var known) ? known : new AgentFacts { AgentId = facts.AgentId };
                Assert.Equal(
                    Told(Arithmetic.Of(expected.Corrected(at), edges, at, SessionFilter.All)),
                    Told(Arithmetic.Of(facts.Corrected(at), edges, at, SessionFilter.All))
                );
            }
        }

        // The facts of all events recorded by then and of no other.
        Dictionary<string, AgentFacts> ReplayedTo(DateTimeOffset at) =>
            ProjectedFacts.Fold(records.Where(r => r.RecordedAt <= at || StreamNames.AgentId(r.Stream) is null));
    }

    private static string Told(IEnumerable<Cell> cells)
    {
        var told = new StringBuilder();
        foreach (var cell in cells)
        {
            told.Append(CultureInfo.InvariantCulture, $"{cell.Start:O} {cell.Conserved}");
            foreach (var measure in Enum.GetValues<Measure>())
                told.Append(CultureInfo.InvariantCulture, $" {measure}={cell[measure]}");
            foreach (var status in cell.Statuses.OrderBy(s => s.StatusId, StringComparer.Ordinal))
                told.Append(CultureInfo.InvariantCulture, $" {status.StatusId}={status.Milliseconds}/{status.Episodes}");
            told.AppendLine();
        }
        return told.ToString();
    }

    private static void AssertSame(OracleCell oracle, Cell cell, string where)
    {
        Assert.True(cell.Conserved, where);
        foreach (var measure in Enum.GetValues<Measure>())
            Assert.True(
                oracle.Sums[measure.ToString()] == cell[measure],
                $"{where}: {measure} is {cell[measure]}, by SQL {oracle.Sums[measure.ToString()]}"
            );
        Assert.Equal(
            oracle.Statuses.Select(s => $"{s.Key} {string.Join('/', s.Value)}"),
            cell.Statuses.OrderBy(s => s.StatusId, StringComparer.Ordinal)
                .Select(s =>
                    string.Create(CultureInfo.InvariantCulture, $"{s.StatusId} {s.Milliseconds}/{s.Episodes}/{s.Shortest}/{s.Longest}")
                )
        );
    }

    private static DateTimeOffset[] EdgesWithin(Random random, DateTimeOffset from, DateTimeOffset to)
    {
        var span = (long)(to - from).TotalMilliseconds;
        return
        [
            .. Enumerable
                .Range(0, 2 + random.Next(8))
                .Select(_ => from + TimeSpan.FromMilliseconds(random.NextInt64(span)))
                .Append(from + TimeSpan.FromMilliseconds(span / 2))
                .Distinct()
                .Order(),
        ];
    }

    /// <summary>A few agents' days: commands at random distances, with silences that are losses found late, and corrections.</summary>
    private async Task LiveAsync(Random random, int commands)
    {
        var began = _clock.GetUtcNow();
        await _node.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Away, null));
        await _node.ConfigureAsync(
            new SetCapacityProfile(new CapacityProfile("calls", "Calls", 2, Blocking: true, ProfileReset.Immediate))
        );
        foreach (var id in AgentIds)
        {
            await _node.AcceptAsync(
                id,
                new ConfigureAgent(s =>
                    s with
                    {
                        Units = id == "cid" ? null : 60,
                        Profiles = s.Profiles.Add("calls", id == "ben" ? 1 : null),
                        Queues = ["sales"],
                    }
                )
            );
            _clock.Advance(TimeSpan.FromMilliseconds(random.Next(1, 3_600_000)));
        }
        for (var n = 0; n < commands; n++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(random.Next(25) == 0 ? random.Next(10_800_000) : random.Next(20_000)));
            await _node.SendAsync(AgentIds[random.Next(3)], Next());
        }

        AgentCommand Next()
        {
            var conversation = "c" + random.Next(5).ToString(CultureInfo.InvariantCulture);
            return random.Next(40) switch
            {
                < 8 => new SignIn("k" + random.Next(2).ToString(CultureInfo.InvariantCulture), "web"),
                8 => new SignOut(),
                < 12 => new SetPresence(StatusIds[random.Next(StatusIds.Length)]),
                12 => new ResetPresence(),
                < 21 => new AssignConversation(conversation, WorkOf(), random.Next(3) == 0),
                21 => new TransferConversation(conversation, AgentIds[random.Next(3)], null, null),
                22 or 23 => new JoinConsult("x" + conversation, (ConsultMode)random.Next(2)),
                24 => new LeaveConsult("x" + conversation),
                25 when random.Next(2) == 0 => new ConfigureAgent(s =>
                    s with
                    {
                        Units = 30 + random.Next(60),
                        Queues = random.Next(2) == 0 ? ["sales"] : ["billing"],
                    }
                ),
                25 => new ForceReleaseConversation(conversation),
                < 28 => CorrectionOf(),
                _ => new MoveConversation(conversation, Verbs[random.Next(Verbs.Length)]),
            };
        }

        Work WorkOf() =>
            new(
                "chat",
                "sales",
                null,
                random.Next(50),
                random.Next(2) == 0 ? [] : ["calls"],
                random.Next(2) == 0 ? WrapUp.Default : new WrapUp(WrapUpPolicy.Custom, 60),
                random.Next(2) == 0 ? null : _clock.GetUtcNow() - TimeSpan.FromSeconds(random.Next(300))
            );

        CorrectPresence CorrectionOf()
        {
            var now = _clock.GetUtcNow();
            var from = began + (now - began) * random.NextDouble();
            return new CorrectPresence(from, from + (now - from) * random.NextDouble(), StatusIds[random.Next(StatusIds.Length)]);
        }
    }
}
