using System.Globalization;
using Npgsql;
using PresenceLedger.Domain;
using PresenceLedger.Domain.Access;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests;

/// <summary>The read side, whatever keeps the log.</summary>
public abstract class ProjectionLoopTests : ReadSideTests
{
    [Fact, Trait("Rule", Rules.Tim1)]
    public async Task What_was_recorded_while_the_clock_was_ahead_is_no_reason_to_be_complete_up_to_then()
    {
        var presence = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        _clock.Advance(TimeSpan.FromDays(1));
        await _node.RegisterAsync("ben");
        await CaughtUpAsync(presence);
        _clock.Advance(TimeSpan.FromDays(-1));
        await _node.RegisterAsync("cai");
        await CaughtUpAsync(presence);

        var lag = await new ReadPosition(_node.Database, presence.Loop, _clock).LagAsync(default);
        Assert.InRange(lag.At.AsOf, _clock.Now().AddMinutes(-1), _clock.Now());
        Assert.InRange(lag.Seconds, 0, 60);
        Assert.InRange(lag.RecordedAhead.TotalHours, 23, 24);
        // Nor is it kept so, for whoever looks while nobody projects.
        var kept = new DateTimeOffset((DateTime)(await ScalarAsync("select as_of from read.read_model where place = 'live'"))!);
        Assert.True(kept <= _clock.Now(), $"{kept:O}");
    }

    [Fact]
    public async Task The_documents_are_what_the_stored_events_give()
    {
        var reading = await StartAsync(_node);
        var ids = await LiveAsync(new Random(7), commands: 250);

        await CaughtUpAsync(reading);

        await AssertReadSideAsync(ids);
    }

    [Fact]
    public async Task Dropped_and_rebuilt_the_documents_are_the_same()
    {
        var reading = await StartAsync(_node);
        var ids = await LiveAsync(new Random(11), commands: 200);
        await CaughtUpAsync(reading);
        var before = await DocumentsAsync();
        await reading.StopAsync();

        await ExecuteAsync("delete from read.read_model");
        var again = await StartAsync(_node);
        await CaughtUpAsync(again);

        Assert.NotEmpty(before);
        Assert.Equal(before, await DocumentsAsync());
        await AssertReadSideAsync(ids);
    }

