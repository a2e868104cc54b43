using System.Globalization;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Due;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Projections.CurrentPresence;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests;

/// <summary>The read side, whatever keeps the log.</summary>
public abstract class ProjectionLoopTests : IAsyncLifetime
{
    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private protected readonly ShiftedClock _clock = new();
    private protected readonly List<IAsyncDisposable> _open = [];
    private protected TestDatabase _database = null!;
    private protected Node _node = null!;

    protected abstract Task<TestDatabase> OpenAsync();

    public async Task InitializeAsync()
    {
        _database = await OpenAsync();
        _node = await Node.StartAsync(_database, _clock);
    }

    public async Task DisposeAsync()
    {
        _open.Reverse();
        foreach (var one in _open)
            await one.DisposeAsync();
        await _node.DisposeAsync();
        await _database.DisposeAsync();
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
    public async Task A_connection_that_is_projected_late_has_a_full_timeout_from_then_on()
    {
        await _node.RegisterAsync("ana");
        await _node.AcceptAsync("ana", new SignIn("main", null));
        _clock.Advance(TimeSpan.FromHours(2));
        var projectedAt = _clock.Now();

        await CaughtUpAsync(await StartAsync(_node));

        Assert.Empty(await _node.Leases.ClaimOverdueAsync(new Policy(), projectedAt + new Policy().HeartbeatTimeout, 10, default));
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
        Assert.Equal(4L, await ScalarAsync("select count(*) from presence_v1.agent"));
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
            await ExecuteAsync(blocking, "lock table presence_v1.agent in exclusive mode");
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
        await ExecuteAsync("update read.read_model set epoch = 7");

        await _node.RegisterAsync("ben");
        await UntilAsync(reading.Loop, () => Task.FromResult(reading.Failures > 0));

        Assert.Equal(7, await ScalarAsync("select epoch from read.read_model"));
        Assert.Equal(1L, await ScalarAsync("select count(*) from presence_v1.agent"));
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
        Assert.Equal(1L, await ScalarAsync("select count(*) from presence_v1.agent"));
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

    /// <summary>Random commands on a few agents, on a configuration that changes.</summary>
    private protected async Task<string[]> LiveAsync(Random random, int commands)
    {
        string[] ids = ["ana", "ben", "cid"];
        await _node.ConfigureAsync(new SetCapacityProfile(new CapacityProfile("calls", "Calls", 3, false, ProfileReset.EndOfDay)));
        await _node.ConfigureAsync(new DefineStatus("away-training", "Training", "In training", BaseStatus.Away, null));
        foreach (var id in ids)
            await _node.AcceptAsync(
                id,
                new ConfigureAgent(s => s with { Units = 100, Profiles = s.Profiles.Add("calls", null), Queues = ["sales"] })
            );
        for (var n = 0; n < commands; n++)
        {
            var conversation = "c" + random.Next(4).ToString(CultureInfo.InvariantCulture);
            var connection = "k" + random.Next(2).ToString(CultureInfo.InvariantCulture);
            var wrapUp = random.Next(2) == 0 ? WrapUp.Default : new WrapUp(WrapUpPolicy.Custom, 60);
            string[] profiles = random.Next(2) == 0 ? [] : ["calls"];
            string[] statuses = ["available", "away", "away-training"];
            AgentCommand command = random.Next(12) switch
            {
                0 or 1 => new SignIn(connection, "web"),
                2 => new SignOut(),
                3 => new CloseConnection(connection),
                4 => new SetPresence(statuses[random.Next(3)]),
                5 or 6 => new AssignConversation(conversation, new Work("chat", null, null, 30, [.. profiles], wrapUp, null), n % 2 == 0),
                7 => new TransferConversation(conversation, ids[random.Next(3)], null, null),
                8 => new JoinConsult(conversation, ConsultMode.Consult),
                9 => new ConfigureAgent(s => s with { Units = 50 + random.Next(100) }),
                _ => new MoveConversation(conversation, (ConversationVerb)random.Next(9)),
            };
            await _node.SendAsync(ids[random.Next(3)], command);
            if (n == commands / 2)
                await _node.ConfigureAsync(new ChangePolicy(new Policy { EndOfDay = new EndOfDay(new TimeOnly(18, 0), "Europe/Berlin") }));
        }
        return ids;
    }

    private protected async Task AssertReadSideAsync(string[] ids)
    {
        var configuration = (await _node.StreamAsync(StreamNames.Configuration)).Aggregate(
            Configuration.Initial,
            (c, e) => c.Evolve((ConfigurationEvent)WireNames.Read(e))
        );
        foreach (var id in ids)
        {
            var events = await _node.EventsAsync(id);
            var replayed = events.Aggregate(Agent.Unknown(id), (agent, e) => agent.Evolve((AgentEvent)WireNames.Read(e)));
            var document = LedgerJson.Read<PresenceDocument>(
                (string)(await ScalarAsync($"select data::text from presence_v1.agent where agent_id = '{id}'"))!
            );
            Assert.Equal(LedgerJson.Write(replayed), LedgerJson.Write(document.Agent));
            Assert.Equal(replayed.Status.StatusId, document.StatusId);
            Assert.Equal(replayed.SignedIn, document.SignedIn);

            var leases = await ScalarAsync(
                $"select coalesce(string_agg(connection_id, ',' order by connection_id), '') from ledger.lease where agent_id = '{id}'"
            );
            Assert.Equal(string.Join(',', replayed.Connections.Keys), leases);

            var due = DueWork.NextAt(replayed, configuration) ?? (replayed.DayCounts.IsEmpty ? null : DueWorker.Never);
            var row = (DateTime?)await ScalarAsync($"select due_at from ledger.due where agent_id = '{id}'");
            Assert.Equal(due is null, row is null);
            // A change of policy lets the worker look again, so a row may be early, never late.
            Assert.False(row > due?.UtcDateTime, $"{id} is due at {due:O}, the row says {row:O}");
        }
    }

    private protected async Task<Reading> StartAsync(Node node)
    {
        var reading = new Reading(node);
        lock (_open)
            _open.Add(reading);
        await reading.Loop.StartAsync(default);
        return reading;
    }

    /// <summary>Waits until all that was appended so far is projected, by whichever node.</summary>
    private protected async Task CaughtUpAsync(Reading reading)
    {
        var end = await EndAsync();
        var position = new ReadPosition(_node.Database, reading.Loop, _clock);
        Assert.True(await position.WaitAsync(read => read.Position >= end, Patience, default), "stands still: " + reading.Loop.Stopped);
    }

    private async Task<LogPosition> EndAsync()
    {
        var end = LogPosition.Start;
        if (_database.EventStore is not null)
        {
            while (await _node.Log.ReadAllAsync(end, 1000, default) is { Count: > 0 } page)
                end = page[^1].Position;
            return end;
        }
        // PostgreSQL's log shows an event only once nothing that comes before it can be under way, in any database of the server.
        await using var command = _node.Database.CreateCommand(
            "select epoch, transaction_id, position from ledger.event order by epoch desc, transaction_id desc, position desc limit 1"
        );
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return new LogPosition(reader.GetInt32(0), reader.GetFieldValue<ulong>(1), reader.GetInt64(2));
    }

    private protected async Task UntilAsync(ProjectionLoop loop, Func<Task<bool>> holds) =>
        Assert.True(await new ReadPosition(_node.Database, loop, _clock).WaitAsync(holds, Patience, default));

    private async Task AppendAsync(string stream, string type, string data)
    {
        var metadata = LedgerJson.Write(new EventMetadata(Node.Envelope().Actor, Guid.Empty, "x", -1));
        var e = new EventRecord(stream, 0, Guid.CreateVersion7(), type, data, metadata, _clock.Now(), _clock.Now(), [0]);
        var result = await _node.Log.AppendAsync(new Commit([new StreamAppend(stream, -1, [e])]));
        Assert.Equal(AppendVerdict.Appended, result.Verdict);
    }

    private protected async Task<string[]> DocumentsAsync()
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand("select data::text from presence_v1.agent order by agent_id");
        await using var reader = await command.ExecuteReaderAsync();
        var documents = new List<string>();
        while (await reader.ReadAsync())
            documents.Add(reader.GetString(0));
        return [.. documents];
    }

    /// <summary>Connections that wait to write documents.</summary>
    private static string Waiting(string what) =>
        $"select {what} from pg_locks where not granted and relation = 'presence_v1.agent'::regclass";

    private static string LockHolders(string what) =>
        $"""
            select {what} from pg_locks l join pg_database d on d.oid = l.database
            where d.datname = current_database() and l.locktype = 'advisory' and l.granted and l.classid = {Locks.Class} and l.objid = hashtext('presence_v1')::oid
            """;

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }

    private protected async Task ExecuteAsync(string statement)
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }

    private protected async Task<object?> ScalarAsync(string query)
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand(query);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>A projection loop with what it needs, that counts what it complains of.</summary>
    private protected sealed class Reading : IAsyncDisposable
    {
        private readonly Complaints _complaints = new();

        public Reading(Node node) =>
            Loop = new ProjectionLoop(new PresenceModel(node.Log, node.Clock), node.Log, node.Database, node.Clock, _complaints);

        public ProjectionLoop Loop { get; }

        public int Failures => _complaints.Count;

        public Task StopAsync() => Loop.StopAsync(default);

        public async ValueTask DisposeAsync()
        {
            await Loop.StopAsync(default);
            Loop.Dispose();
        }
    }
}
