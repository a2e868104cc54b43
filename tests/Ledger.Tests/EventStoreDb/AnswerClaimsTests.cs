using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using PresenceLedger.Ledger.EventStoreDb;
using PresenceLedger.Ledger.Tests.Log;
using PresenceLedger.Testing;
using PresenceLedger.Testing.EventStoreDb;

namespace PresenceLedger.Ledger.Tests.EventStoreDb;

/// <summary>Idempotency keys beside a log that does not keep them, over the deaths of those who claimed them.</summary>
public sealed class AnswerClaimsTests : IAsyncLifetime
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AWhile = TimeSpan.FromMilliseconds(300);

    private readonly ShiftedClock _clock = new();
    private TestDatabase _database = null!;
    private Node _node = null!;

    public async Task InitializeAsync()
    {
        _database = await Node.CreateDatabaseAsync(await TestEventStore.StartAsync());
        _node = await Node.StartAsync(_database, _clock);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_claim_of_a_dead_service_on_the_same_stream_is_taken_over_at_once()
    {
        await ClaimAsync("k", Some.Append("a", -1), "dead");

        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Append("a", -1), "k", "mine").WaitAsync(Soon));
        Assert.Equal(AppendVerdict.KeyTaken, await AppendAsync(Some.Append("a", 0), "k", "again").WaitAsync(Soon));
        Assert.Equal("mine", await AnswerAsync("k"));
        Assert.Single(await EventsAsync("a"));
    }

    [Fact]
    public async Task A_late_append_of_a_dead_service_fails_once_its_key_was_taken_over()
    {
        var late = Some.Append("a", -1);
        await ClaimAsync("k", late, "dead");
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Append("a", -1), "k", "mine"));

        Assert.Equal(AppendVerdict.Conflict, (await _node.Log.AppendAsync(new Commit([late]))).Verdict);

        Assert.Equal("mine", await AnswerAsync("k"));
        Assert.Single(await EventsAsync("a"));
    }

    [Fact]
    public async Task A_late_append_of_a_dead_service_that_comes_first_has_the_key()
    {
        var late = Some.Append("a", -1);
        await ClaimAsync("k", late, "dead");
        Assert.Equal(AppendVerdict.Appended, (await _node.Log.AppendAsync(new Commit([late]))).Verdict);

        Assert.Equal(AppendVerdict.KeyTaken, await AppendAsync(Some.Append("a", 0), "k", "mine"));

        Assert.Equal("dead", await AnswerAsync("k"));
        Assert.Equal(late.Events[0].EventId, Assert.Single(await EventsAsync("a")));
    }

    [Fact]
    public async Task A_late_append_that_comes_between_the_claim_and_the_append_of_another_has_the_key()
    {
        var (late, mine) = (Some.Append("a", -1), Some.Append("a", -1));
        await ClaimAsync("k", late, "dead");
        await ClaimAsync("k", mine, "mine");
        Assert.Equal(AppendVerdict.Appended, (await _node.Log.AppendAsync(new Commit([late]))).Verdict);

        Assert.Equal(AppendVerdict.Conflict, (await _node.Log.AppendAsync(new Commit([mine]))).Verdict);
        Assert.Equal(AppendVerdict.KeyTaken, await AppendAsync(Some.Append("a", 0), "k", "again"));
        Assert.Equal("dead", await AnswerAsync("k"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_claim_for_another_stream_is_waited_for_until_its_append_can_only_fail(bool answerAlone)
    {
        await ClaimAsync("k", Some.Append("b", -1), "dead");

        var appending = AppendAsync(answerAlone ? null : Some.Append("a", -1), "k", "mine");
        await Assert.ThrowsAsync<TimeoutException>(() => appending.WaitAsync(AWhile));
        _clock.Advance(AnswerClaims.Lease - TimeSpan.FromSeconds(5));
        await Assert.ThrowsAsync<TimeoutException>(() => appending.WaitAsync(AWhile));
        Assert.Null(await AnswerAsync("k"));
        _clock.Advance(TimeSpan.FromSeconds(6));

        Assert.Equal(AppendVerdict.Appended, await appending.WaitAsync(Soon));
        Assert.Equal("mine", await AnswerAsync("k"));
        Assert.Equal(answerAlone ? 0 : 1, (await EventsAsync("a")).Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_append_that_comes_while_it_is_waited_for_has_the_key(bool answerAlone)
    {
        var late = Some.Append("b", -1);
        await ClaimAsync("k", late, "dead");
        var appending = AppendAsync(answerAlone ? null : Some.Append("a", -1), "k", "mine");
        await Assert.ThrowsAsync<TimeoutException>(() => appending.WaitAsync(AWhile));

        await _node.Log.AppendAsync(new Commit([late]));

        Assert.Equal(AppendVerdict.KeyTaken, await appending.WaitAsync(Soon));
        Assert.Equal("dead", await AnswerAsync("k"));
        Assert.Empty(await EventsAsync("a"));
    }

    [Fact]
    public async Task A_key_is_given_back_where_its_append_is_refused()
    {
        Assert.Equal(AppendVerdict.Conflict, await AppendAsync(Some.Append("a", 7), "k", "refused"));

        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Append("b", -1), "k", "mine").WaitAsync(Soon));
        Assert.Equal("mine", await AnswerAsync("k"));
    }

    [Fact]
    public async Task The_same_append_again_is_no_second_use_of_its_key()
    {
        var append = Some.Append("a", -1);
        await ClaimAsync("k", append, "mine");

        Assert.Equal(AppendVerdict.Appended, await AppendAsync(append, "k", "mine").WaitAsync(Soon));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(append, "k", "mine").WaitAsync(Soon));
        Assert.Single(await EventsAsync("a"));
    }

    [Fact]
    public async Task A_key_is_forgotten_after_a_day()
    {
        await AppendAsync(Some.Append("a", -1), "k", "yesterday");
        await AppendAsync(null, "alone", "yesterday");
        _clock.Advance(RecordedAnswer.Kept - TimeSpan.FromMinutes(1));
        Assert.Equal("yesterday", await AnswerAsync("k"));
        Assert.Equal(AppendVerdict.KeyTaken, await AppendAsync(null, "alone", "today"));

        _clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Null(await AnswerAsync("k"));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Append("a", 0), "k", "today"));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(null, "alone", "today"));
        Assert.Equal("today", await AnswerAsync("k"));
    }

    [Fact]
    public async Task Answers_of_the_time_when_the_log_was_in_PostgreSQL_count()
    {
        await using var answer = _node.Database.CreateCommand("insert into ledger.answer values ('k', $1, 'then', $2)");
        answer.Parameters.Add(new() { Value = new byte[] { 7, 8, 9 } });
        answer.Parameters.Add(new() { Value = _clock.Now() });
        await answer.ExecuteNonQueryAsync();

        Assert.Equal(AppendVerdict.KeyTaken, await AppendAsync(Some.Append("a", -1), "k", "now"));
        Assert.Equal("then", await AnswerAsync("k"));
        Assert.Empty(await EventsAsync("a"));
        _clock.Advance(RecordedAnswer.Kept + TimeSpan.FromMinutes(1));
        Assert.Equal(AppendVerdict.Appended, await AppendAsync(Some.Append("a", -1), "k", "now"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_two_nodes_that_use_a_key_at_once_one_has_it(bool sameStream)
    {
        await using var other = await Node.StartAsync(_database, _clock);
        for (var round = 0; round < 40; round++)
        {
            var key = Some.Name("k", round);
            var names = new[] { Some.Name("a", round), sameStream ? Some.Name("a", round) : Some.Name("b", round) };
            var ends = await Task.WhenAll(
                    AppendAsync(Some.Append(names[0], -1), key, "one"),
                    AppendAsync(Some.Append(names[1], -1), key, "other", other)
                )
                .WaitAsync(Soon);

            Assert.Single(ends, e => e is AppendVerdict.Appended);
            Assert.Single((await EventsAsync(names[0])).Union(await EventsAsync(names[1])));
            Assert.Equal(ends[0] is AppendVerdict.Appended ? "one" : "other", await AnswerAsync(key));
        }
    }

    [Fact]
    public async Task Without_the_database_of_the_keys_nothing_is_appended_under_one()
    {
        await using var away = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Database=away;Timeout=2");
        using var log = new EventStoreDbLog(
            _database.EventStore!.Choice,
            new AnswerClaims(away, _clock),
            _clock,
            NullLogger<EventStoreDbLog>.Instance
        );
        var commit = new Commit([Some.Append("a", -1)], Some.Answer("k", _clock.Now()));

        var appending = await Assert.ThrowsAsync<LedgerUnavailableException>(() => log.AppendAsync(commit));
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => log.FindAnswerAsync("k", default));

        Assert.False(appending.OutcomeUnknown);
        Assert.Empty(await EventsAsync("a"));
        Assert.Equal(AppendVerdict.Appended, (await log.AppendAsync(commit with { Answer = null })).Verdict);
    }

    private async Task<AppendVerdict> AppendAsync(StreamAppend? append, string key, string answer, Node? node = null) =>
        (await (node ?? _node).Log.AppendAsync(new Commit(append is null ? [] : [append], Some.Answer(key, _clock.Now(), answer)))).Verdict;

    private async Task<string?> AnswerAsync(string key) => (await _node.Log.FindAnswerAsync(key, default))?.Answer;

    private async Task<Guid[]> EventsAsync(string name) => [.. (await _node.StreamAsync(Some.Stream(name))).Select(e => e.EventId)];

    /// <summary>A claim as a service leaves it that dies before its append, or whose append is under way.</summary>
    private async Task ClaimAsync(string key, StreamAppend append, string answer)
    {
        await using var claim = _node.Database.CreateCommand("insert into ledger.claim values ($1, $2, $3, $4, $5, $6, $7)");
        claim.Parameters.Add(new() { Value = key });
        claim.Parameters.Add(new() { Value = append.Events[0].EventId });
        claim.Parameters.Add(new() { Value = new byte[] { 7, 8, 9 } });
        claim.Parameters.Add(new() { Value = answer });
        claim.Parameters.Add(new() { Value = append.Stream });
        claim.Parameters.Add(new() { Value = append.ExpectedVersion + 1 });
        claim.Parameters.Add(new() { Value = _clock.Now() });
        await claim.ExecuteNonQueryAsync();
    }
}
