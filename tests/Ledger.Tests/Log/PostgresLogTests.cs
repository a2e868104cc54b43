using Npgsql;
using PresenceLedger.Ledger.Postgres;
using PresenceLedger.Testing;

namespace PresenceLedger.Ledger.Tests.Log;

public sealed class PostgresLogTests : SpanningLogContract
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private TestDatabase _database = null!;
    private Node _node = null!;

    public override async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    protected override async Task<ILog> OpenAsync()
    {
        _database = await Node.CreateDatabaseAsync();
        _node = await Node.StartAsync(_database, Clock);
        return _node.Log;
    }

    [Theory]
    [InlineData(End.Committed)]
    [InlineData(End.RolledBack)]
    [InlineData(End.Killed)]
    public async Task An_append_waits_for_the_one_before_it_however_that_ends_and_no_number_is_left_out(End end)
    {
        await AppendAsync(Some.Commit("before", -1));
        var start = (await EventsAsync())[^1].Position;
        await using var connection = new NpgsqlConnection(_database.ServiceConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        await AppendWithinAsync(connection, "agent-first");

        var second = AppendAsync(Some.Commit("second", -1));
        await UntilAsync("select exists (select from pg_locks where locktype = 'advisory' and not granted)");
        Assert.Empty(await Log.ReadAllAsync(start, 10, default));
        if (end is End.Killed)
            await ScalarAsync($"select pg_terminate_backend({connection.ProcessID})");
        else if (end is End.Committed)
            await transaction.CommitAsync();
        else
            await transaction.RollbackAsync();

        Assert.Equal(AppendVerdict.Appended, await second);
        var all = await EventsAsync();
        string[] expected = end is End.Committed ? ["agent-before", "agent-first", "agent-second"] : ["agent-before", "agent-second"];
        Assert.Equal(expected, all.Select(e => e.Record.Stream));
        Assert.Equal(Enumerable.Range(1, expected.Length).Select(n => new LogPosition(n)), all.Select(e => e.Position));
        Assert.Equal(all.Skip(1).Select(e => e.Position), (await Log.ReadAllAsync(start, 10, default)).Select(e => e.Position));
    }

    /// <summary>How a transaction ends.</summary>
    public enum End
    {
        Committed,
        RolledBack,
        Killed,
    }

    [Fact]
    public async Task Events_of_many_writers_on_two_nodes_are_numbered_without_gaps_and_a_reader_sees_each_once_and_in_order()
    {
        const int commits = 400;
        await using var other = await Node.StartAsync(_database, Clock);
        var seen = new List<StoredEvent>();
        using var patience = new CancellationTokenSource(Patience);
        var reading = Task.Run(async () =>
        {
            while (seen.Count < commits)
                seen.AddRange(await other.Log.ReadAllAsync(seen.Count == 0 ? LogPosition.Start : seen[^1].Position, 50, patience.Token));
        });

        var verdicts = await Task.WhenAll(
            Enumerable.Range(0, commits).Select(n => (n % 2 == 0 ? Log : other.Log).AppendAsync(Some.Commit(Some.Name("s", n), -1)))
        );
        await reading;

        Assert.All(verdicts, v => Assert.Equal(AppendVerdict.Appended, v.Verdict));
        Assert.Equal(Enumerable.Range(1, commits).Select(n => new LogPosition(n)), seen.Select(e => e.Position));
        Assert.Equal(commits, seen.DistinctBy(e => e.Record.EventId).Count());
        Assert.Equal(commits - 100, await Log.CountAfterAsync(new LogPosition(100), 1000, default));
        Assert.Equal(0, await Log.CountAfterAsync(new LogPosition(commits), 1000, default));
    }

    [Fact]
    public async Task A_transaction_that_somebody_forgot_in_another_database_holds_nobody_back()
    {
        await using var forgotten = await ForgottenTransaction.BeginAsync();

        await AppendAsync(Some.Commit("a", -1));

        Assert.Equal("agent-a", Assert.Single(await EventsAsync()).Record.Stream);
        await foreach (var page in Log.SubscribeAsync(LogPosition.Start, 10, default))
        {
            Assert.Equal(("agent-a", true), (Assert.Single(page.Events).Record.Stream, page.CaughtUp));
            break;
        }
    }

    [Fact]
    public async Task What_one_follower_has_read_at_the_end_of_the_log_the_others_need_not_read()
    {
        for (var n = 0; n < 5; n++)
            await AppendAsync(Some.Commit(Some.Name("s", n), -1));
        var all = await FirstPageAsync(LogPosition.Start, 10);
        using var statements = new Statements(_database);

        Assert.Equal(all, await FirstPageAsync(LogPosition.Start, 10));
        Assert.Equal(all.Skip(3), await FirstPageAsync(new LogPosition(3), 10));
        Assert.Equal(all.Take(2), await FirstPageAsync(LogPosition.Start, 2));
        Assert.DoesNotContain(statements.Sent, s => s.Contains("position > ", StringComparison.Ordinal));

        await AppendAsync(Some.Commit("next", -1));
        Assert.Equal("agent-next", Assert.Single(await FirstPageAsync(new LogPosition(5), 10)).Record.Stream);
        Assert.Equal(6, (await FirstPageAsync(LogPosition.Start, 10)).Count);
        Assert.Single(statements.Sent, s => s.Contains("position > ", StringComparison.Ordinal));

        async Task<IReadOnlyList<StoredEvent>> FirstPageAsync(LogPosition after, int size)
        {
            await foreach (var page in Log.SubscribeAsync(after, size, default))
                return page.Events;
            throw new InvalidOperationException("A subscription has no end.");
        }
    }

    [Fact]
    public void A_position_of_before_events_were_numbered_is_none_of_this_log()
    {
        Assert.True(LogPosition.TryParse("0.731.12", out var before));
        Assert.False(Log.CanHave(before));
        Assert.True(LogPosition.TryParse("731", out var number));
        Assert.True(Log.CanHave(number));
        Assert.Equal("731", number.ToString());
    }

    [Theory]
    [InlineData("update ledger.event set data = '{}'")]
    [InlineData("delete from ledger.event")]
    [InlineData("truncate ledger.event")]
    public async Task Nobody_changes_the_past(string statement)
    {
        await AppendAsync(Some.Commit("a", -1));
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);

        var asService = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(_node.Database, statement));
        var asOwner = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(owner, statement));

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, asService.SqlState);
        Assert.Contains("permission denied", asService.MessageText, StringComparison.Ordinal);
        Assert.Contains("append-only", asOwner.MessageText, StringComparison.Ordinal);
        Assert.Equal("{}", Assert.Single(await ReadAsync("a")).Data);
    }

    [Fact]
    public async Task The_schema_is_applied_once()
    {
        await AppendAsync(Some.Commit("a", -1));
        const string state = """
            select (select string_agg(s::text, ';' order by s.name) from ledger.script s)
                || (select string_agg(c.oid || ':' || c.relname || coalesce(c.relacl::text, ''), ';' order by c.oid)
                    from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'ledger')
            """;
        var before = await ScalarAsync(state);

        await LedgerSchema.ApplyAsync(_database.SuperuserConnectionString, "presence_ledger", default);

        Assert.Equal(before, await ScalarAsync(state));
        Assert.Single(await ReadAsync("a"));
    }

    [Fact]
    public async Task Schemas_that_are_applied_at_once_do_not_get_in_each_others_way()
    {
        await using var fresh = await TestPostgres.CreateDatabaseAsync();

        await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => LedgerSchema.ApplyAsync(fresh.SuperuserConnectionString, "presence_ledger", default))
        );

        await using var node = await Node.StartAsync(fresh);
        Assert.Equal(AppendVerdict.Appended, (await node.Log.AppendAsync(Some.Commit("a", -1))).Verdict);
    }

    [Fact]
    public async Task Commits_that_come_at_once_share_statements()
    {
        const int commits = 500;
        await AppendAsync(Some.Commit("warm", -1));
        using var statements = new Statements(_database);

        var verdicts = await Task.WhenAll(Enumerable.Range(0, commits).Select(n => AppendAsync(Some.Commit(Some.Name("s", n), -1))));

        Assert.All(verdicts, v => Assert.Equal(AppendVerdict.Appended, v));
        var appends = statements.Sent.Count(s => s.Contains("ledger.append", StringComparison.Ordinal));
        Assert.InRange(appends, 1, commits / 10);
    }

    [Fact]
    public async Task In_a_shared_statement_each_commit_has_its_own_verdict()
    {
        await AppendAsync(Some.Commit("old", -1) with { Answer = Some.Answer("key", Clock.Now()) });
        Commit[] commits =
        [
            .. Enumerable
                .Range(0, 200)
                .Select(n =>
                    (n % 4) switch
                    {
                        0 => Some.Commit(Some.Name("good", n), -1),
                        1 => Some.Commit(Some.Name("wrong", n), 7),
                        2 => Some.Commit(Some.Name("repeated", n), -1) with { Answer = Some.Answer("key", Clock.Now()) },
                        _ => new Commit([Some.Append(Some.Name("half", n), -1), Some.Append(Some.Name("other", n), 3)]),
                    }
                ),
        ];

        var verdicts = await Task.WhenAll(commits.Select(AppendAsync));

        AppendVerdict[] expected = [AppendVerdict.Appended, AppendVerdict.Conflict, AppendVerdict.KeyTaken, AppendVerdict.Conflict];
        Assert.Equal(Enumerable.Range(0, 200).Select(n => expected[n % 4]), verdicts);
        Assert.Equal(51, (await AllAsync()).Count);
    }

    [Fact]
    public async Task A_commit_that_the_database_refuses_fails_alone()
    {
        await AppendAsync(Some.Commit("warm", -1));
        var bad = new Commit([new StreamAppend(Some.Stream("bad"), -1, [Some.Event("bad", 0, "no json")])]);

        var good = Enumerable.Range(0, 50).Select(n => AppendAsync(Some.Commit(Some.Name("s", n), -1))).ToList();
        var refused = Log.AppendAsync(bad);
        good.AddRange(Enumerable.Range(50, 50).Select(n => AppendAsync(Some.Commit(Some.Name("s", n), -1))));

        var e = await Assert.ThrowsAsync<LedgerUnavailableException>(() => refused);
        Assert.False(e.OutcomeUnknown);
        Assert.All(await Task.WhenAll(good), v => Assert.Equal(AppendVerdict.Appended, v));
        Assert.Empty(await ReadAsync("bad"));
        Assert.Equal(101, (await AllAsync()).Count);
    }

    [Fact]
    public async Task Two_nodes_that_write_the_same_streams_in_opposite_orders_neither_deadlock_nor_lose_anything()
    {
        await using var other = await Node.StartAsync(_database, Clock);
        var deadlocks = await ScalarAsync("select deadlocks from pg_stat_database where datname = current_database()");

        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(n => Task.Run(() => WriteRoundsAsync(n % 2 == 0 ? _node.Log : other.Log, rounds: 15, backwards: n % 2 == 0)))
        );

        foreach (var stream in Enumerable.Range(0, 6).Select(n => Some.Name("s", n)))
            Assert.Equal(Enumerable.Range(0, 8 * 15).Select(n => (long)n), (await ReadAsync(stream)).Select(e => e.Version));
        Assert.Equal(deadlocks, await ScalarAsync("select deadlocks from pg_stat_database where datname = current_database()"));
    }

    [Fact]
    public async Task An_append_on_one_node_wakes_the_other()
    {
        await using var other = await Node.StartAsync(_database, Clock);
        using var patience = new CancellationTokenSource(Patience);
        // Listening begins in the background; it is known to have begun once a word came through.
        var woken = other.Log.NextAppend;
        for (var n = 0; !woken.IsCompleted; n++)
        {
            await AppendAsync(Some.Commit("a", n - 1));
            await Task.WhenAny(woken, Task.Delay(50, patience.Token));
            patience.Token.ThrowIfCancellationRequested();
        }
        var next = other.Log.NextAppend;

        await AppendAsync(Some.Commit("b", -1));

        await next.WaitAsync(Patience);
    }

    [Fact]
    public async Task What_was_accepted_before_the_stop_is_written()
    {
        await using var other = await Node.StartAsync(_database, Clock);
        var appends = Enumerable.Range(0, 300).Select(n => other.Log.AppendAsync(Some.Commit(Some.Name("s", n), -1))).ToArray();

        await ((PostgresLog)other.Log).StopAsync(default);

        Assert.All(await Task.WhenAll(appends), result => Assert.Equal(AppendVerdict.Appended, result.Verdict));
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => other.Log.AppendAsync(Some.Commit("late", -1)));
    }

    [Fact]
    public async Task An_append_outlives_the_loss_of_its_connections()
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        var version = -1L;
        for (var round = 0; round < 5; round++)
        {
            await ExecuteAsync(
                owner,
                $"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{_database.Name}' and usename = 'presence_ledger'"
            );
            Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Commit("a", version++)));
        }
        Assert.Equal([0L, 1, 2, 3, 4], (await ReadAsync("a")).Select(e => e.Version));
    }

    private static async Task WriteRoundsAsync(ILog log, int rounds, bool backwards)
    {
        var names = Enumerable.Range(0, 6).Select(n => Some.Name("s", n)).ToArray();
        if (backwards)
            Array.Reverse(names);
        while (rounds > 0)
        {
            var appends = new List<StreamAppend>();
            foreach (var name in names)
            {
                var head = await log.ReadStreamBackwardsAsync(Some.Stream(name), long.MaxValue, 1, default);
                appends.Add(Some.Append(name, head.Count == 0 ? -1 : head[0].Record.Version));
            }
            if ((await log.AppendAsync(new Commit(appends))).Verdict is AppendVerdict.Appended)
                rounds--;
        }
    }

    /// <summary>What the log does for one event, in a transaction that somebody else ends.</summary>
    private static async Task AppendWithinAsync(NpgsqlConnection connection, string stream)
    {
        await using var command = new NpgsqlCommand(
            """
            select * from ledger.append(now(), array[0], array[$1], array[-1]::bigint[],
                array[0], array[$1], array[0]::bigint[], array[gen_random_uuid()], array['x.v1'], array['{}'], array['{}'],
                array[now()], array[now()], array['\x00'::bytea], '{}', '{}', '{}', '{}')
            """,
            connection
        );
        command.Parameters.Add(new() { Value = stream });
        await command.ExecuteNonQueryAsync();
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string statement)
    {
        await using var command = database.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }

    private Task<IReadOnlyList<StoredEvent>> EventsAsync() => Log.ReadAllAsync(LogPosition.Start, 1000, default);

    private async Task UntilAsync(string condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!(bool)(await ScalarAsync(condition))!)
            await Task.Delay(20, patience.Token);
    }

    private async Task<object?> ScalarAsync(string query)
    {
        await using var owner = NpgsqlDataSource.Create(_database.SuperuserConnectionString);
        await using var command = owner.CreateCommand(query);
        return await command.ExecuteScalarAsync();
    }
}
