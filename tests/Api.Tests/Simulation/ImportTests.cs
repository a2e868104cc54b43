using NodaTime;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Copying;
using PresenceLedger.Simulation;
using PresenceLedger.Testing;

namespace PresenceLedger.Api.Tests.Simulation;

/// <summary>A simulated ledger in a PostgreSQL.</summary>
public sealed class ImportTests : IAsyncLifetime
{
    private static readonly SimulationPlan Plan = new(30, 2, 1, new DateOnly(2026, 3, 16), DateTimeZoneProviders.Tzdb["Europe/Berlin"]);

    private TestDatabase _database = null!;
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _node = await Node.StartAsync(_database);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task The_log_reads_it_in_its_order_and_appends_on_top()
    {
        var portions = Center.Ledger(Plan).ToArray();
        await ImportAsync(portions.ToAsyncEnumerable());

        Assert.Equal(portions.SelectMany(p => p).Select(Written), (await ReadAsync()).Select(Written));
        var head = portions.SelectMany(p => p).Last(e => e.Stream == "agent-agent-0001");
        await _node.Configuration.RefreshAsync(CancellationToken.None);
        var accepted = await _node.AcceptAsync("agent-0001", new ConfigureAgent(s => s with { Units = 12 }));
        Assert.Equal(head.Version + 1, accepted.Events[0].Version);
        Assert.True(HashChain.Holds(head.Hash, accepted.Events[0]));
    }

    [Fact]
    public async Task A_ledger_that_has_events_is_refused_and_stays_as_it_is()
    {
        await _node.RegisterAsync("ana");
        var refused = await Assert.ThrowsAsync<LedgerNotEmptyException>(() => ImportAsync(Center.Ledger(Plan).ToAsyncEnumerable()));
        Assert.Contains("has events already", refused.Message, StringComparison.Ordinal);
        Assert.Equal("agent-ana", Assert.Single(await ReadAsync()).Stream);
    }

    [Fact]
    public async Task Where_somebody_else_writes_to_its_streams_it_stops_with_whole_portions()
    {
        var portions = Center.Ledger(Plan).ToArray();
        await Assert.ThrowsAsync<LedgerNotEmptyException>(() => ImportAsync(Interrupted()));
        var stolen = await _node.EventsAsync("agent-0001");
        Assert.Equal([.. portions[0].Select(Written), Written(stolen[0])], (await ReadAsync()).Select(Written));

        async IAsyncEnumerable<IReadOnlyList<EventRecord>> Interrupted()
        {
            yield return portions[0];
            await _node.RegisterAsync("agent-0001");
            yield return portions[1];
        }
    }

    [Fact]
    public async Task A_portion_that_fails_leaves_nothing_of_itself()
    {
        var portions = Center.Ledger(Plan).ToArray();
        var broken = portions[1].Select((e, n) => n == portions[1].Count - 1 ? e with { Data = "no json" } : e).ToArray();
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => ImportAsync(new[] { portions[0], broken }.ToAsyncEnumerable()));
        Assert.Equal(portions[0].Select(Written), (await ReadAsync()).Select(Written));
        Assert.Equal(0, (await _node.RegisterAsync("agent-0001")).Events[0].Version);
    }

    [Fact]
    public async Task As_a_program_it_says_what_it_wrote_and_does_not_write_twice()
    {
        string[] arguments =
        [
            "simulate",
            "--agents",
            "3",
            "--days",
            "2",
            "--start",
            "2026-03-16",
            "--connection",
            _database.SuperuserConnectionString,
        ];
        var ended = await ServiceProcess.RunAsync(arguments);
        Assert.Equal((0, ""), (ended.ExitCode, ended.Errors));
        Assert.Contains("events in 4 streams, 2 days of 3 agents", ended.Output, StringComparison.Ordinal);

        var again = await ServiceProcess.RunAsync(arguments);
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("The ledger has events already; simulate writes into an empty one.", again.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--agents", "0")]
    [InlineData("--agents", "200001")]
    [InlineData("--days", "0")]
    [InlineData("--days", "3661")]
    [InlineData("--start", "yesterday")]
    [InlineData("--start", "2999-01-01")]
    [InlineData("--time-zone", "Middle/Earth")]
    public async Task What_cannot_be_is_refused_with_a_word_why(string option, string value)
    {
        var ended = await ServiceProcess.RunAsync(["simulate", option, value, "--connection", _database.SuperuserConnectionString]);
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains(value, ended.Errors, StringComparison.Ordinal);
        Assert.Empty(await ReadAsync());
    }

    private Task ImportAsync(IAsyncEnumerable<IReadOnlyList<EventRecord>> portions) =>
        new LogImport(_node.Log).RunAsync(portions, new Progress<int>(), CancellationToken.None);

    private async Task<IReadOnlyList<EventRecord>> ReadAsync()
    {
        return [.. (await _node.Log.ReadAllAsync(LogPosition.Start, 1_000_000, CancellationToken.None)).Select(e => e.Record)];
    }

    private static object Written(EventRecord e) => e with { Hash = [] };
}