    [Fact]
    public async Task One_loop_works_and_another_takes_over_when_its_connection_is_gone()
    {
        await using var second = await Node.StartAsync(_database, _clock);
        var one = await StartAsync(_node);
        var two = await StartAsync(second);
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(one);
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(1L, await ScalarAsync(LockHolders("count(*)")));
            var holder = await ScalarAsync(LockHolders("min(pid)"));

            await ExecuteAsync($"select pg_terminate_backend({holder})");
            await _node.RegisterAsync("agent-" + round.ToString(CultureInfo.InvariantCulture));

            await CaughtUpAsync(one);
            Assert.NotEqual(holder, await ScalarAsync(LockHolders("min(pid)")));
        }
        Assert.Equal(4L, await ScalarAsync("select count(*) from presence_v3.agent"));
        Assert.Null(one.Loop.Stopped);
        Assert.Null(two.Loop.Stopped);
    }

    [Fact]
    public async Task A_loop_that_is_gone_in_the_middle_of_a_page_leaves_nothing_of_it_and_another_goes_on()
    {
        await using var second = await Node.StartAsync(_database, _clock);
        var one = await StartAsync(_node);
        var two = await StartAsync(second);
        var ids = await LiveAsync(new Random(13), commands: 60);
        await CaughtUpAsync(one);
        await using (var blocking = await _node.Database.OpenConnectionAsync())
        {
            await using var transaction = await blocking.BeginTransactionAsync();
            await ExecuteAsync(blocking, "lock table presence_v3.agent in exclusive mode");
            // The checkpoint of the page is moved by now, within its transaction; its documents wait.
            await LiveAsync(new Random(17), commands: 60);
            await UntilAsync(one.Loop, async () => (long)(await ScalarAsync(Waiting("count(*)")))! > 0);

            await ExecuteAsync($"select pg_terminate_backend({await ScalarAsync(Waiting("min(pid)"))})");
            await UntilAsync(one.Loop, async () => (long)(await ScalarAsync(Waiting("count(*)")))! > 0);
            await transaction.RollbackAsync();
        }

        await CaughtUpAsync(one);
        await AssertReadSideAsync(ids);
        Assert.Null(one.Loop.Stopped);
        Assert.Null(two.Loop.Stopped);
    }

    [Fact]
    public async Task A_loop_that_stops_leaves_the_work_to_others_at_once()
    {
        await using var second = await Node.StartAsync(_database, _clock);
        var one = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(one);

        await one.StopAsync();

        Assert.Equal(0L, await ScalarAsync(LockHolders("count(*)")));
        var two = await StartAsync(second);
        await _node.RegisterAsync("ben");
        await CaughtUpAsync(two);
    }

    [Fact]
    public async Task Loops_that_start_at_once_on_a_fresh_database_do_not_get_in_each_others_way()
    {
        await using var second = await Node.StartAsync(_database, _clock);
        await using var third = await Node.StartAsync(_database, _clock);

        var all = await Task.WhenAll(StartAsync(_node), StartAsync(second), StartAsync(third));

        await _node.RegisterAsync("ana");
        await CaughtUpAsync(all[0]);
    }

    [Fact]
    public async Task A_checkpoint_that_somebody_else_moved_is_not_overwritten()
    {
        var reading = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(reading);
        // As if another node had projected further than this one knows of: to the end of all that is to come.
        await ExecuteAsync("update read.read_model set position = 700000000");

        await _node.RegisterAsync("ben");
        await UntilAsync(reading.Loop, () => Task.FromResult(reading.Failures > 0));

        Assert.Equal(700_000_000L, await ScalarAsync("select position from read.read_model"));
        Assert.Equal(1L, await ScalarAsync("select count(*) from presence_v3.agent"));
    }

    [Theory]
    [InlineData("never-heard-of.v1", "agent-bad", "{}")]
    [InlineData("status-used.v1", "configuration", """{"statusId":"never-defined"}""")]
    [InlineData("agent-signed-in.v1", "agent-bad", "null")]
    public async Task An_event_that_cannot_be_folded_stops_the_loop_with_the_reason_and_nothing_is_skipped(
        string type,
        string stream,
        string data
    )
    {
        var reading = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(reading);
        await AppendAsync(stream, type, data);
        await _node.RegisterAsync("ben");

        await UntilAsync(reading.Loop, () => Task.FromResult(reading.Loop.Stopped is not null));

        Assert.Contains($"{stream}@0", reading.Loop.Stopped, StringComparison.Ordinal);
        Assert.Equal(1L, await ScalarAsync("select count(*) from presence_v3.agent"));
    }

    [Fact]
    public async Task A_poison_event_stops_its_read_model_right_before_it_and_another_one_goes_on()
    {
        for (var n = 0; n < 7; n++)
            await _node.RegisterAsync($"before-{n}");
        var before = await EndAsync();
        await AppendAsync("agent-bad", "never-heard-of.v1", "{}");
        for (var n = 0; n < 9; n++)
            await _node.RegisterAsync($"after-{n}");

        var presence = await StartAsync(_node);
        var tally = await StartAsync(_node, new TallyModel());
        await CaughtUpAsync(tally);
        await UntilAsync(presence.Loop, () => Task.FromResult(presence.Loop.Stopped is not null));

        Assert.StartsWith("agent-bad@0", presence.Loop.Stopped, StringComparison.Ordinal);
        Assert.Equal(7L, await ScalarAsync("select count(*) from presence_v3.agent"));
        Assert.Equal(before, (await new ReadPosition(_node.Database, presence.Loop, _clock).ReadAsync(default)).Position);
        Assert.Null(tally.Loop.Stopped);
        Assert.Equal(17L, await ScalarAsync("select count(*) from tally_v1.stream where stream like 'agent-%'"));
    }

    [Fact]
    public async Task An_event_that_the_database_refuses_stops_its_read_model_right_before_it()
    {
        for (var n = 0; n < 5; n++)
            await _node.RegisterAsync($"before-{n}");
        var before = await EndAsync();
        await AppendAsync("agent-refused", "status-used.v1", "{}");
        await _node.RegisterAsync("after");

        var tally = await StartAsync(_node, new TallyModel());
        await UntilAsync(tally.Loop, () => Task.FromResult(tally.Loop.Stopped is not null));

        Assert.StartsWith("agent-refused@0", tally.Loop.Stopped, StringComparison.Ordinal);
        Assert.Equal(5L, await ScalarAsync("select count(*) from tally_v1.stream where stream like 'agent-%'"));
        Assert.Equal(before, (await new ReadPosition(_node.Database, tally.Loop, _clock).ReadAsync(default)).Position);
    }

    [Fact]
    public async Task A_higher_version_fills_a_schema_of_its_own_and_the_one_before_is_dropped_once_nobody_uses_it()
    {
        await using var second = await Node.StartAsync(_database, _clock);
        var old = await StartAsync(_node, new TallyModel(version: 1));
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(old);

        var @new = await StartAsync(second, new TallyModel(version: 2));
        await CaughtUpAsync(@new);
        await _node.RegisterAsync("ben");
        await CaughtUpAsync(old);
        await CaughtUpAsync(@new);
        foreach (var schema in new[] { "tally_v1", "tally_v2" })
            Assert.Equal(2L, await ScalarAsync($"select count(*) from {schema}.stream where stream like 'agent-%'"));

        await old.StopAsync();

        await UntilAsync(@new.Loop, async () => await ScalarAsync("select to_regnamespace('tally_v1')::text") is null or DBNull);
        Assert.Equal("2", await ScalarAsync("select string_agg(version::text, ',') from read.read_model"));
        Assert.Equal(2L, await ScalarAsync("select count(*) from tally_v2.stream where stream like 'agent-%'"));
    }

    [Fact]
    public async Task A_read_model_that_takes_the_place_of_another_drops_that_once_nobody_uses_it()
    {
        await using var second = await Node.StartAsync(_database, _clock);
        var old = await StartAsync(_node, new TallyModel(version: 3));
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(old);

        var @new = await StartAsync(second, new TallyModel(version: 1, "count", replaces: "tally"));
        await CaughtUpAsync(@new);
        Assert.Equal(1L, await ScalarAsync("select count(*) from tally_v3.stream where stream like 'agent-%'"));

        await old.StopAsync();

        await UntilAsync(@new.Loop, async () => await ScalarAsync("select to_regnamespace('tally_v3')::text") is null or DBNull);
        Assert.Equal("count", await ScalarAsync("select string_agg(name, ',') from read.read_model"));
    }

    [Fact]
    public async Task More_events_than_a_small_page_has_are_applied_in_order_and_once()
    {
        for (var n = 0; n < 12; n++)
            await AppendManyAsync($"agent-many-{n}", 150);

        var tally = await StartAsync(_node, new TallyModel());
        await CaughtUpAsync(tally);
        await AppendManyAsync("agent-later", 1);
        await CaughtUpAsync(tally);

        Assert.Equal(1801m, await ScalarAsync("select sum(events) from tally_v1.stream"));
        Assert.Equal(0, tally.Failures);
    }

    [Fact]
    public async Task A_reason_with_a_null_character_does_not_stop_the_loop()
    {
        var reading = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        await _node.AcceptAsync("ana", new SignIn("main", null));

        await _node.AcceptAsync("ana", new SetPresence("away"), e => e with { Reason = new Reason("lunch", "a\0b") });

        await CaughtUpAsync(reading);
        Assert.Null(reading.Loop.Stopped);
    }

    [Fact]
    public async Task Who_read_what_is_passed_over_and_the_checkpoint_goes_beyond_it()
    {
        var reading = await StartAsync(_node);
        var ids = await LiveAsync(new Random(19), commands: 30);
        foreach (var id in new[] { "ana", "nobody" })
            await _node.Access.RecordAsync(
                id,
                new Actor(Persona.Auditor, "al"),
                new AuditRead("timeline", null, null, null),
                null,
                default
            );

        await CaughtUpAsync(reading);

        Assert.Null(reading.Loop.Stopped);
        await AssertReadSideAsync(ids);
        Assert.Equal(0L, await ScalarAsync("select count(*) from presence_v3.agent where agent_id = 'nobody'"));
    }

    /// <summary>Connections that wait to write documents.</summary>
    private static string Waiting(string what) =>
        $"select {what} from pg_locks where not granted and relation = 'presence_v3.agent'::regclass";

    private static string LockHolders(string what) =>
        $"""
            select {what} from pg_locks l join pg_database d on d.oid = l.database
            where d.datname = current_database() and l.locktype = 'advisory' and l.granted and l.classid = {Locks.Class} and l.objid = hashtext('presence_v3')::oid
            """;

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }
}
