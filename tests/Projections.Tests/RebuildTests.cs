using Npgsql;
using PresenceLedger.Ledger;
using PresenceLedger.Ledger.Calendars;
using PresenceLedger.Projections.CurrentPresence;
using PresenceLedger.Testing;

namespace PresenceLedger.Projections.Tests;

/// <summary>Read models built anew beside the ones that are read, whatever keeps the log.</summary>
public abstract class RebuildTests : ReadSideTests
{
    [Fact]
    public async Task Rebuilt_the_rows_are_the_same_to_the_letter()
    {
        var reading = await StartAsync(_node);
        var ids = await LiveAsync(new Random(21), commands: 200);
        await CaughtUpAsync(reading);
        var (before, table) = (await RowsAsync(), await ScalarAsync("select 'presence_v2.agent'::regclass::oid"));

        var told = await RebuildAsync();

        Assert.Equal([RebuildStage.Begins, RebuildStage.Indexes, RebuildStage.Swapped, RebuildStage.Dropped], told.Stages);
        Assert.NotEmpty(before);
        Assert.Equal(before, await RowsAsync());
        Assert.NotEqual(table, await ScalarAsync("select 'presence_v2.agent'::regclass::oid"));
        Assert.Equal("presence_v2", await SchemasAsync());
        Assert.Equal("live", await ScalarAsync("select string_agg(place, ',') from read.read_model"));
        Assert.Equal(
            "agent_disputes, agent_pkey, agent_queues, agent_skills",
            await ScalarAsync("select string_agg(indexname, ', ' order by indexname) from pg_indexes where schemaname = 'presence_v2'")
        );
        await AssertReadSideAsync(ids);
    }

    [Fact]
    public async Task The_loop_goes_on_with_the_new_tables_and_sees_what_happens_then()
    {
        var reading = await StartAsync(_node);
        await LiveAsync(new Random(22), commands: 60);
        await CaughtUpAsync(reading);

        await RebuildAsync();
        var ids = await LiveAsync(new Random(23), commands: 60);
        await _node.RegisterAsync("dan");

        await CaughtUpAsync(reading);
        await AssertReadSideAsync([.. ids, "dan"]);
        Assert.Null(reading.Loop.Stopped);
    }

    [Fact]
    public async Task A_rebuild_that_was_broken_off_goes_on_where_it_was()
    {
        var reading = await StartAsync(_node);
        await LiveAsync(new Random(24), commands: 200);
        await CaughtUpAsync(reading);
        var before = await RowsAsync();
        using var broken = new CancellationTokenSource();
        var pages = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            RebuildAsync(log: new PagedLog(_node.Log, 10, page => Breaks(page, 8)), ct: broken.Token)
        );
        var reached = await PositionAsync("next");
        var again = await RebuildAsync();

        Assert.True(reached > LogPosition.Start);
        Assert.Equal(RebuildStage.Resumes, again.Stages[0]);
        Assert.Equal((await _node.Log.ReadAllAsync(reached, 100_000, default)).Count, again.Events);
        Assert.Equal(before, await RowsAsync());

