using System.Globalization;
using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Domain.Capacity;
using PresenceLedger.Domain.Configurations;
using PresenceLedger.Domain.Policies;
using PresenceLedger.Domain.Statuses;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Timers;
using PresenceLedger.Projections.Presence;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests;

/// <summary>A read side of a test's own, and what its tests have in common.</summary>
public abstract class ReadSideTests : IAsyncLifetime
{
    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private protected readonly ShiftedClock _clock = new();
    private protected readonly List<IAsyncDisposable> _open = [];
    private readonly HashSet<Node> _keepTimers = [];
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
            Work Work(int n) =>
                new("chat", null, null, 30, [.. profiles], wrapUp, null) { Direction = n % 5 == 0 ? Direction.Outbound : null };
            AgentCommand command = random.Next(12) switch
            {
                0 or 1 => new SignIn(connection, "web"),
                2 => new SignOut(),
                3 => new CloseConnection(connection),
                4 => new SetPresence(statuses[random.Next(3)]),
                5 or 6 => new AssignConversation(conversation, Work(n), n % 2 == 0),
                7 => new TransferConversation(conversation, ids[random.Next(3)], null, null),
                8 => new JoinConsult(conversation, ConsultMode.Consult),
                9 => new ConfigureAgent(s => s with { Units = 50 + random.Next(100) }),
                _ => new MoveConversation(conversation, random.GetItems(Enum.GetValues<ConversationVerb>(), 1)[0]),
            };
            await _node.SendAsync(ids[random.Next(3)], command);
            if (n == commands / 2)
                await _node.ConfigureAsync(new ChangePolicy(new Policy { EndOfDay = new EndOfDay(new TimeOnly(18, 0), "Europe/Berlin") }));
        }
        return ids;
    }

    /// <summary>What is read of agents is what their events give, and so are their timers.</summary>
    private protected async Task AssertReadSideAsync(string[] ids)
    {
        await AssertDocumentsAsync(ids);
        var configuration = (await _node.StreamAsync(StreamNames.Configuration)).Aggregate(
            Configuration.Initial,
            (c, e) => c.Evolve((ConfigurationEvent)WireNames.Read(e))
        );
        foreach (var id in ids)
        {
            var replayed = await ReplayedAsync(id);
            var leases = await ScalarAsync(
                $"select coalesce(string_agg(connection_id, ',' order by connection_id), '') from ledger.lease where agent_id = '{id}'"
            );
            Assert.Equal(string.Join(',', replayed.Connections.Keys), leases);

            var due =
                DueWork.NextAt(replayed, configuration, TzdbCalendar.Instance) ?? (replayed.DayCounts.IsEmpty ? null : DueWorker.Never);
            var row = (DateTime?)await ScalarAsync($"select due_at from ledger.due where agent_id = '{id}'");
            Assert.Equal(due is null, row is null);
            // A change of policy lets the worker look again, so a row may be early, never late.
            Assert.False(row > due?.UtcDateTime, $"{id} is due at {due:O}, the row says {row:O}");
        }
    }

    private protected async Task AssertDocumentsAsync(string[] ids)
    {
        foreach (var id in ids)
        {
            var replayed = await ReplayedAsync(id);
            var open = LedgerJson.Read<OpenFacts>(
                (string)(await ScalarAsync($"select state::text from presence_v3.agent where agent_id = '{id}'"))!
            );
            Assert.Equal(LedgerJson.Write(replayed), LedgerJson.Write(open.Agent));
            Assert.Equal(
                (replayed.Status.StatusId, replayed.SignedIn),
                (
                    await ScalarAsync($"select status_id from presence_v3.agent where agent_id = '{id}'"),
                    await ScalarAsync($"select signed_in from presence_v3.agent where agent_id = '{id}'")
                )
            );
        }
    }

    private async Task<Agent> ReplayedAsync(string id) =>
        (await _node.EventsAsync(id)).Aggregate(Agent.Unknown(id), (agent, e) => agent.Evolve((AgentEvent)WireNames.Read(e)));

    private protected async Task<Reading> StartAsync(Node node, IReadModel? model = null)
    {
        var reading = new Reading(node, model ?? new PresenceModel());
        bool first;
        lock (_open)
        {
            _open.Add(reading);
            first = _keepTimers.Add(node);
        }
        await reading.Loop.StartAsync(default);
        if (first)
            await node.StartAsync(node.Timers);
        return reading;
    }

    /// <summary>Waits until all that was appended so far is projected, and timers are kept of it, by whichever node.</summary>
    private protected async Task CaughtUpAsync(Reading reading)
    {
        var end = await EndAsync();
        var position = new ReadPosition(_node.Database, reading.Loop, _clock);
        Assert.True(await position.WaitAsync(read => read.Position >= end, Patience, default), "stands still: " + reading.Loop.Stopped);
        Assert.True(
            await position.WaitAsync(
                async () => await ScalarAsync($"select (position, prepare) >= ({end.Number}, {end.Prepare}) from ledger.timers") is true,
                Patience,
                default
            ),
            "timers stand still"
        );
    }

    private protected async Task<LogPosition> EndAsync()
    {
        var end = LogPosition.Start;
        while (await _node.Log.ReadAllAsync(end, 1000, default) is { Count: > 0 } page)
            end = page[^1].Position;
        return end;
    }

    private protected async Task UntilAsync(ProjectionLoop loop, Func<Task<bool>> holds) =>
        Assert.True(await new ReadPosition(_node.Database, loop, _clock).WaitAsync(holds, Patience, default));

    private protected async Task AppendAsync(string stream, string type, string data)
    {
        var metadata = LedgerJson.Write(new EventMetadata(Node.Envelope().Actor, Guid.Empty, "x", -1));
        var e = new EventRecord(stream, 0, Guid.CreateVersion7(), type, data, metadata, _clock.Now(), _clock.Now(), [0]);
        var result = await _node.Log.AppendAsync(new Commit([new StreamAppend(stream, -1, [e])]));
        Assert.Equal(AppendVerdict.Appended, result.Verdict);
    }

    private protected async Task AppendManyAsync(string stream, int count)
    {
        var metadata = LedgerJson.Write(new EventMetadata(Node.Envelope().Actor, Guid.Empty, "x", -1));
        EventRecord[] events =
        [
            .. Enumerable
                .Range(0, count)
                .Select(n => new EventRecord(stream, n, Guid.CreateVersion7(), "x.v1", "{}", metadata, _clock.Now(), _clock.Now(), [0])),
        ];
        var result = await _node.Log.AppendAsync(new Commit([new StreamAppend(stream, -1, events)]));
        Assert.Equal(AppendVerdict.Appended, result.Verdict);
    }

    private protected async Task<string[]> DocumentsAsync()
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand("select state::text from presence_v3.agent order by agent_id");
        await using var reader = await command.ExecuteReaderAsync();
        var documents = new List<string>();
        while (await reader.ReadAsync())
            documents.Add(reader.GetString(0));
        return [.. documents];
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

        public Reading(Node node, IReadModel model) => Loop = new ProjectionLoop(model, node.Log, node.Database, node.Clock, _complaints);

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
