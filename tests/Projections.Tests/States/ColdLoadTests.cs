using PresenceLedger.Domain;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests.States;

/// <summary>Commands on agents that a node does not have in memory: they are loaded by a state that is kept on the way, and the events after it.</summary>
public sealed class ColdLoadTests : ReadSideTests
{
    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();

    [Fact]
    public async Task A_long_stream_is_loaded_by_the_newest_kept_state_and_what_came_after()
    {
        await AppendHistoryAsync("old", 20_000);
        var reading = await StartAsync(_node);
        await CaughtUpAsync(reading);
        await reading.StopAsync();
        await _node.Timers.StopAsync(default);
        await using var second = await Node.StartAsync(_database, _clock);
        using var statements = new Statements(_database);

        var cold = await second.Agents.CurrentAsync("old", default);

        // The kept state, whether it is of this log, what came after it, and the look for what is newer.
        Assert.InRange(statements.Sent.Count, 1, 4);
        Assert.Equal(19_800L, await ScalarAsync("select max(version) from presence_v3.state"));

        await ExecuteAsync("delete from presence_v3.state");
        await using var third = await Node.StartAsync(_database, _clock);
        var fromTheStart = await third.Agents.CurrentAsync("old", default);
        Assert.Equal(LedgerJson.Write(fromTheStart), LedgerJson.Write(cold));
        await third.AcceptAsync("old", new SignIn("main", null));
        var events = await third.EventsAsync("old");
        Assert.Equal(Enumerable.Range(0, events.Count).Select(n => (long)n), events.Select(e => e.Version));
    }

    [Theory]
    [InlineData("""update presence_v3.state set state = '{"agentId":7}' where version = 400""")]
    [InlineData(@"update presence_v3.state set hash = '\x010203' where version = 400")]
    [InlineData(
        "insert into presence_v3.state select agent_id, 99800, occurred_at, known_at, hash, state from presence_v3.state where version = 400"
    )]
    [InlineData("drop schema presence_v3 cascade")]
    public async Task A_kept_state_that_cannot_be_read_or_is_of_another_log_changes_nothing(string spoil)
    {
        await AppendHistoryAsync("old", 500);
        var reading = await StartAsync(_node);
        await CaughtUpAsync(reading);
        await reading.StopAsync();
        var before = await _node.Agents.CurrentAsync("old", default);
        await ExecuteAsync(spoil);
        await using var other = await Node.StartAsync(_database, _clock);

        Assert.Equal(LedgerJson.Write(before), LedgerJson.Write(await other.Agents.CurrentAsync("old", default)));
        await other.AcceptAsync("old", new SignIn("main", null));
    }

    /// <summary>An agent who has come and gone for years, with a chain that holds.</summary>
    private async Task AppendHistoryAsync(string agentId, int count)
    {
        const int each = 1_000;
        var stream = StreamNames.Agent(agentId);
        var metadata = LedgerJson.Write(new EventMetadata(Node.Envelope().Actor, Guid.Empty, "history", -1));
        var at = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var hash = HashChain.Genesis;
        for (long from = 0; from < count; from += each)
        {
            var events = new List<EventRecord>(each);
            for (var version = from; version < from + each; version++)
            {
                LedgerEvent e = version switch
                {
                    0 => new AgentRegistered(AgentSettings.None),
                    var odd when odd % 2 == 1 => new ConsultJoined("c", ConsultMode.Consult),
                    _ => new ConsultLeft("c"),
                };
                var id = Guid.CreateVersion7(at);
                var data = WireNames.Write(e);
                hash = HashChain.Hash(hash, stream, version, id, WireNames.Of(e), data, metadata, at, at);
                events.Add(new EventRecord(stream, version, id, WireNames.Of(e), data, metadata, at, at, hash));
            }
            var result = await _node.Log.AppendAsync(new Commit([new StreamAppend(stream, from - 1, events)]));
            Assert.Equal(AppendVerdict.Appended, result.Verdict);
        }
    }
}