        // A server that others use too tells how far it is without any event.
        Task Breaks(LogPage page, int at) => page.Events.Count > 0 && ++pages == at ? broken.CancelAsync() : Task.CompletedTask;
    }

    [Fact]
    public async Task One_that_was_broken_off_while_it_made_the_indexes_makes_each_of_them_once()
    {
        var reading = await StartAsync(_node);
        await LiveAsync(new Random(25), commands: 20);
        await CaughtUpAsync(reading);
        using var broken = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            RebuildAsync(told: stage => stage is RebuildStage.Indexes ? broken.CancelAsync() : Task.CompletedTask, ct: broken.Token)
        );
        await ExecuteAsync(new PresenceModel(_node.Log, TzdbCalendar.Instance).IndexesSql("presence_v2_next").Split(';')[0]);

        await RebuildAsync();

        Assert.Equal(4L, await ScalarAsync("select count(*) from pg_indexes where schemaname = 'presence_v2'"));
    }

    [Fact]
    public async Task A_restart_throws_away_what_is_half_built()
    {
        var reading = await StartAsync(_node);
        await LiveAsync(new Random(26), commands: 100);
        await CaughtUpAsync(reading);
        using var broken = new CancellationTokenSource();
        var pages = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            RebuildAsync(
                log: new PagedLog(_node.Log, 10, page => page.Events.Count > 0 && ++pages == 4 ? broken.CancelAsync() : Task.CompletedTask),
                ct: broken.Token
            )
        );

        var again = await RebuildAsync(restart: true);

        Assert.Equal(RebuildStage.Begins, again.Stages[0]);
        Assert.Equal((await _node.Log.ReadAllAsync(LogPosition.Start, 100_000, default)).Count, again.Events);
    }

    [Fact]
    public async Task Of_two_at_once_the_second_is_refused()
    {
        var reading = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(reading);
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var first = RebuildAsync(
            log: new PagedLog(
                _node.Log,
                500,
                async _ =>
                {
                    reached.TrySetResult();
                    await goOn.Task;
                }
            )
        );
        await reached.Task.WaitAsync(Patience);

        var refused = await Assert.ThrowsAsync<RebuildRefusedException>(() => RebuildAsync());

        Assert.Contains("Another rebuild", refused.Message, StringComparison.Ordinal);
        goOn.SetResult();
        await first;
    }

    [Fact]
    public async Task Queries_go_on_all_the_time_and_never_see_fewer_agents()
    {
        var reading = await StartAsync(_node);
        await LiveAsync(new Random(27), commands: 50);
        await CaughtUpAsync(reading);
        using var done = new CancellationTokenSource();
        var asking = Enumerable.Range(0, 3).Select(_ => Task.Run(() => AskAsync(done.Token))).ToArray();

        for (var round = 0; round < 4; round++)
        {
            var living = LiveAsync(new Random(28 + round), commands: 40);
            await RebuildAsync();
            await living;
            await _node.RegisterAsync($"more-{round}");
        }

        await done.CancelAsync();
        Assert.All(await Task.WhenAll(asking), asked => Assert.True(asked > 50, $"asked only {asked} times"));
        await CaughtUpAsync(reading);
        await AssertReadSideAsync(["ana", "ben", "cid", "more-3"]);

        async Task<int> AskAsync(CancellationToken ct)
        {
            var (asked, agents, position) = (0, 0L, LogPosition.Start);
            while (!ct.IsCancellationRequested)
            {
                await using var command = _node.Database.CreateCommand(
                    $"""
                    select c.position, c.prepare, (select count(*) from presence_v2.agent)
                    from read.read_model c where {PresenceModel.Checkpoint}
                    """
                );
                await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
                Assert.True(await reader.ReadAsync(CancellationToken.None));
                var at = new LogPosition(reader.GetInt64(0), reader.GetInt64(1));
                Assert.True(reader.GetInt64(2) >= agents);
                Assert.True(at >= position);
                (asked, agents, position) = (asked + 1, reader.GetInt64(2), at);
            }
            return asked;
        }
    }

    [Fact]
    public async Task A_query_that_does_not_end_keeps_the_tables_it_reads_and_nothing_else()
    {
        var reading = await StartAsync(_node);
        await _node.RegisterAsync("ana");
        await CaughtUpAsync(reading);
        await using var slow = await _node.Database.OpenConnectionAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        // As a query does that has begun.
        await using (var read = new NpgsqlCommand("lock table presence_v2.agent in access share mode", slow))
            await read.ExecuteNonQueryAsync();

        var swapped = new TaskCompletionSource();
        var rebuilding = RebuildAsync(told: stage =>
        {
            if (stage is RebuildStage.Swapped)
                swapped.SetResult();
            return Task.CompletedTask;
        });
        await swapped.Task.WaitAsync(Patience);
        await _node.RegisterAsync("ben");

        await CaughtUpAsync(reading);
        Assert.Equal(2L, await ScalarAsync("select count(*) from presence_v2.agent"));
        Assert.Equal("presence_v2, presence_v2_old", await SchemasAsync());
        await transaction.RollbackAsync();
        Assert.Equal(RebuildStage.Dropped, (await rebuilding).Stages[^1]);
        Assert.Equal("presence_v2", await SchemasAsync());
    }

    [Fact]
    public async Task A_rebuild_goes_no_further_than_what_is_read_so_that_no_deadline_is_passed_over()
    {
        var reading = await StartAsync(_node);
        await LiveAsync(new Random(31), commands: 60);
        await CaughtUpAsync(reading);
        await reading.StopAsync();
        var ids = await LiveAsync(new Random(32), commands: 60);
        var stood = await PositionAsync("live");

        await RebuildAsync();

        Assert.Equal(stood, await PositionAsync("live"));
        await CaughtUpAsync(await StartAsync(_node));
        await AssertReadSideAsync(ids);
    }

    [Fact]
    public async Task Where_nothing_is_read_yet_it_fills_what_is_read()
    {
        var ids = await LiveAsync(new Random(33), commands: 60);

        var told = await RebuildAsync();

        Assert.Equal([RebuildStage.BeginsLive, RebuildStage.Indexes, RebuildStage.Swapped], told.Stages);
        Assert.Equal((await _node.Log.ReadAllAsync(LogPosition.Start, 100_000, default)).Count, told.Events);
        await AssertReadSideAsync(ids);
        var reading = await StartAsync(_node);
        await _node.RegisterAsync("dan");
        await CaughtUpAsync(reading);
        await AssertReadSideAsync([.. ids, "dan"]);
    }

    private async Task<Told> RebuildAsync(
        ILog? log = null,
        bool restart = false,
        Func<RebuildStage, Task>? told = null,
        CancellationToken ct = default
    )
    {
        var all = new Told(told);
        await using var database = Api.Hosting.Serving.DataSource(_database.ServiceConnectionString);
        await new Rebuild(new PresenceModel(_node.Log, TzdbCalendar.Instance), log ?? _node.Log, database, _clock).RunAsync(
            restart,
            all,
            ct
        );
        return all;
    }

    private async Task<LogPosition> PositionAsync(string place) =>
        LogPosition.TryParse(
            (string?)await ScalarAsync($"select concat_ws('.', position, nullif(prepare, 0)) from read.read_model where place = '{place}'"),
            out var position
        )
            ? position
            : throw new InvalidOperationException($"There is no place '{place}'.");

    private async Task<string[]> RowsAsync()
    {
        await using var command = _node.Database.CreateCommand("select a::text from presence_v2.agent a order by agent_id");
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(reader.GetString(0));
        return [.. rows];
    }

    private async Task<string> SchemasAsync() =>
        (string)
            (await ScalarAsync("select string_agg(nspname, ', ' order by nspname) from pg_namespace where nspname like 'presence\\_%'"))!;

    /// <summary>What a rebuild told, but for how it filled the tables.</summary>
    private sealed class Told(Func<RebuildStage, Task>? also) : IProgress<RebuildProgress>
    {
        public List<RebuildStage> Stages { get; } = [];

        public long Events { get; private set; }

        public void Report(RebuildProgress value)
        {
            Events = value.Events;
            if (value.Stage is RebuildStage.Fills)
                return;
            Stages.Add(value.Stage);
            _ = also?.Invoke(value.Stage);
        }
    }
}

public sealed class PostgresRebuildTests : RebuildTests
{
    protected override Task<TestDatabase> OpenAsync() => Node.CreateDatabaseAsync();
}

public sealed class EventStoreDbRebuildTests : RebuildTests
{
    protected override async Task<TestDatabase> OpenAsync() =>
        await Node.CreateDatabaseAsync(await PresenceLedger.Testing.EventStoreDb.TestEventStore.StartAsync());
}
